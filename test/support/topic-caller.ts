import { type CommitLog, type LogStore, type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { appendDescribed } from "./described-records.js";
import { TopicLedger } from "./topic-ledger.js";

/** Does what callers do, and notes what they were told. */
export class TopicCaller {
  readonly ledger: TopicLedger;
  readonly #store: LogStore;

  /** @param ledger what is known of the topics that are there already */
  constructor(store: LogStore, ledger = new TopicLedger()) {
    this.#store = store;
    this.ledger = ledger;
  }

  async create(topic: string, settings = defaultTopicSettings): Promise<void> {
    const life = this.ledger.begin(topic);
    life.mayBeCompacted = settings.compact;
    life.id = (await this.#store.create("acme", topic, settings)).topicId;
    life.created = true;
  }

  async append(topic: string, batches: number): Promise<void> {
    const life = this.ledger.current(topic)!;
    for (let batch = 0; batch < batches; batch++) {
      const { next } = this.#log(topic).range();
      // One that was refused before may be stored all the same.
      life.attempted += 6n;
      await appendDescribed(this.#log(topic), 6, 90);
      life.acknowledged = next + 6n;
    }
  }

  async trim(topic: string, offset: bigint): Promise<void> {
    const life = this.ledger.current(topic)!;
    life.startAttempted = offset;
    await this.#log(topic).trimBefore(offset);
    life.start = offset;
  }

  async configure(topic: string, settings: TopicSettings): Promise<void> {
    const life = this.ledger.current(topic)!;
    life.mayBeCompacted ||= settings.compact;
    await this.#log(topic).configure(settings);
  }

  /** With the start that every topic is to have afterwards. */
  async maintain(starts: Readonly<Record<string, bigint>> = {}): Promise<void> {
    for (const [topic, start] of Object.entries(starts)) this.ledger.current(topic)!.startAttempted = start;
    await this.#store.maintain();
    for (const [topic, start] of Object.entries(starts)) this.ledger.current(topic)!.start = start;
  }

  async delete(topic: string): Promise<void> {
    const life = this.ledger.current(topic)!;
    life.deleting = true;
    await this.#store.delete(this.#log(topic));
    life.deleted = true;
  }

  #log(topic: string): CommitLog {
    return this.#store.find("acme", topic)!;
  }
}
