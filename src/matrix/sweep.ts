/** Whether anything that was refused is stored anywhere after all, in whatever topic of whatever tenant. */
import type { Store } from "./stage.js";

const readBytes = 1024 * 1024;

/** A record that has a mark, and where it is. */
export interface MarkedRecord {
  readonly text: string;
  /** With its tenant. */
  readonly topic: string;
}

/** Marks cells, so that what each of them sent can be told apart in what is stored. */
export class Marks {
  readonly #prefix: string;

  /** @param run tells this run from every other; of the characters of a topic name */
  constructor(run: string) {
    this.#prefix = `mark-${run}-`;
  }

  of(number: number): string {
    return `${this.#prefix}${number}.`;
  }

  /** The numbers of all marks that are stored, each with the topic where it was found first. */
  async stored(store: Store, tenants: readonly string[]): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for (const tenant of tenants) {
      for (const log of store.topics(tenant)) {
        let { base } = log.range();
        const { next } = log.range();
        while (base < next) {
          const frames = await log.read(base, { maxRecords: 10_000, maxBytes: readBytes });
          for (const part of frames.parts) {
            for (const number of this.#in(part)) {
              if (!found.has(number)) found.set(number, `${tenant}/${log.topic}`);
            }
          }
          base = frames.next;
        }
      }
    }
    return found;
  }

  /**
   * Where records are that have come since the last time, each by what it says from the mark on, up to 80 characters.
   * @param seen how far each topic was looked through, by its id; brought up to now
   */
  async since(store: Store, tenants: readonly string[], seen: Map<string, bigint>): Promise<readonly MarkedRecord[]> {
    const found: MarkedRecord[] = [];
    for (const tenant of tenants) {
      for (const log of store.topics(tenant)) {
        const { base: first, next } = log.range();
        const from = seen.get(log.topicId) ?? 0n;
        let base = from > first ? from : first;
        while (base < next) {
          const frames = await log.read(base, { maxRecords: 10_000, maxBytes: readBytes });
          const texts = frames.parts.flatMap((part) => [...this.#textsIn(part)]);
          found.push(...texts.map((text) => ({ text, topic: `${tenant}/${log.topic}` })));
          base = frames.next;
        }
        seen.set(log.topicId, next);
      }
    }
    return found;
  }

  *#textsIn(bytes: Buffer): Generator<string, void, undefined> {
    for (let at = bytes.indexOf(this.#prefix); at !== -1; at = bytes.indexOf(this.#prefix, at + 1)) {
      yield bytes.toString("latin1", at, at + 80);
    }
  }

  *#in(bytes: Buffer): Generator<number, void, undefined> {
    for (let at = bytes.indexOf(this.#prefix); at !== -1; at = bytes.indexOf(this.#prefix, at + 1)) {
      const start = at + this.#prefix.length;
      yield Number.parseInt(bytes.toString("latin1", start, start + 12), 10);
    }
  }
}
