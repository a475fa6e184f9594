import { LogClosed, type RecordCorrupt, OffsetOutOfRange, UnexpectedOffset } from "../errors.js";
import type { RecordBatch } from "../wire/records.js";
import type { TopicEnd } from "./checkpoint.js";
import { commitHeaderBytes } from "./commit.js";
import { syncDirectory } from "./durable-files.js";
import { Gatherer } from "./gatherer.js";
import { type Manifest, writeManifest } from "./manifest.js";
import type { OpenFiles } from "./open-files.js";
import type {
  AppendOptions,
  Appended,
  CommitLog,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
} from "./port.js";
import { lastIndexWhere } from "./search.js";
import { Segment } from "./segment.js";
import { Waiters } from "./waiters.js";

/** A commit that is durable in the journal. */
export interface DurableCommit {
  readonly segmentBase: bigint;
  /** In that segment. */
  readonly position: number;
  readonly base: bigint;
  readonly count: number;
  readonly timeMs: number;
  /** Header and frames. */
  readonly bytes: Buffer;
}

/** What a topic's log needs of the journal: admission, and a place in the queue. */
export interface Appender {
  /** @throws the reason why nothing of this size can be taken at the moment */
  admit(tenant: string, batch: RecordBatch): void;
  enqueue(log: TopicLog, batch: RecordBatch, offset: bigint): Promise<Appended>;
}

/** Segments of this many bytes are written with one call. */
const maxWriteBytes = 4 * 1024 * 1024;

/** One topic's log: what is durable is in the journal first, and behind it in segments; the rest is in memory. */
export class TopicLog implements CommitLog {
  readonly topicId: string;
  readonly topicIdBytes: Buffer;
  readonly tenant: string;
  readonly topic: string;
  readonly #directory: string;
  readonly #files: OpenFiles;
  readonly #appender: Appender;
  readonly #segments: Segment[];
  readonly #waiters = new Waiters();
  /** Durable, but not in a segment yet, in offset order. */
  readonly #pending: DurableCommit[] = [];
  readonly #startOffset: bigint;
  /** What is durable ends here; readers see everything before it. */
  #end: TopicEnd;
  /** The offset that the next admitted batch gets. */
  #next: bigint;
  #manifestSegments: number;
  #flushing: Promise<unknown> = Promise.resolve();
  #damage: RecordCorrupt | undefined;
  #closed = false;

