import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { LogClosed, StorageFull, TopicExists, TopicNotFound } from "../errors.js";
import { isTenantMade } from "../names.js";
import type { RecordBatch } from "../wire/records.js";
import { mostBytesOf } from "./memory-records.js";
import { type MemoryHost, MemoryTopic } from "./memory-topic.js";
import { type CommitLog, type LogStore, type TopicSettings, type Usage, defaultTopicSettings } from "./port.js";

export interface MemoryStoreOptions {
  /** What all topics may take together, in bytes; an append or a new topic beyond it is refused with StorageFull. */
  readonly maxBytes: number;
  /** The time, in whole milliseconds since 1970, for records and for their age. It should not jump. */
  readonly now: () => number;
}

export const defaultMemoryStoreOptions: MemoryStoreOptions = {
  maxBytes: 256 * 1024 * 1024,
  // Unlike Date.now it does not jump when the machine's clock is set: that must not make records look old.
  now: () => Math.floor(performance.timeOrigin + performance.now()),
};

/** What a topic takes without any records, about. */
const emptyTopicBytes = 1024;

interface Tenant {
  readonly logs: Map<string, MemoryTopic>;
  bytes: number;
  /** Those that count against a limit. */
  topics: number;
}

/**
 * Every topic's log in the memory of this process, for embedding and for tests. It keeps every promise of the port but
 * one: nothing outlives the store, not even a close, so that `durable` says no more than visible. No file, no timer:
 * its owner calls `maintain` every now and then, and until then nothing goes that the settings let go.
 *
 * `maxBytes` bounds what is stored; a pass of compaction needs some more for keys and for what it puts in the place of
 * what was. Retention by count is exact; by age and by bytes it takes whole blocks, each from one batch and of some
 * 64 KiB or one record. Compaction leaves the last record of each key in the whole topic.
 */
export class MemoryStore implements LogStore {
  readonly failure = undefined;
  readonly #maxBytes: number;
  readonly #host: MemoryHost;
  readonly #tenants = new Map<string, Tenant>();
  #bytes = 0;
  #maintaining: Promise<void> | undefined;
  #closed = false;

  constructor(options: Partial<MemoryStoreOptions> = {}) {
    const { maxBytes, now } = { ...defaultMemoryStoreOptions, ...options };
    this.#maxBytes = maxBytes;
    this.#host = {
      now,
      admit: (tenant, batch) => this.admit(tenant, batch),
      account: (tenant, bytes) => {
        this.#bytes += bytes;
        this.#tenant(tenant).bytes += bytes;
      },
    };
  }

  find(tenant: string, topic: string): CommitLog | undefined {
    return this.#tenants.get(tenant)?.logs.get(topic);
  }

  async open(tenant: string, topic: string, settings: TopicSettings = defaultTopicSettings): Promise<CommitLog> {
    return this.find(tenant, topic) ?? this.create(tenant, topic, settings);
  }

  async create(tenant: string, topic: string, settings: TopicSettings): Promise<CommitLog> {
    if (this.#closed) throw new LogClosed();
    if (this.find(tenant, topic) !== undefined) throw new TopicExists(tenant, topic);
    if (this.#bytes >= this.#maxBytes) throw new StorageFull();
    const name = { tenant, topic, topicId: randomBytes(16).toString("hex") };
    const log = new MemoryTopic(this.#host, name, settings);
    const owner = this.#tenant(tenant);
    owner.logs.set(topic, log);
    if (isTenantMade(topic)) owner.topics++;
    this.#bytes += emptyTopicBytes;
    return log;
  }

  async delete(log: CommitLog): Promise<void> {
    if (this.#closed) throw new LogClosed();
    const { tenant, topic } = log;
    const known = this.#tenants.get(tenant)?.logs.get(topic);
    if (known === undefined || known !== log) throw new TopicNotFound(tenant, topic);
    known.close(new TopicNotFound(tenant, topic));
    const owner = this.#tenant(tenant);
    owner.logs.delete(topic);
    if (isTenantMade(topic)) owner.topics--;
    this.#bytes -= emptyTopicBytes;
  }

  topics(tenant: string): readonly CommitLog[] {
    const logs = [...(this.#tenants.get(tenant)?.logs.values() ?? [])];
    return logs.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  usage(tenant: string): Usage {
    const { topics, bytes } = this.#tenants.get(tenant) ?? { topics: 0, bytes: 0 };
    return { topics, bytes };
  }

  async maintain(): Promise<void> {
    if (this.#closed) throw new LogClosed();
    this.#maintaining ??= this.#maintain().finally(() => (this.#maintaining = undefined));
    await this.#maintaining;
  }

  admit(_tenant: string, batch: RecordBatch): void {
    if (this.#closed) throw new LogClosed();
    if (this.#bytes + mostBytesOf(batch) > this.#maxBytes) throw new StorageFull();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const reason = new LogClosed();
    for (const { logs } of this.#tenants.values()) {
      for (const log of logs.values()) log.close(reason);
    }
  }

  async #maintain(): Promise<void> {
    const logs = [...this.#tenants.values()].flatMap((tenant) => [...tenant.logs.values()]);
    for (const log of logs) {
      await log.maintain();
      // Also when none has anything to do, ten thousand of them are not looked at in one go.
      await turn();
    }
  }

  #tenant(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known !== undefined) return known;
    const tenant = { logs: new Map<string, MemoryTopic>(), bytes: 0, topics: 0 };
    this.#tenants.set(name, tenant);
    return tenant;
  }
}
