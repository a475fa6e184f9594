import type { AccessRequest, Judge } from "../authz/index.js";

/** So many topics of one stream are remembered; of those before, nobody asks whether they may still be written to. */
const maxTopics = 256;

/** What one stream was allowed to write to. */
export class StreamWrites {
  readonly #authorizer: Judge;
  readonly #accesses = new Map<string, AccessRequest>();

  constructor(authorizer: Judge) {
    this.#authorizer = authorizer;
  }

  note(access: AccessRequest): void {
    const key = `${access.tenant}/${access.topic}`;
    if (this.#accesses.has(key)) return;
    this.#accesses.set(key, access);
    const [oldest] = this.#accesses.keys();
    if (this.#accesses.size > maxTopics) this.#accesses.delete(oldest!);
  }

  /** The refusal, if it was allowed something and may write to none of it any more. */
  whyNot(): unknown {
    const accesses = [...this.#accesses.values()];
    const last = accesses.at(-1);
    if (last === undefined || accesses.some((access) => this.#authorizer.permits(access))) return undefined;
    try {
      this.#authorizer.authorize(last);
      return undefined;
    } catch (error) {
      return error;
    }
  }
}
