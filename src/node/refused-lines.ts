import type { Logger } from "pino";
import { remedies } from "../identity/index.js";
import type { RefusalKind, RefusedConnection } from "../transport/index.js";

/** In so long, in milliseconds, */
const windowMs = 10_000;
/** so many refusals of one kind have a line each. Anybody who reaches the port can have as many as he likes. */
const maxLines = 200;
/** These say nothing of the one whom they meet, and come by the thousand when they come. */
const together: ReadonlySet<RefusalKind> = new Set(["full", "handshakes"]);

/** In characters. The reason may quote a certificate. */
const maxReason = 500;

interface Window {
  lines: number;
  /** Refusals that have had no line yet, and the last of them. */
  count: number;
  last: RefusedConnection | undefined;
}

/** The log's lines about connections that were refused: a flood of them has few, unless the log is to have everything. */
export class RefusedLines {
  readonly #logger: Logger;
  readonly #windows = new Map<RefusalKind, Window>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  note(refused: RefusedConnection): void {
    const { kind } = refused;
    let window = this.#windows.get(kind);
    if (window === undefined) {
      window = { lines: 0, count: 0, last: undefined };
      this.#windows.set(kind, window);
      setTimeout(() => this.#close(kind), windowMs).unref();
    }
    const line = { ...refused, reason: refused.reason.slice(0, maxReason), next: remedies[kind] };
    if (window.lines === (together.has(kind) ? 1 : maxLines)) {
      window.count++;
      window.last = line;
      // Whoever asks to be told of every call is told of these too.
      this.#logger.debug(line, "connection refused");
      return;
    }
    window.lines++;
    if (together.has(kind)) this.#logger.warn({ ...line, count: 1 }, "connections refused");
    else this.#logger.warn(line, "connection refused");
  }

  #close(kind: RefusalKind): void {
    const { count, last } = this.#windows.get(kind)!;
    this.#windows.delete(kind);
    if (count > 0) this.#logger.warn({ ...last, count }, "connections refused");
  }
}
