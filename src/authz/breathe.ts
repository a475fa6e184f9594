import { setImmediate } from "node:timers/promises";

/** Lets waiting calls run between two steps of building a large policy. */
export async function breathe(): Promise<void> {
  await setImmediate();
}

/** How long one stretch of work may keep calls waiting, in milliseconds. A call has some ten turns, and waits in each. */
const stretchMs = 1;

/** For loops over what may be very many: does something only where others have waited for long enough. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  /** @param signal ends the work where it would let others run: `step` then rejects with its reason */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Undefined where there is nothing to wait for: an `await` of each turn would cost more than the turn. */
  step(): Promise<void> | undefined {
    if (performance.now() - this.#since < stretchMs) return undefined;
    return breathe().then(() => {
      this.#signal?.throwIfAborted();
      this.#since = performance.now();
    });
  }
}
