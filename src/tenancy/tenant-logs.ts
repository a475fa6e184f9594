import { QuotaExceeded, TopicExists, TopicIdMismatch, TopicNotFound } from "../errors.js";
import type { AppendOptions, CommitLog, LogStore, PendingAppend, RecordBatch, TopicSettings } from "../log/index.js";
import { defaultTopic, isTopicName } from "../names.js";
import type { TenantLimits } from "../tenant-limits.js";

/** Which topic a caller means, by whole names: nothing is left for anyone to fill in. */
export interface TopicTarget {
  readonly tenant: string;
  readonly topic: string;
  /** 32 hex digits, if the caller insists on a topic id. */
  readonly topicId: string | undefined;
}

/** What a record takes on disk beside its own bytes, at most, and what a commit takes, which holds some 256 KiB of them. */
const frameBytes = 24;
const headerBytes = 512;
const commitBytes = 128 * 1024;

/** Which log is whose, and how much of it there may be. Whoever asks has been allowed to. */
export class TenantLogs {
  readonly #store: LogStore;
  readonly #limitsOf: (tenant: string) => TenantLimits;
  /** Topics that are being made, by tenant and topic. */
  readonly #making = new Map<string, Promise<CommitLog>>();

  /** @param limitsOf asked each time, so it may follow a policy that changes */
  constructor(store: LogStore, limitsOf: (tenant: string) => TenantLimits) {
    this.#store = store;
    this.#limitsOf = limitsOf;
  }

  /**
   * An existing topic's log. `default` always exists.
   *
   * @throws TopicNotFound, TopicIdMismatch
   */
  async find(target: TopicTarget): Promise<CommitLog> {
    const log =
      this.#store.find(target.tenant, target.topic) ??
      (target.topic === defaultTopic ? await this.#store.open(target.tenant, target.topic) : undefined);
    if (log === undefined) throw new TopicNotFound(target.tenant, target.topic);
    return withId(log, target.topicId);
  }

  /**
   * The topic's log, created if it is missing and `mayCreate` says so.
   * @throws TopicNotFound, TopicIdMismatch, QuotaExceeded
   */
  async findOrCreate(target: TopicTarget, mayCreate: () => boolean): Promise<CommitLog> {
    const known = this.#store.find(target.tenant, target.topic);
    if (known !== undefined) return withId(known, target.topicId);
    // A topic that a caller knows the id of is not one that is yet to be made, and system topics are not for callers.
    const isNew = target.topic !== defaultTopic && target.topicId === undefined && isTopicName(target.topic);
    if (!isNew || !mayCreate()) return this.find(target);
    const { tenant, topic } = target;
    return this.#making.get(keyOf(target)) ?? this.#make(target, () => this.#store.open(tenant, topic));
  }

  /** @throws TopicExists, QuotaExceeded */
  async create({ tenant, topic }: TopicTarget, settings: TopicSettings): Promise<CommitLog> {
    const exists = topic === defaultTopic || this.#store.find(tenant, topic) !== undefined;
    if (exists || this.#making.has(keyOf({ tenant, topic }))) throw new TopicExists(tenant, topic);
    return this.#make({ tenant, topic }, () => this.#store.create(tenant, topic, settings));
  }

  /** Gives the id that the topic had. @throws TopicNotFound, TopicIdMismatch */
  async delete(target: TopicTarget): Promise<string> {
    const log = await this.find(target);
    await this.#store.delete(log);
    return log.topicId;
  }

  /** The topic that has the name now, if any: `default` only once it was used. */
  known(tenant: string, topic: string): CommitLog | undefined {
    return this.#store.find(tenant, topic);
  }

  /** The logs of one tenant, in order of their names: `default` only once it was used. */
  all(tenant: string): readonly CommitLog[] {
    return this.#store.topics(tenant);
  }

  /** As `log.append`, and within the limits of the tenant whose topic it is. @throws QuotaExceeded */
  async append(log: CommitLog, batch: RecordBatch, options: AppendOptions): Promise<PendingAppend> {
    // No await between the two: what the one finds free, nobody else can take before the other does.
    if (options.producer === undefined) {
      this.#checkLimits(log.tenant, batch);
      return log.append(batch, options);
    }
    // A batch that is there already takes nothing.
    return log.append(batch, { ...options, mayTake: () => this.#checkLimits(log.tenant, batch) });
  }

  /** Refuses what no log of the tenant would take at the moment. @throws as `LogStore.admit`, QuotaExceeded */
  admit(tenant: string, batch: RecordBatch): void {
    this.#checkLimits(tenant, batch);
    this.#store.admit(tenant, batch);
  }

  /** Makes a topic if the tenant may have one more. */
  async #make(names: { tenant: string; topic: string }, make: () => Promise<CommitLog>): Promise<CommitLog> {
    const { topics } = this.#limitsOf(names.tenant);
    if (this.#store.usage(names.tenant).topics >= topics) throw new QuotaExceeded(names.tenant, "topics", topics);
    const made = make();
    this.#making.set(keyOf(names), made);
    try {
      return await made;
    } finally {
      this.#making.delete(keyOf(names));
    }
  }

  #checkLimits(tenant: string, batch: RecordBatch): void {
    const limits = this.#limitsOf(tenant);
    const { largest, total } = batch.payload;
    if (largest > limits.record_bytes) throw new QuotaExceeded(tenant, "record_bytes", limits.record_bytes);
    if (total > limits.batch_bytes) throw new QuotaExceeded(tenant, "batch_bytes", limits.batch_bytes);
    if (this.#store.usage(tenant).bytes + storedBytes(batch) > limits.storage_bytes) {
      throw new QuotaExceeded(tenant, "storage_bytes", limits.storage_bytes);
    }
  }
}

/** What a batch takes on disk, at most. */
function storedBytes({ bodyBytes, count }: RecordBatch): number {
  const bytes = bodyBytes + count * frameBytes;
  return bytes + headerBytes * Math.ceil(bytes / commitBytes);
}

function keyOf({ tenant, topic }: { readonly tenant: string; readonly topic: string }): string {
  return `${tenant}/${topic}`;
}

function withId(log: CommitLog, topicId: string | undefined): CommitLog {
  if (topicId !== undefined && topicId !== log.topicId) throw new TopicIdMismatch(topicId, log.topicId);
  return log;
}
