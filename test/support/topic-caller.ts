import { type CommitLog, type LogStore, type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { appendDescribed, describedBatch } from "./described-records.js";
import { TopicLedger } from "./topic-ledger.js";

/** Does what callers of one tenant do, and notes what they were told. */
export class TopicCaller {
  readonly ledger: TopicLedger;
  readonly #store: LogStore;
  readonly #tenant: string;

  /** @param ledger what is known of the topics that are there already */
  constructor(store: LogStore, ledger = new TopicLedger(), tenant = "acme") {
    this.#store = store;
    this.ledger = ledger;
    this.#tenant = tenant;
  }

  async create(topic: string, settings = defaultTopicSettings): Promise<void> {
    const life = this.ledger.begin(topic);
    life.mayBeCompacted = settings.compact;
    life.settings = [settings];
    life.id = (await this.#store.create(this.#tenant, topic, settings)).topicId;
    life.created = true;
  }

  /** Batches of `records` records, one after the other; somebody reads on meanwhile. */
  async append(topic: string, batches: number, records = 6, recordBytes = 90): Promise<void> {
    const life = this.ledger.current(topic)!;
    const log = this.#log(topic);
    for (let batch = 0; batch < batches; batch++) {
      // One that was refused before may be stored all the same.
      const end = log.range().next + BigInt(records);
      life.attempted += BigInt(records);
      life.batchEnds = [...life.batchEnds, end];
      const seen = log.reach(end - 1n, AbortSignal.timeout(60_000)).then(() => (life.acknowledged = end));
      await Promise.all([appendDescribed(log, records, recordBytes), seen]);
      life.acknowledged = end;
    }
  }

  /** Appends what must not be stored, since another offset is expected than there is. */
  async appendInVain(topic: string): Promise<void> {
    const log = this.#log(topic);
    const batch = describedBatch(log.topicId, 0n, 3);
    const refused = await log.append(batch, { expectedOffset: log.range().next + 7n }).catch(() => undefined);
    if (refused !== undefined) throw new Error("an offset was expected that was not there, and nobody minded");
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
    if (life.settings.length > 0) life.settings = [...life.settings, settings];
    await this.#log(topic).configure(settings);
    if (life.settings.length > 0) life.settings = [settings];
  }

  /** With the start that every topic is to have afterwards. */
  async maintain(starts: Readonly<Record<string, bigint>> = {}): Promise<void> {
    for (const [topic, start] of Object.entries(starts)) this.ledger.current(topic)!.startAttempted = start;
    await this.#store.maintain();
    for (const [topic, start] of Object.entries(starts)) this.ledger.current(topic)!.start = start;
  }

  /** With the starts that the topics' settings give them, whatever these are. */
  async maintainAll(): Promise<void> {
    for (const topic of this.ledger.topics) {
      const life = this.ledger.current(topic)!;
      life.startAttempted = life.attempted;
    }
    await this.#store.maintain();
    for (const topic of this.ledger.topics) this.ledger.current(topic)!.start = this.#log(topic).range().base;
  }

  async delete(topic: string): Promise<void> {
    const life = this.ledger.current(topic)!;
    life.deleting = true;
    await this.#store.delete(this.#log(topic));
    life.deleted = true;
  }

  #log(topic: string): CommitLog {
    return this.#store.find(this.#tenant, topic)!;
  }
}
