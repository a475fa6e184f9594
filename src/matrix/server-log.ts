/** What the matrix's own server says about whom it lets in and what it answers. */
import { EventEmitter, once } from "node:events";
import { type Logger, pino } from "pino";

interface Line {
  readonly level: number;
  readonly msg?: string;
  readonly peer?: string;
  readonly principal?: string;
  readonly reason?: string;
  readonly method?: string;
  /** Of a request that is no call of any method. */
  readonly path?: string;
  readonly code?: string;
  /** How long a call took. */
  readonly milliseconds?: number;
}

/** What became of one connection. */
export type Entrance =
  | { readonly principal: string; readonly refusal: undefined }
  | { readonly principal: undefined; readonly refusal: string };

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
      await once(this.#events, "line", { signal });
    }
  }

  #take(text: string): void {
    const line = JSON.parse(text) as Line;
    if (line.level >= errorLevel) this.errors.push(line.msg ?? text);
    if ((line.method ?? line.path) !== undefined && line.code !== undefined) {
      // Of a request that is refused while its stream goes on, the call has another line when it ends.
      if (line.milliseconds !== undefined || line.path !== undefined) this.calls++;
    } else if (line.peer !== undefined && line.reason !== undefined) {
      this.#entrances.set(line.peer, { principal: undefined, refusal: line.reason });
    } else if (line.peer !== undefined && line.principal !== undefined) {
      this.#entrances.set(line.peer, { principal: line.principal, refusal: undefined });
    }
    this.#events.emit("line");
  }
}
