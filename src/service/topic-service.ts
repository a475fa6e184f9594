import { JournalFailed, StorageFull, TopicNotFound } from "../errors.js";
import { type CommitLog, type TopicSettings, defaultTopicSettings } from "../log/index.js";
import { defaultTopic } from "../names.js";
import type { TenantLogs, TopicTarget } from "../tenancy/tenant-logs.js";
import { Browsing } from "./browsing.js";

/** Settings to come into force. 0 takes a limit off; what is undefined stays as it is. */
export interface SettingsChange {
  readonly retentionMs: number | undefined;
  readonly retentionBytes: number | undefined;
  readonly retentionRecords: number | undefined;
  readonly compact: boolean | undefined;
}

/** One topic as it is now. */
export interface TopicState {
  readonly tenant: string;
  readonly topic: string;
  /** 32 hex digits. */
  readonly topicId: string;
  readonly startOffset: bigint;
  readonly highWaterMark: bigint;
  readonly storedBytes: number;
  readonly createdMs: number;
  /** 0 if there was no record. */
  readonly lastTimestampMs: number;
  readonly settings: TopicSettings;
}

/** What a list shows. */
export interface TopicsWanted {
  /** Whose call it is. */
  readonly caller: string;
  readonly tenant: string;
  readonly prefix: string;
  /** Only names behind this one. */
  readonly after: string;
  readonly size: number;
  /** Whether the caller may see the topic. */
  readonly isShown: (topic: string) => boolean;
}

/** Make, describe, list, change and remove topics. No gRPC and no policy: whoever gets here is allowed to. */
export class TopicService {
  readonly #logs: TenantLogs;
  readonly #browsing = new Browsing();
  /** Changes of settings that are under way: each builds on the one before. */
  readonly #changes = new WeakMap<CommitLog, Promise<void>>();

  constructor(logs: TenantLogs) {
    this.#logs = logs;
  }

  /** @throws TopicExists, QuotaExceeded, StorageFull */
  async create(target: TopicTarget, settings: SettingsChange): Promise<TopicState> {
    return stateOf(await this.#logs.create(target, changed(defaultTopicSettings, settings)));
  }

  /** Gives the id that the topic had. @throws TopicNotFound, TopicIdMismatch */
  async delete(target: TopicTarget): Promise<string> {
    return this.#logs.delete(target);
  }

  /** @throws TopicNotFound, TopicIdMismatch */
  async describe(target: TopicTarget): Promise<TopicState> {
    return stateOf(await this.#logs.find(target));
  }

  /** @throws TopicNotFound, TopicIdMismatch */
  async update(target: TopicTarget, change: SettingsChange): Promise<TopicState> {
    const log = await this.#logs.find(target);
    const before = this.#changes.get(log)?.catch(() => undefined) ?? Promise.resolve();
    const changing = before.then(() => log.configure(changed(log.settings, change)));
    this.#changes.set(log, changing);
    await changing;
    return stateOf(log);
  }

  /** @throws TopicNotFound, TopicIdMismatch, OffsetOutOfRange past the high-water mark */
  async truncate(target: TopicTarget, beforeOffset: bigint): Promise<TopicState> {
    const log = await this.#logs.find(target);
    await log.trimBefore(beforeOffset);
    return stateOf(log);
  }

  /** One page of a tenant's topics, by name, and whether there are more. @throws Cancelled when the signal aborts */
  async list(wanted: TopicsWanted, signal: AbortSignal): Promise<{ topics: readonly TopicState[]; isLast: boolean }> {
    const { tenant, prefix, after, isShown } = wanted;
    const isOnPage = (topic: string): boolean => topic > after && topic.startsWith(prefix) && isShown(topic);
    // It always exists, so it is on the list; but a list makes nothing for a caller who may not see it.
    if (isOnPage(defaultTopic)) await this.#makeDefault(tenant);
    const picked = await this.#browsing.pick(
      wanted.caller,
      () => this.#logs.all(tenant),
      ({ topic }) => isOnPage(topic),
      wanted.size + 1,
      signal,
    );
    return { topics: picked.slice(0, wanted.size).flatMap(stateIfThere), isLast: picked.length <= wanted.size };
  }

  /** Where nothing can be made, as on a full disk, there is a list all the same. */
  async #makeDefault(tenant: string): Promise<void> {
    try {
      await this.#logs.find({ tenant, topic: defaultTopic, topicId: undefined });
    } catch (error) {
      if (!(error instanceof StorageFull || error instanceof JournalFailed)) throw error;
    }
  }
}

function changed(before: TopicSettings, change: SettingsChange): TopicSettings {
  const limit = (changedTo: number | undefined, was: number | undefined): number | undefined =>
    changedTo === undefined ? was : changedTo || undefined;
  return {
    retentionMs: limit(change.retentionMs, before.retentionMs),
    retentionBytes: limit(change.retentionBytes, before.retentionBytes),
    retentionRecords: limit(change.retentionRecords, before.retentionRecords),
    compact: change.compact ?? before.compact,
  };
}

function stateOf(log: CommitLog): TopicState {
  const { base, next } = log.range();
  const { tenant, topic, topicId, storedBytes, createdMs, lastTimestampMs, settings } = log;
  const offsets = { startOffset: base, highWaterMark: next };
  return { tenant, topic, topicId, ...offsets, storedBytes, createdMs, lastTimestampMs, settings };
}

/** Nothing for a topic that was deleted while the list was made. */
function stateIfThere(log: CommitLog): TopicState[] {
  try {
    return [stateOf(log)];
  } catch (error) {
    if (error instanceof TopicNotFound) return [];
    throw error;
  }
}
