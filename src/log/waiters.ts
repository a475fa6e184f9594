import { Cancelled } from "../errors.js";

interface Waiter {
  readonly offset: bigint;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Made once: thousands may give up at a time, and another one would take a stack trace for each. */
const cancelled = new Cancelled();

/** Those who wait for an offset, in offset order: an append wakes only those whose offset it reached. */
export class Waiters {
  readonly #waiting: Waiter[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when wake() passes `offset`. @throws Cancelled when the signal aborts first */
  add(offset: bigint, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled);
    return new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(cancelled);
      };
      const settled = (settle: () => void): void => {
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      const waiter: Waiter = {
        offset,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => reject(error)),
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#insert(waiter);
    });
  }

  /** Wakes everyone who waits for an offset below `next`. */
  wake(next: bigint): void {
    let reached = 0;
    while (reached < this.#waiting.length && this.#waiting[reached]!.offset < next) reached++;
    for (const waiter of this.#waiting.splice(0, reached)) waiter.resolve();
  }

  /** Wakes everyone with an error. */
  fail(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  #insert(waiter: Waiter): void {
    // Nearly everyone waits for the next record: the place is found from the end.
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.offset > waiter.offset) at--;
    this.#waiting.splice(at, 0, waiter);
  }
}
