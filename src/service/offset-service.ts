import { OffsetOutOfRange } from "../errors.js";
import { type Principal, formatPrincipal } from "../names.js";
import type { CommittedOffsets } from "../tenancy/committed-offsets.js";
import type { TenantLogs, TopicTarget } from "../tenancy/tenant-logs.js";
import { Browsing } from "./browsing.js";

/** Where a consumer group is in a topic. */
export interface FetchedOffset {
  /** Of the topic that has the name now. */
  readonly topicId: string;
  /** Undefined: nothing was stored for this topic. */
  readonly position: { readonly offset: bigint; readonly committedMs: number } | undefined;
}

/** One entry of a list. */
export interface ListedOffset {
  readonly group: string;
  readonly tenant: string;
  readonly topic: string;
  readonly topicId: string;
  readonly offset: bigint;
  /** Offsets that are still to be read: from the position, or from the start if that is later, to the high-water mark. */
  readonly lag: bigint;
  readonly committedMs: number;
}

/** What a list shows. Empty: every topic, every group. */
export interface OffsetsWanted {
  readonly tenant: string;
  readonly topic: string;
  readonly group: string;
  readonly after: { readonly topic: string; readonly group: string } | undefined;
  readonly size: number;
  /** Whether the caller may see the topic's positions. */
  readonly isShown: (topic: string) => boolean;
}

/**
 * The positions of consumer groups, which belong to the caller's tenant. No gRPC and no policy: whoever gets here is
 * allowed to.
 */
export class OffsetService {
  readonly #logs: TenantLogs;
  readonly #offsets: CommittedOffsets;
  readonly #browsing = new Browsing();

  constructor(logs: TenantLogs, offsets: CommittedOffsets) {
    this.#logs = logs;
    this.#offsets = offsets;
  }

  /**
   * Resolves with the topic's id once the position is on disk.
   * @throws TopicNotFound, TopicIdMismatch, LimitExceeded, OffsetOutOfRange past the high-water mark
   */
  async commit(caller: Principal, group: string, target: TopicTarget, offset: bigint): Promise<string> {
    const log = await this.#logs.find(target);
    const { base, next } = log.range();
    if (offset > next) throw new OffsetOutOfRange(offset, base, next);
    const { tenant, topic, topicId } = log;
    const position = { topicId, offset, committedMs: Date.now(), by: formatPrincipal(caller) };
    await this.#offsets.store(caller.tenant, { tenant, topic, group }, position);
    return topicId;
  }

  /** @throws TopicNotFound */
  async fetch(caller: Principal, group: string, target: TopicTarget): Promise<FetchedOffset> {
    const { tenant, topic, topicId } = await this.#logs.find(target);
    return { topicId, position: await this.#offsets.fetch(caller.tenant, { tenant, topic, group }, topicId) };
  }

  /** Also where there is no position and no topic: it is forgotten all the same. */
  async forget(caller: Principal, group: string, { tenant, topic }: TopicTarget): Promise<void> {
    await this.#offsets.forget(caller.tenant, { tenant, topic, group });
  }

  /** One page of positions, by topic and group, and whether there are more. @throws Cancelled when the signal aborts */
  async list(
    caller: Principal,
    wanted: OffsetsWanted,
    signal: AbortSignal,
  ): Promise<{ offsets: readonly ListedOffset[]; isLast: boolean }> {
    const known = await this.#offsets.all(caller.tenant);
    const picked = await this.#browsing.pick(
      caller.tenant,
      () => known,
      (position) => isOnPage(position, wanted) && this.#lagOf(position) !== undefined,
      wanted.size + 1,
      signal,
    );
    const offsets = picked.slice(0, wanted.size).flatMap(({ group, tenant, topic, topicId, offset, committedMs }) => {
      const lag = this.#lagOf({ tenant, topic, topicId, offset });
      return lag === undefined ? [] : [{ group, tenant, topic, topicId, offset, lag, committedMs }];
    });
    return { offsets, isLast: picked.length <= wanted.size };
  }

  /** Undefined for a topic that is gone. */
  #lagOf(position: { tenant: string; topic: string; topicId: string; offset: bigint }): bigint | undefined {
    const log = this.#logs.known(position.tenant, position.topic);
    if (log?.topicId !== position.topicId) return undefined;
    const { base, next } = log.range();
    return next - (position.offset > base ? position.offset : base);
  }
}

function isOnPage(
  position: { readonly tenant: string; readonly topic: string; readonly group: string },
  { tenant, topic, group, after, isShown }: OffsetsWanted,
): boolean {
  return (
    position.tenant === tenant &&
    (topic === "" || position.topic === topic) &&
    (group === "" || position.group === group) &&
    (after === undefined || isBehind(position, after)) &&
    isShown(position.topic)
  );
}

function isBehind(
  one: { readonly topic: string; readonly group: string },
  other: { readonly topic: string; readonly group: string },
): boolean {
  return one.topic === other.topic ? one.group > other.group : one.topic > other.topic;
}
