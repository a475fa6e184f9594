/** What lies between a client and a server: bytes go through, until they do not. */
import { EventEmitter, once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class Relay implements AsyncDisposable {
  /** Connections there ever were. */
  accepted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #changes = new EventEmitter();
  #gate: Promise<void> = Promise.resolve();
  #target: number;
  #open = 0;
  /** Whoever is sent the next bytes gets none of them, and every connection is broken off. */
  #cutsBefore: "client" | "server" | undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => {
      const far = connect(this.#target, "127.0.0.1");
      for (const socket of [near, far]) this.#sockets.add(socket.on("error", () => undefined));
      this.accepted++;
      this.#count(1);
      near.on("close", () => this.#count(-1));
      void this.#gate.then(() => {
        // Before the pipes: a cut takes with it the bytes that it is about.
        near.on("data", () => this.#cutIf("server"));
        far.on("data", () => this.#cutIf("client"));
        near.pipe(far).pipe(near);
      });
    });
  }

  /** Connections to it lead to that port of this machine. */
  static async start(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await once(relay.#server.listen(0, "127.0.0.1"), "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#open;
  }

  /** Resolves when so many connections are open. */
  async reaches(open: number): Promise<void> {
    while (this.#open !== open) await once(this.#changes, "change");
  }

  /** Nothing goes through any more, in either direction, and nobody is told. */
  silence(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** Connections that come now are let through when what this returns is called. */
  hold(): () => void {
    let release!: () => void;
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  /** Breaks every connection off. New ones lead to another port. */
  cut(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }

  /** Breaks every connection off when there are bytes for that side the next time: they do not come through; undefined takes it back. */
  cutBefore(side: "client" | "server" | undefined): void {
    this.#cutsBefore = side;
  }

  /** Resolves when that has happened. */
  async wasCut(): Promise<void> {
    while (this.#cutsBefore !== undefined) await once(this.#changes, "change");
  }

  #cutIf(side: "client" | "server"): void {
    if (this.#cutsBefore !== side) return;
    this.#cutsBefore = undefined;
    for (const socket of this.#sockets) socket.unpipe();
    this.cut(this.#target);
    this.#changes.emit("change");
  }

  #count(change: number): void {
    this.#open += change;
    this.#changes.emit("change");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut(this.#target);
    this.#server.close();
  }
}
