import type { Socket } from "node:net";

/** A handshake that is not finished by then is cut, whatever bytes trickle in. */
export const handshakeMs = 10_000;
/** More of them are not under way at a time. */
export const maxHandshakes = 1_000;

type Ends = Pick<Socket, "localAddress" | "localPort" | "remoteAddress" | "remotePort">;

/** Why a handshake is cut. */
export type CutReason = "timeout" | "handshakes";

interface Unfinished {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/** Connections whose handshake is not finished: each for a bounded time, and not too many together. */
export class Handshakes {
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #most: number;
  readonly #onCut: (socket: Socket, why: CutReason) => void;

  /** @param onCut called before the socket is destroyed */
  constructor(most: number, onCut: (socket: Socket, why: CutReason) => void) {
    this.#most = most;
    this.#onCut = onCut;
  }

  get size(): number {
    return this.#unfinished.size;
  }

  /** The oldest makes room for one too many: nobody can keep others out by connections on which he says nothing. */
  begin(socket: Socket): void {
    const key = keyOf(socket);
    const timer = setTimeout(() => this.#cut(key, "timeout"), handshakeMs).unref();
    // Ends are given out again only when they are free.
    clearTimeout(this.#unfinished.get(key)?.timer);
    this.#unfinished.set(key, { socket, timer });
    socket.once("close", () => {
      if (this.#unfinished.get(key)?.socket === socket) this.end(socket, key);
    });
    const [oldest] = this.#unfinished.keys();
    if (this.#unfinished.size > this.#most) this.#cut(oldest!, "handshakes");
  }

  /** @param ends of the connection, as the socket beneath TLS or the one on top of it has them */
  end(ends: Ends, key = keyOf(ends)): void {
    clearTimeout(this.#unfinished.get(key)?.timer);
    this.#unfinished.delete(key);
  }

  #cut(key: string, why: CutReason): void {
    const { socket } = this.#unfinished.get(key)!;
    this.end(socket, key);
    this.#onCut(socket, why);
    socket.destroy();
  }
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Ends): string {
  return `${localAddress}|${localPort}|${remoteAddress}|${remotePort}`;
}
