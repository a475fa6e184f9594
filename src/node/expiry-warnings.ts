import { Pace } from "../authz/index.js";
import type { Connection } from "../identity/index.js";
import { x509Of } from "../x509.js";

const dayMs = 24 * 3_600_000;

/** So many days before a certificate ends there is a warning, the first one first. */
const steps = [30, 14, 7, 3, 1] as const;

/** A step that is a larger part of a certificate's life is left out: whoever gets one for a day renews it every day. */
const lifePart = 1 / 3;

/** Certificates of which it is kept that there was a warning; of the one that was forgotten there may be another. */
const maxKept = 10_000;

/** So often it is looked at who is still connected. */
const defaultPauseMs = 60_000;

export interface ExpiryWarning {
  /** The first one that was seen with the certificate. */
  readonly connection: Connection;
  /** What of 30, 14, 7, 3 and 1 it now ends within. */
  readonly withinDays: number;
}

/**
 * Warns of clients whose certificates end soon: once for each certificate and step, however many connections there are and
 * however often they come back. Looks at each connection when it is let in, and at those that stay every now and then.
 */
export class ExpiryWarnings implements AsyncDisposable {
  readonly #connections: Iterable<Connection>;
  readonly #warn: (warning: ExpiryWarning) => void;
  readonly #pauseMs: number;
  /** The last step of each certificate, by fingerprint; the one that was warned of longest ago comes first. */
  readonly #warned = new Map<string, number>();
  /** The same by connection, for as long as it lives: what was forgotten above must not come again every minute. */
  readonly #noted = new WeakMap<Connection, number>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(connections: Iterable<Connection>, warn: (warning: ExpiryWarning) => void, pauseMs = defaultPauseMs) {
    this.#connections = connections;
    this.#warn = warn;
    this.#pauseMs = pauseMs;
    this.#wait();
  }

  note(connection: Connection, nowMs = Date.now()): void {
    const { fingerprint256, endsMs } = connection.identity;
    const withinDays = steps.findLast((step) => endsMs - nowMs <= step * dayMs);
    if (withinDays === undefined || withinDays >= (this.#noted.get(connection) ?? Infinity)) return;
    this.#noted.set(connection, withinDays);
    if (withinDays >= (this.#warned.get(fingerprint256) ?? Infinity)) return;
    if (withinDays * dayMs > lifeMs(connection) * lifePart) return;
    this.#warned.delete(fingerprint256);
    this.#warned.set(fingerprint256, withinDays);
    if (this.#warned.size > maxKept) this.#warned.delete(this.#warned.keys().next().value!);
    this.#warn({ connection, withinDays });
  }

  /** Looks at every connection that is open. */
  async look(nowMs = Date.now()): Promise<void> {
    const pace = new Pace(this.#stop.signal);
    for (const connection of this.#connections) {
      const pausing = pace.step();
      if (pausing !== undefined) await pausing;
      this.note(connection, nowMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #wait(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      // It fails only because it is to stop.
      const again = (): void => this.#wait();
      this.#looking = this.look().then(again, again);
    }, this.#pauseMs).unref();
  }
}

/** How long its certificate is good in all. */
function lifeMs({ presented, identity }: Connection): number {
  return identity.endsMs - Date.parse(x509Of(presented.leaf).validFrom);
}
