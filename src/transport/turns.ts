import { PolicyBusy } from "../policy-errors.js";

/** Work that takes seconds: so much of it at a time, and one for each of those who ask. */
export class Turns {
  readonly #taken = new Set<string>();
  readonly #most: number;

  /** @param most for all together */
  constructor(most: number) {
    this.#most = most;
  }

  /** Does the work at once or not at all. @throws PolicyBusy */
  async take<T>(asker: string, work: () => Promise<T>): Promise<T> {
    const end = this.begin(asker);
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** The same until what it returns is called, once. @throws PolicyBusy */
  begin(asker: string): () => void {
    if (this.#taken.has(asker)) throw new PolicyBusy(asker);
    if (this.#taken.size >= this.#most) throw new PolicyBusy("others");
    this.#taken.add(asker);
    return () => this.#taken.delete(asker);
  }
}
