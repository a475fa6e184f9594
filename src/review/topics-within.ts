import { wildcard } from "../authz/index.js";
import { inOrder, type KnownTopic } from "./known-topics.js";

/** Known topics of one tenant, to be found by the patterns that cover them. */
export class TopicsWithin {
  /** Sorted as `KnownTopics` gives them. */
  readonly all: readonly KnownTopic[];
  readonly #keys: readonly string[];

  constructor(topics: readonly KnownTopic[]) {
    this.all = topics;
    this.#keys = topics.map(inOrder);
  }

  /** Those that one of the patterns covers wholly, in order. */
  coveredBy(patterns: Iterable<string>): readonly KnownTopic[] {
    const found = new Set<number>();
    for (const pattern of patterns) {
      const isPrefix = pattern.endsWith(wildcard);
      const start = isPrefix ? pattern.slice(0, -1) : pattern;
      for (let at = this.#firstFrom(start); at < this.all.length; at++) {
        const isCovered = isPrefix ? this.#keys[at]!.startsWith(start) : this.#keys[at] === start;
        if (!isCovered) break;
        if (!isPrefix || !this.#keys[at]!.startsWith("_")) found.add(at);
      }
    }
    return [...found].sort((one, other) => one - other).map((at) => this.all[at]!);
  }

  *allBut(some: readonly KnownTopic[]): Generator<KnownTopic> {
    const left = new Set(some);
    for (const topic of this.all) if (!left.has(topic)) yield topic;
  }

  #firstFrom(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