  constructor(files: OpenFiles, appender: Appender, directory: string, manifest: Manifest, end: TopicEnd) {
    this.topicId = manifest.topicId;
    this.topicIdBytes = Buffer.from(manifest.topicId, "hex");
    this.tenant = manifest.tenant;
    this.topic = manifest.topic;
    this.#directory = directory;
    this.#files = files;
    this.#appender = appender;
    this.#startOffset = manifest.startOffset;
    this.#end = end;
    this.#next = end.next;
    this.#manifestSegments = manifest.segments.length;
    this.#segments = manifest.segments.map(
      ({ base, sealed }) =>
        new Segment(files, directory, manifest.topicId, base, { bytes: sealed?.bytes ?? end.position, sealed }),
    );
  }

  /** Where what is durable ends. */
  get end(): TopicEnd {
    return this.#end;
  }

  /** Refuses appends from now on: what the topic had acknowledged is not all there. */
  markDamaged(damage: RecordCorrupt): void {
    this.#damage = damage;
  }

  async append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend> {
    if (this.#closed) throw new LogClosed();
    if (this.#damage !== undefined) throw this.#damage;
    this.#appender.admit(this.tenant, batch);
    if (options.expectedOffset !== undefined && options.expectedOffset !== this.#next) {
      throw new UnexpectedOffset(options.expectedOffset, this.#next);
    }
    const offset = this.#next;
    this.#next += BigInt(batch.count);
    const durable = this.#appender.enqueue(this, batch, offset);
    // Whoever appended may have gone away; a failing journal is not an error that nobody handled.
    durable.catch(() => undefined);
    return { durable };
  }

  async read(offset: bigint, limits: ReadLimits): Promise<RecordFrames> {
    if (this.#closed) throw new LogClosed();
    const range = this.range();
    if (offset < range.base || offset >= range.next) throw new OffsetOutOfRange(offset, range.base, range.next);
    const gatherer = new Gatherer(offset, limits);
    const first = this.#pending[0];
    if (first !== undefined && offset >= first.base) this.#readPending(offset, gatherer);
    else await this.#segmentOf(offset).read(offset, limits, gatherer);
    return gatherer.finish();
  }

  async reach(offset: bigint, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw new LogClosed();
    if (offset >= this.#end.next) await this.#waiters.add(offset, signal);
  }

  async offsetAt(timeMs: bigint): Promise<bigint> {
    if (this.#closed) throw new LogClosed();
    // Looked at first: while segments are searched, what is pending may move there and be missed in both places.
    let first = this.#pending.find((commit) => BigInt(commit.timeMs) >= timeMs)?.base ?? this.#end.next;
    for (let index = this.#segments.length - 1; index >= 0; index--) {
      const segment = this.#segments[index]!;
      if (segment.written === 0) continue;
      if (index === 0 || BigInt(await segment.firstTimeMs()) < timeMs) return (await segment.offsetAt(timeMs)) ?? first;
      first = segment.base;
    }
    return first;
  }

  range(): OffsetRange {
    return { base: this.#startOffset, next: this.#end.next };
  }

  /** Makes commits of a durable group visible, in order, and wakes who waits for them. */
  publish(commits: readonly DurableCommit[]): void {
    for (const commit of commits) {
      const next = commit.base + BigInt(commit.count);
      if (this.#segments.at(-1)?.base !== commit.segmentBase) this.#roll(commit);
      this.#segments.at(-1)!.noteCommit({ base: commit.base, position: commit.position, timeMs: commit.timeMs });
      this.#pending.push(commit);
      const position = commit.position + commit.bytes.length;
      this.#end = { next, segmentBase: commit.segmentBase, position, timeMs: commit.timeMs };
    }
    this.#waiters.wake(this.#end.next);
  }

  /** Writes what is pending to the segments, and tells `onFlushed` each time some bytes are. Calls follow one another. */
  flush(onFlushed: (bytes: number) => void): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flushPending(onFlushed));
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  /** Syncs everything that was flushed, with all that is needed to find it again. */
  async sync(): Promise<void> {
    // Segments that begin while this runs are for the next time: what the manifest names is not synced again, but for
    // its last one.
    const count = this.#segments.length;
    const unsynced = this.#segments.slice(Math.max(0, this.#manifestSegments - 1), count);
    for (const segment of unsynced) await segment.sync();
    const newFiles = unsynced.filter((segment) => segment.isNewFile && segment.written > 0);
    if (newFiles.length > 0) await syncDirectory(this.#directory);
    for (const segment of newFiles) segment.isNewFile = false;
    if (count > this.#manifestSegments) {
      await writeManifest(this.#directory, this.#manifest(count));
      this.#manifestSegments = count;
    }
  }

  /** Refuses everything from now on and wakes who waits. */
  close(): void {
    this.#closed = true;
    this.#waiters.fail(new LogClosed());
  }

  #manifest(count: number): Manifest {
    const segments = this.#segments
      .slice(0, count)
      .map(({ base, sealed }) => (sealed === undefined ? { base } : { base, sealed }));
    const { tenant, topic, topicId } = this;
    return { tenant, topic, topicId, startOffset: this.#startOffset, segments };
  }

  #roll(commit: DurableCommit): void {
    // Its last bytes may still be pending: where it ends is known all the same.
    this.#segments.at(-1)?.seal({ next: commit.base, bytes: this.#end.position });
    this.#segments.push(new Segment(this.#files, this.#directory, this.topicId, commit.segmentBase, undefined));
  }

  #segmentOf(offset: bigint): Segment {
    return this.#segments[lastIndexWhere(this.#segments, (segment) => segment.base <= offset)]!;
  }

  #readPending(offset: bigint, gatherer: Gatherer): void {
    const first = lastIndexWhere(this.#pending, (commit) => commit.base <= offset);
    for (let index = first; index < this.#pending.length; index++) {
      const commit = this.#pending[index]!;
      if (!gatherer.take(commit.bytes, commitHeaderBytes, commit.bytes.length, commit.base, commit.count)) return;
    }
  }

  async #flushPending(onFlushed: (bytes: number) => void): Promise<void> {
    while (this.#pending.length > 0) {
      const segment = this.#segmentOf(this.#pending[0]!.base);
      const run: Buffer[] = [];
      let bytes = 0;
      for (const commit of this.#pending) {
        if (commit.segmentBase !== segment.base || (bytes > 0 && bytes + commit.bytes.length > maxWriteBytes)) break;
        run.push(commit.bytes);
        bytes += commit.bytes.length;
      }
      await segment.write(run);
      // Only now: until the bytes are in the file, readers find them here.
      this.#pending.splice(0, run.length);
      onFlushed(bytes);
    }
  }
}
