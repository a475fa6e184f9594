/** What the matrix's own server says about whom it lets in and what it answers. */
import { EventEmitter, once } from "node:events";
import { type Logger, pino } from "pino";

/** A line of the log, as far as the matrix reads it. */
export interface Line {
  readonly level: number;
  readonly msg?: string;
  readonly peer?: string;
  readonly principal?: string;
  readonly tenant?: string;
  readonly topic?: string;
  /** What the policy was asked for. */
  readonly action?: string;
  readonly reason?: string;
  /** Why a connection was refused, in the word by which it is counted. */
  readonly kind?: string;
  readonly requestId?: string;
  readonly method?: string;
  /** Of a request that is no call of any method. */
  readonly path?: string;
  readonly code?: string;
  /** How long a call took. */
  readonly milliseconds?: number;
}

/** What a denial is about. */
export type Asked = Pick<Line, "principal" | "tenant" | "topic" | "action">;

/** What became of one connection. */
export type Entrance =
  | { readonly principal: string; readonly refusal: undefined }
  | { readonly principal: undefined; readonly refusal: string; readonly kind: string };

const errorLevel = 50;

/** How long the server may take to say what became of a connection. */
const patienceMs = 10_000;

export class ServerLog {
  readonly logger: Logger;
  /** Requests that the server answered, with whatever status. */
  calls = 0;
  /** What the server itself calls an error; a test of rights should bring none about. */
  readonly errors: string[] = [];
  readonly #entrances = new Map<string, Entrance>();
  readonly #denials = new Map<string, string>();
  /** How many there were, by their action. */
  #denied = new Map<string, number>();
  readonly #noted = new Map<string, Line[]>();
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor() {
    this.logger = pino({ level: "debug", base: null, timestamp: false }, { write: (text) => this.#take(text) });
  }

  /** What became of the connection from `peer`, an address as in `127.0.0.1:50000`. @throws AbortError */
  async entranceOf(peer: string): Promise<Entrance> {
    const signal = AbortSignal.timeout(patienceMs);
    for (;;) {
      const entrance = this.#entrances.get(peer);
      // A port is given out again, and then it is another connection's.
      if (this.#entrances.delete(peer)) return entrance!;
      // By its own name: to wake everyone who waits for some line would cost as much as what is tried.
      await once(this.#events, peer, { signal });
    }
  }

  /** Why something about this was denied last, in the server's words; undefined if it was not since it was asked for. */
  takeDenial(asked: Asked): string | undefined {
    const key = keyOf(asked);
    const reason = this.#denials.get(key);
    this.#denials.delete(key);
    return reason;
  }

  /** How often each action was denied since this was asked for the last time. */
  takeDenied(): ReadonlyMap<string, number> {
    const denied = this.#denied;
    this.#denied = new Map();
    return denied;
  }

  /** From now on what is said of the call with this request id is kept, until it is asked for. */
  note(requestId: string): void {
    this.#noted.set(requestId, []);
  }

  /** What was said of a call that was noted; it is forgotten then. */
  linesOf(requestId: string): readonly Line[] {
    const lines = this.#noted.get(requestId) ?? [];
    this.#noted.delete(requestId);
    return lines;
  }

  /** Resolves with the next line that says this. @throws AbortError */
  async said(message: string, signal = AbortSignal.timeout(patienceMs)): Promise<Line> {
    for (;;) {
      const [line] = (await once(this.#events, "line", { signal })) as [Line];
      if (line.msg === message) return line;
    }
  }

  #take(text: string): void {
    const line = JSON.parse(text) as Line;
    if (line.level >= errorLevel) this.errors.push(line.msg ?? text);
    if (line.msg === "denied") this.#noteDenial(line);
    if (line.requestId !== undefined) this.#noted.get(line.requestId)?.push(line);
    if ((line.method ?? line.path) !== undefined && line.code !== undefined) {
      // Of a request that is refused while its stream goes on, the call has another line when it ends.
      if (line.milliseconds !== undefined || line.path !== undefined) this.calls++;
    } else if (line.peer !== undefined && line.msg === "connection refused") {
      const { reason = "", kind = "" } = line;
      this.#noteEntrance(line.peer, { principal: undefined, refusal: reason, kind });
    } else if (line.peer !== undefined && line.msg === "connected" && line.principal !== undefined) {
      this.#noteEntrance(line.peer, { principal: line.principal, refusal: undefined });
    }
    this.#events.emit("line", line);
  }

  #noteDenial(line: Line): void {
    const { action = "", reason = "" } = line;
    this.#denials.set(keyOf(line), reason);
    this.#denied.set(action, (this.#denied.get(action) ?? 0) + 1);
  }

  #noteEntrance(peer: string, entrance: Entrance): void {
    this.#entrances.set(peer, entrance);
    this.#events.emit(peer);
  }
}

function keyOf({ principal, tenant, topic, action }: Asked): string {
  return [principal, tenant, topic, action].join(" ");
}
