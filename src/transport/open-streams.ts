import { QuotaExceeded } from "../errors.js";

/** When a stream may have ended by itself, in milliseconds. */
const retryAfterMs = 1_000;

/** How many streams each tenant's principals have open. */
export class OpenStreams {
  readonly #counts = new Map<string, number>();

  /** Counts one more, until what it returns is called; more than once is as good. @throws QuotaExceeded */
  enter(tenant: string, maximum: number): () => void {
    const count = this.#counts.get(tenant) ?? 0;
    if (count >= maximum) throw new QuotaExceeded(tenant, "streams", maximum, retryAfterMs);
    this.#counts.set(tenant, count + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = this.#counts.get(tenant)! - 1;
      if (left === 0) this.#counts.delete(tenant);
      else this.#counts.set(tenant, left);
    };
  }
}
