import { OffsetOutOfRange, RecordCorrupt } from "../errors.js";
import type { TopicEnd } from "./checkpoint.js";
import { Gatherer } from "./gatherer.js";
import type { PendingCommits } from "./pending-commits.js";
import type { OffsetRange, ReadLimits, RecordFrames } from "./port.js";
import { lastIndexWhere, lastIndexWhereAsync } from "./search.js";
import type { Segment } from "./segment.js";
import type { TopicCondition } from "./topic-condition.js";
import type { TopicFiles } from "./topic-files.js";

/** The topic that is read. */
interface Topic {
  readonly topicId: string;
  readonly files: TopicFiles;
  /** Where what is durable ends. */
  readonly end: TopicEnd;
  range(): OffsetRange;
}

/** A commit that was looked for. */
export interface FoundCommit {
  readonly offset: bigint;
  /** Undefined at the end of the range. */
  readonly timeMs: number | undefined;
}

/** Finds what is durable of one topic, wherever it is now: in segments, in memory, or in a rescue file. */
export class TopicReader {
  readonly #topic: Topic;
  readonly #pending: PendingCommits;
  readonly #condition: TopicCondition;

  /** @param pending what is durable and in no segment yet */
  constructor(topic: Topic, pending: PendingCommits, condition: TopicCondition) {
    this.#topic = topic;
    this.#pending = pending;
    this.#condition = condition;
  }

  /** @throws OffsetOutOfRange, RecordCorrupt, or why the topic refuses */
  async read(offset: bigint, limits: ReadLimits): Promise<RecordFrames> {
    return this.#onFiles(async () => {
      const range = this.#topic.range();
      if (offset < range.base || offset >= range.next) throw new OffsetOutOfRange(offset, range.base, range.next);
      const gatherer = new Gatherer(offset, limits);
      const { files } = this.#topic;
      const { rescue } = files;
      const written = rescue?.base ?? this.#pending.base ?? range.next;
      if (rescue !== undefined && offset >= written && offset < rescue.next) {
        await files.readRescue(rescue, offset, gatherer);
      } else if (offset >= written) this.#pending.read(offset, gatherer);
      else await this.#readSegments(offset, limits, gatherer);
      if (!gatherer.isEmpty) return gatherer.finish();
      // Of what was written when we looked, compaction has left nothing behind the offset: what came later has it.
      if (written < range.next) return this.read(written, limits);
      // A repair has left nothing of the last records: whoever reads on waits for the next one.
      if (this.#endsInGap) return { offset: range.next, count: 0, next: range.next, parts: [], lease: undefined };
      throw new RecordCorrupt(this.#topic.topicId, files.directory, `offset ${offset} is missing, and all behind it`);
    });
  }

  /** The first commit with that time or a later one; the end of the range if there is none. */
  async commitAt(timeMs: bigint): Promise<FoundCommit> {
    return this.#onFiles(async () => {
      const { segments, rescue } = this.#topic.files;
      // Looked at first: while segments are searched, what is pending may move there and be missed in both places.
      const pending = this.#pending.find((commit) => BigInt(commit.timeMs) >= timeMs);
      const behind = rescue?.commitAt(timeMs) ?? pending;
      let found: FoundCommit = { offset: behind?.base ?? this.#topic.end.next, timeMs: behind?.timeMs };
      // It is in the last segment that begins before that time, or it is the first of those behind that one.
      for (const segment of segments.slice(Math.max(0, await lastBefore(segments, timeMs)))) {
        const commit = await segment.commitAt(timeMs);
        if (commit === undefined) continue;
        found = { offset: commit.base, timeMs: commit.timeMs };
        break;
      }
      const { base } = this.#topic.range();
      return found.offset < base ? { ...found, offset: base } : found;
    });
  }

  /** The first offset of the first commit that begins at `position` of the segment or behind it; the segment's end if none does. */
  async commitFrom(segment: Segment, position: number): Promise<bigint> {
    // Looked at first: it may be written meanwhile.
    const pending = this.#pending.find((commit) => commit.segmentBase === segment.base && commit.position >= position);
    const end = segment.sealed?.next ?? this.#topic.end.next;
    return (await segment.commitFrom(position))?.base ?? pending?.base ?? end;
  }

  /** True if nothing was appended behind the last sealed segment: what that does not have is in no file. */
  get #endsInGap(): boolean {
    const { next, segmentBase, position } = this.#topic.end;
    return segmentBase === next && position === 0;
  }

  /** Looks at files, which maintenance may take away meanwhile: then looks again. */
  async #onFiles<T>(look: () => Promise<T>): Promise<T> {
    const { files } = this.#topic;
    for (;;) {
      this.#condition.assertOpen();
      const { segments } = files;
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof RecordCorrupt)) throw this.#condition.typed(error);
        if (this.#condition.isRefusing || files.segments !== segments) continue;
        // What could not be synced may be gone from the page cache; the journal has it, and soon the rescue file. Not so
        // what a start found damaged.
        const { failure, isDamaged } = this.#condition;
        const mayReturn = !isDamaged && files.rescue === undefined;
        if (failure !== undefined && mayReturn) throw failure;
        throw error;
      }
    }
  }

  async #readSegments(offset: bigint, limits: ReadLimits, gatherer: Gatherer): Promise<void> {
    const { segments } = this.#topic.files;
    // Compaction may have taken all of the segments that the offset would be in.
    const first = Math.max(
      0,
      lastIndexWhere(segments, ({ base }) => base <= offset),
    );
    for (let index = first; index < segments.length; index++) {
      const segment = segments[index]!;
      if (segment.sealed !== undefined && segment.sealed.next <= offset) continue;
      if (segment.written > 0 && (await segment.read(offset, limits, gatherer))) return;
    }
  }
}

/** Which segment is the last that begins with a commit from before `timeMs`, as far as they are written; -1: none does. */
async function lastBefore(segments: readonly Segment[], timeMs: bigint): Promise<number> {
  return lastIndexWhereAsync(segments, async (segment) => {
    const first = await segment.firstCommit();
    return first !== undefined && BigInt(first.timeMs) < timeMs;
  });
}
