import { setImmediate as nextTurn } from "node:timers/promises";

/** How long a stretch is at least and at most, in milliseconds. */
const shortestMs = 10;
const longestMs = 25;

/**
 * For long work that must not wait: does it in stretches, with everybody else's turn in between. In a busy server such a turn
 * takes long, and the stretch behind it as long: so the work has half of the processor, and is not put off for seconds.
 */
export class Stretches {
  #lengthMs = shortestMs;
  #since = performance.now();

  /** Undefined where there is nothing to wait for: to await each step would cost more than the step. */
  step(): Promise<void> | undefined {
    const endedAt = performance.now();
    if (endedAt - this.#since < this.#lengthMs) return undefined;
    return nextTurn().then(() => {
      this.#since = performance.now();
      this.#lengthMs = Math.min(Math.max(shortestMs, this.#since - endedAt), longestMs);
    });
  }
}
