/** `client.offsets`: where the consumer groups of a tenant go on reading. */
import type { CommitOffsetResponseOutput } from "../wire/generated/log/v1/CommitOffsetResponse.js";
import type { CommittedOffsetOutput } from "../wire/generated/log/v1/CommittedOffset.js";
import type { FetchOffsetResponseOutput } from "../wire/generated/log/v1/FetchOffsetResponse.js";
import type { ListOffsetsResponseOutput } from "../wire/generated/log/v1/ListOffsetsResponse.js";
import type { CallOptions, Calls } from "./calls.js";
import { requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";
import { allPages, pageRequest, type PageOptions } from "./pages.js";
import { named, uint64, type TopicOptions } from "./requests.js";

/** One position: of a consumer group of the caller's own tenant, in the topic `default` unless told otherwise. */
export interface OffsetOptions extends CallOptions {
  /** 1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit. */
  readonly group: string;
  readonly topic?: string | undefined;
  /** Whose topic; the caller's own tenant unless told otherwise. */
  readonly tenant?: string | undefined;
}

export interface CommitOffsetOptions extends OffsetOptions, TopicOptions {
  /** The offset to go on with: the one behind the last record that is done. */
  readonly offset: bigint;
}

export interface FetchedOffset {
  /** Undefined: nothing was committed for this topic, or for an earlier topic of the same name only. */
  readonly offset: bigint | undefined;
  /** The topic that has the name now, 16 bytes. */
  readonly topicId: Buffer;
  /** When it was committed, in milliseconds since 1970; undefined as `offset` is. */
  readonly committedMs: number | undefined;
}

export interface ListOffsetsOptions extends CallOptions, PageOptions {
  /** Only this topic's. */
  readonly topic?: string | undefined;
  /** Only topics of this tenant; of the caller's own unless told otherwise. */
  readonly tenant?: string | undefined;
  /** Only this consumer group's. */
  readonly group?: string | undefined;
}

/** Where one consumer group is in one topic. */
export interface CommittedOffset {
  readonly group: string;
  readonly tenant: string;
  readonly topic: string;
  /** 16 bytes. */
  readonly topicId: Buffer;
  readonly offset: bigint;
  /** Offsets from the position to the high-water mark. */
  readonly lag: bigint;
  /** When it was committed, in milliseconds since 1970. */
  readonly committedMs: number;
}

/** Every method throws `CallError` on a status other than OK. */
export class Offsets {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /**
   * Stores a position, and gives the id of the topic that it is bound to. Resolves once it is on the server's disk. With
   * the `topicId` that the records came with, a topic that was deleted and made anew meanwhile is FAILED_PRECONDITION.
   */
  async commit(options: CommitOffsetOptions): Promise<{ readonly topicId: Buffer }> {
    requireOptions(options, optionNames.commitOffset);
    const request = { ...position(options), ...named(options), offset: uint64("offset", options.offset) };
    const { topicId } = await this.#calls.unary<CommitOffsetResponseOutput>(options, ({ offsets }, ...rest) =>
      offsets.commit(request, ...rest),
    );
    return { topicId };
  }

  /** The position that was committed last. */
  async fetch(options: OffsetOptions): Promise<FetchedOffset> {
    requireOptions(options, optionNames.position);
    const request = position(options);
    const { offset, topicId, committedMs } = await this.#calls.unary<FetchOffsetResponseOutput>(
      options,
      ({ offsets }, ...rest) => offsets.fetch(request, ...rest),
    );
    return { offset, topicId, committedMs: offset === undefined ? undefined : Number(committedMs) };
  }

  /** The positions of the caller's tenant on topics that the caller may consume; page after page, each within `timeoutMs`. */
  async *list(options: ListOffsetsOptions = {}): AsyncGenerator<CommittedOffset, void, undefined> {
    requireOptions(options, optionNames.listOffsets);
    const { topic, tenant } = named(options);
    const request = { ...pageRequest(options), topic, tenant, group: requireText("group", options.group ?? "") };
    const page = async (pageToken: string) => {
      const { offsets, nextPageToken } = await this.#calls.unary<ListOffsetsResponseOutput>(options, (stubs, ...rest) =>
        stubs.offsets.list({ ...request, pageToken }, ...rest),
      );
      return { items: offsets.map(fromWire), nextPageToken };
    };
    yield* allPages(page);
  }

  /** Forgets a position. */
  async delete(options: OffsetOptions): Promise<void> {
    requireOptions(options, optionNames.position);
    const request = position(options);
    await this.#calls.unary(options, ({ offsets }, ...rest) => offsets.delete(request, ...rest));
  }
}

function position(options: OffsetOptions): { readonly group: string; readonly topic: string; readonly tenant: string } {
  const { topic, tenant } = named(options);
  return { group: requireText("group", options.group), topic, tenant };
}

function fromWire({ group, tenant, topic, topicId, offset, lag, committedMs }: CommittedOffsetOutput): CommittedOffset {
  return { group, tenant, topic, topicId, offset, lag, committedMs: Number(committedMs) };
}
