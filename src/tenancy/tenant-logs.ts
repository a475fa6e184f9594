import { TopicIdMismatch, TopicNotFound } from "../errors.js";
import type { CommitLog, LogStore, RecordBatch } from "../log/index.js";
import { defaultTopic, isTopicName } from "../names.js";

/** Which topic a caller means, by whole names: nothing is left for anyone to fill in. */
export interface TopicTarget {
  readonly tenant: string;
  readonly topic: string;
  /** 32 hex digits, if the caller insists on a topic id. */
  readonly topicId: string | undefined;
}

/** Which log is whose. Whoever asks has been allowed to. */
export class TenantLogs {
  readonly #store: LogStore;

  constructor(store: LogStore) {
    this.#store = store;
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

  /** The topic's log, created if it is missing and `mayCreate` says so. @throws TopicNotFound, TopicIdMismatch */
  async findOrCreate(target: TopicTarget, mayCreate: () => boolean): Promise<CommitLog> {
    const known = this.#store.find(target.tenant, target.topic);
    if (known !== undefined) return withId(known, target.topicId);
    // A topic that a caller knows the id of is not one that is yet to be made, and system topics are not for callers.
    const isNew = target.topic !== defaultTopic && target.topicId === undefined && isTopicName(target.topic);
    if (!isNew || !mayCreate()) return this.find(target);
    return this.#store.open(target.tenant, target.topic);
  }

  /** Refuses what no log of the tenant would take at the moment. @throws as `LogStore.admit` */
  admit(tenant: string, batch: RecordBatch): void {
    this.#store.admit(tenant, batch);
  }
}

function withId(log: CommitLog, topicId: string | undefined): CommitLog {
  if (topicId !== undefined && topicId !== log.topicId) throw new TopicIdMismatch(topicId, log.topicId);
  return log;
}
