import {
  LogClosed,
  OffsetOutOfRange,
  RecordCorrupt,
  StorageFull,
  TopicNotFound,
  TopicStorageFailed,
  UnexpectedOffset,
} from "../errors.js";
import { isExhausted, isSystemError } from "./durable-files.js";
import { type RecordBatch, checksumOf } from "../wire/records.js";
import type { TopicEnd } from "./checkpoint.js";
import { Gatherer } from "./gatherer.js";
import { type DurableCommit, PendingCommits } from "./pending-commits.js";
import type {
  AppendOptions,
  Appended,
  CommitLog,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
  TopicSettings,
} from "./port.js";
import { type NumberedBatch, type SentBatch, findBatch } from "./producer.js";
import { mostBytesOfOne } from "./producer-section.js";
import { ProducerTable } from "./producer-table.js";
import type { Rescue } from "./rescue.js";
import { lastIndexWhere, lastIndexWhereAsync } from "./search.js";
import type { Segment } from "./segment.js";
import type { StorageAccount } from "./storage-account.js";
import type { TopicFiles } from "./topic-files.js";
import { type PlacedSection, TopicProducers } from "./topic-producers.js";
import { Waiters } from "./waiters.js";

/** What a topic's log needs of the journal: admission, and a place in the queue. */
export interface Appender {
  /**
   * @param sectionBytes what its commit has to say of producers, at most
   * @throws the reason why nothing of this size can be taken at the moment
   */
  admit(tenant: string, batch: RecordBatch, sectionBytes: number): void;
  /** @param numbered the same batch, if a producer sent it */
  enqueue(log: TopicLog, batch: RecordBatch, offset: bigint, numbered: NumberedBatch | undefined): Promise<Appended>;
  /** Runs the task when no group is on its way that is made already; not at all once the journal has failed. */
  betweenGroups(task: () => void): Promise<void>;
}

/** One for all: most topics never have anything under way. */
const nothing: Promise<unknown> = Promise.resolve();

/** One topic's log: what is durable is in the journal first, and behind it in segments; the rest is in memory. */
export class TopicLog implements CommitLog {
  readonly topicId: string;
  readonly tenant: string;
  readonly topic: string;
  readonly createdMs: number;
  readonly files: TopicFiles;
  /** What the last checkpoint that was written says of this topic: what is before it needs no journal. */
  checkpointed: TopicEnd;
  readonly #appender: Appender;
  readonly #account: StorageAccount;
  readonly #waiters = new Waiters();
  readonly #pending = new PendingCommits();
  /** What is durable ends here; readers see everything before it. */
  #end: TopicEnd;
  /** The offset that the next admitted batch gets. */
  #next: bigint;
  /** Made when it is needed. */
  #producers: TopicProducers | undefined;
  #preparing: Promise<void> | undefined;
  /** Batches that are admitted and not answered. */
  #unanswered = 0;
  #onAnswered: (() => void) | undefined;
  #flushing = nothing;
  #longWork: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;
  #damage: RecordCorrupt | undefined;
  /** Set once segments could not be written: nothing is written to them any more. */
  #failure: TopicStorageFailed | undefined;
  /** Made when it is needed: most topics are idle. */
  #topicIdBytes: Buffer | undefined;
  /** Why every call is refused. */
  #refusal: LogClosed | TopicNotFound | TopicStorageFailed | undefined;

  constructor(files: TopicFiles, appender: Appender, account: StorageAccount, end: TopicEnd) {
    const { topicId, tenant, topic, createdMs } = files.identity;
    this.topicId = topicId;
    this.tenant = tenant;
    this.topic = topic;
    this.createdMs = createdMs;
    this.files = files;
    this.checkpointed = end;
    this.#appender = appender;
    this.#account = account;
    this.#end = end;
    this.#next = end.next;
    account.add(this.bytesOfSegments);
  }

  get topicIdBytes(): Buffer {
    return (this.#topicIdBytes ??= Buffer.from(this.topicId, "hex"));
  }

  /** Where what is durable ends. */
  get end(): TopicEnd {
    return this.#end;
  }

  get settings(): TopicSettings {
    return this.files.state.settings;
  }

  get storedBytes(): number {
    return this.#account.bytes;
  }

  /** How many wait for a record to come. */
  get waitingReaders(): number {
    return this.#waiters.size;
  }

  get lastTimestampMs(): number {
    return this.#end.timeMs;
  }

  /** What its segments take, the part that is still in memory included. */
  get bytesOfSegments(): number {
    return this.files.segments.reduce((sum, { sealed }) => sum + (sealed?.bytes ?? 0), this.#end.position);
  }

  /** True if nothing was appended behind the last sealed segment: what that does not have is in no file. */
  get #endsInGap(): boolean {
    const { next, segmentBase, position } = this.#end;
    return segmentBase === next && position === 0;
  }

  get isDamaged(): boolean {
    return this.#damage !== undefined;
  }

  /** Why it takes nothing until a restart, if its segments could not be written. */
  get failure(): TopicStorageFailed | undefined {
    return this.#failure;
  }

  /** True once it is deleted, about to be, or closed. */
  get isRefusing(): boolean {
    return this.#refusal !== undefined;
  }

  /** Refuses appends from now on: what the topic had acknowledged is not all there. */
  markDamaged(damage: RecordCorrupt): void {
    this.#damage = damage;
  }

  /**
   * Writes nothing more to the segments, and refuses appends from now on; false if it did so before. What was admitted is
   * still answered. Readers go on: what is pending stays in memory until it is rescued.
   */
  fail(): boolean {
    if (this.#failure !== undefined) return false;
    this.#failure = new TopicStorageFailed(this.topicId);
    this.#longWork?.controller.abort();
    return true;
  }

  /** Refuses every call from now on: nobody knows whether the topic is deleted. */
  failWhole(): void {
    this.fail();
    this.#refusal = undefined;
    this.#refuse(this.#failure!);
  }

  /** Resolves when nothing is written to the segments any more, once it has failed. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  /** Reads from the rescue file from now on what is behind the checkpoint. It must have all that is not pending. */
  async fallBack(rescue: Rescue): Promise<void> {
    const done = this.files.fallBack(this.checkpointed, rescue);
    this.#pending.removeBefore(rescue.next);
    await done;
  }

  async append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend> {
    this.#assertTakes();
    const { producer } = options;
    const sent = producer && { producer, count: batch.count, checksum: checksumOf(batch) };
    while (this.#lacksProducers(sent !== undefined)) {
      // A batch that is refused leaves nothing behind: it does not make this a topic with producers.
      if (this.#preparing === undefined && sent !== undefined && this.files.state.producers === undefined) {
        void this.#find(sent);
        this.#check(batch, options);
      }
      await this.#prepareProducers();
      this.#assertTakes();
    }
    const known = sent && this.#find(sent);
    if (known !== undefined) return { durable: known, isRepeated: true };
    this.#check(batch, options);
    const offset = this.#next;
    this.#next += BigInt(batch.count);
    const numbered = sent && { ...sent, offset };
    const durable = this.#appender.enqueue(this, batch, offset, numbered);
    if (numbered !== undefined) this.#producers!.noteAdmitted(numbered, durable);
    // Whoever appended may have gone away; a failing journal is not an error that nobody handled.
    durable.catch(() => undefined);
    return { durable };
  }

  async read(offset: bigint, limits: ReadLimits): Promise<RecordFrames> {
    return this.#onFiles(async () => {
      const range = this.range();
      if (offset < range.base || offset >= range.next) throw new OffsetOutOfRange(offset, range.base, range.next);
      const gatherer = new Gatherer(offset, limits);
      const { rescue } = this.files;
      const written = rescue?.base ?? this.#pending.base ?? range.next;
      if (rescue !== undefined && offset >= written && offset < rescue.next) {
        await this.files.readRescue(rescue, offset, gatherer);
      } else if (offset >= written) this.#pending.read(offset, gatherer);
      else await this.#readSegments(offset, limits, gatherer);
      if (!gatherer.isEmpty) return gatherer.finish();
      // Of what was written when we looked, compaction has left nothing behind the offset: what came later has it.
      if (written < range.next) return this.read(written, limits);
      // A repair has left nothing of the last records: whoever reads on waits for the next one.
      if (this.#endsInGap) return { offset: range.next, count: 0, next: range.next, parts: [], lease: undefined };
      throw new RecordCorrupt(this.topicId, this.files.directory, `offset ${offset} is missing, and all behind it`);
    });
  }

  async reach(offset: bigint, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    if (offset >= this.#end.next) await this.#waiters.add(offset, signal);
  }

  async offsetAt(timeMs: bigint): Promise<bigint> {
    return (await this.commitAt(timeMs)).offset;
  }

  /** The same, and the time of its commit; no time at the end of the range. */
  async commitAt(timeMs: bigint): Promise<{ offset: bigint; timeMs: number | undefined }> {
    return this.#onFiles(async () => {
      const { segments } = this.files;
      // Looked at first: while segments are searched, what is pending may move there and be missed in both places.
      const pending = this.#pending.find((commit) => BigInt(commit.timeMs) >= timeMs);
      const behind = this.files.rescue?.commitAt(timeMs) ?? pending;
      let found = { offset: behind?.base ?? this.#end.next, timeMs: behind?.timeMs };
      // It is in the last segment that begins before that time, or it is the first of those behind that one.
      for (const segment of segments.slice(Math.max(0, await lastBefore(segments, timeMs)))) {
        const commit = await segment.commitAt(timeMs);
        if (commit === undefined) continue;
        found = { offset: commit.base, timeMs: commit.timeMs };
        break;
      }
      const { base } = this.range();
      return found.offset < base ? { ...found, offset: base } : found;
    });
  }

  /** The first offset of the first commit that begins at `position` of the segment or behind it; the segment's end if none does. */
  async commitFrom(segment: Segment, position: number): Promise<bigint> {
    // Looked at first: it may be written meanwhile.
    const pending = this.#pending.find((commit) => commit.segmentBase === segment.base && commit.position >= position);
    const end = segment.sealed?.next ?? this.#end.next;
    return (await segment.commitFrom(position))?.base ?? pending?.base ?? end;
  }

  range(): OffsetRange {
    return { base: this.files.state.startOffset, next: this.#end.next };
  }

  async trimBefore(offset: bigint): Promise<void> {
    this.#assertOpen();
    const { base, next } = this.range();
    if (offset > next) throw new OffsetOutOfRange(offset, base, next);
    await this.#change(({ startOffset }) => (offset > startOffset ? { startOffset: offset } : undefined));
    this.#assertOpen();
  }

  async configure(settings: TopicSettings): Promise<void> {
    this.#assertOpen();
    const { retentionMs, retentionBytes, retentionRecords, compact } = settings;
    const own = Object.freeze({ retentionMs, retentionBytes, retentionRecords, compact });
    await this.#change(() => ({ settings: own }));
    this.#assertOpen();
  }

  /** Notes a batch that was admitted and may take so many bytes. */
  noteAdmitted(bytes: number): void {
    this.#unanswered++;
    this.#account.add(bytes);
  }

  /** Notes that the batch was published, or is not going to be. */
  noteAnswered(bytes: number): void {
    this.#unanswered--;
    this.#account.add(-bytes);
    if (this.#unanswered === 0) this.#onAnswered?.();
  }

  /**
   * Makes commits of a durable group visible, in order, and wakes who waits for them.
   *
   * @param section what they say of producers
   */
  publish(commits: readonly DurableCommit[], section?: PlacedSection): void {
    if (section !== undefined) this.#producers?.noteDurable(section);
    for (const commit of commits) {
      const next = commit.base + BigInt(commit.count);
      const { position: at, timeMs, bytes } = commit;
      // One that was admitted before the segments could not be written any more goes to no segment.
      if (this.#failure === undefined) this.#noteInSegment(commit);
      this.#pending.add(commit);
      this.#account.add(bytes.length);
      this.#end = { next, segmentBase: commit.segmentBase, position: at + bytes.length, timeMs };
    }
    this.#waiters.wake(this.#end.next);
  }

  /**
   * Seals the active segment although no commit begins another: only sealed ones are ever removed or rewritten. Must not
   * run while a group with commits of this topic is on its way. The next checkpoint makes it final.
   */
  seal(): void {
    const { next, position, timeMs } = this.#end;
    if (position === 0 || this.#lacksProducers(false)) return;
    this.files.roll(next, position, this.files.state.producers && this.#producers?.markAt(next));
    this.#end = { next, segmentBase: next, position: 0, timeMs };
  }

  /** What is known of its producers; undefined if there are none, or nobody needed it since the start. */
  get producers(): TopicProducers | undefined {
    return this.#producers;
  }

  /** Reads what an earlier process has left of producers, if that was not done. Without it, the topic is not sealed. */
  async loadProducers(): Promise<void> {
    while (this.#lacksProducers(false)) {
      this.#assertOpen();
      await this.#prepareProducers();
    }
  }

  /** What is durable and in no segment yet, in bytes. */
  get pendingBytes(): number {
    return this.#pending.bytes;
  }

  /** Writes what is pending to the segments, and calls `onFlushed` each time a part is. Calls follow one another. */
  flush(onFlushed: () => void): Promise<void> {
    const flushed = this.#flushing.then(async () => {
      await this.files.work(() => this.#flushPending(onFlushed));
    });
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  /** Notes that files were added to the topic's, or removed. */
  noteStored(bytes: number): void {
    this.#account.add(bytes);
  }

  /** Runs work on the files that may take long; its signal aborts when the topic is deleted or closed. One at a time. */
  async runLong(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.isRefusing) return;
    const controller = new AbortController();
    const running = task(controller.signal);
    this.#longWork = { controller, done: running.catch(() => undefined) };
    await running.finally(() => (this.#longWork = undefined));
  }

  /** Refuses every call from now on, and resolves when all that was admitted is answered and no long work goes on. */
  async retire(): Promise<void> {
    this.#refuse(new TopicNotFound(this.tenant, this.topic));
    await this.#longWork?.done;
    if (this.#unanswered > 0) await new Promise<void>((resolve) => (this.#onAnswered = resolve));
  }

  /**
   * Runs `remove`, which takes the directory away, when nobody works on it any more. If it fails, the topic is as it was
   * before it was retired. What is pending then is never going to be written.
   */
  async remove(remove: () => Promise<void>): Promise<void> {
    try {
      await this.files.end(remove);
    } catch (error) {
      if (this.#refusal instanceof TopicNotFound) this.#refusal = undefined;
      throw error;
    }
    this.#account.close();
    this.#pending.clear();
  }

  /** Refuses everything from now on and wakes who waits. */
  close(): void {
    this.#refuse(new LogClosed());
  }

  #noteInSegment({ base, segmentBase, position, timeMs }: DurableCommit): void {
    if (this.files.segments.at(-1)?.base !== segmentBase) this.files.roll(segmentBase, this.#end.position);
    this.files.segments.at(-1)!.noteCommit({ base, position, timeMs });
  }

  #refuse(refusal: LogClosed | TopicNotFound | TopicStorageFailed): void {
    this.#refusal ??= refusal;
    this.#waiters.fail(this.#refusal);
    this.#longWork?.controller.abort();
  }

  /** @throws the reason why nothing is appended at all */
  #assertTakes(): void {
    this.#assertOpen();
    if (this.#damage !== undefined) throw this.#damage;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The batch, if it was taken before. @throws the reason why it cannot be the producer's next one */
  #find({ producer, count, checksum }: SentBatch): Promise<Appended> | undefined {
    if (this.#producers !== undefined) return this.#producers.find(producer, count, checksum);
    findBatch(undefined, producer, count, checksum);
    return undefined;
  }

  /** @throws the reason why a batch that was not taken before is not taken now */
  #check(batch: RecordBatch, { producer, expectedOffset, mayTake }: AppendOptions): void {
    mayTake?.();
    const ownBytes = producer === undefined ? 0 : mostBytesOfOne(producer);
    this.#appender.admit(this.tenant, batch, ownBytes + (this.#producers?.tableBytes ?? 0));
    if (expectedOffset !== undefined && expectedOffset !== this.#next) {
      throw new UnexpectedOffset(expectedOffset, this.#next);
    }
  }

  /** True if an append, with a producer or without one, has to wait for what is known of producers. */
  #lacksProducers(hasProducer: boolean): boolean {
    const isMarked = this.files.state.producers !== undefined;
    if (this.#producers === undefined) return isMarked || hasProducer;
    return hasProducer && !isMarked;
  }

  /** Those who wait for the same go on in the order of their calls. */
  #prepareProducers(): Promise<void> {
    this.#preparing ??= (
      this.files.state.producers === undefined ? this.#markProducers() : this.#loadProducers()
    ).finally(() => (this.#preparing = undefined));
    return this.#preparing;
  }

  async #loadProducers(): Promise<void> {
    const mark = this.files.state.producers!;
    const active = this.files.segments.at(-1)!;
    const loaded = await this.files.work(() => TopicProducers.load(active, mark, this.#end));
    // What a deletion takes away is not lost.
    this.#assertOpen();
    this.#producers = loaded;
  }

  /** Durably says that there are producers from now on: who begins anew after a crash then knows that it has to look. */
  async #markProducers(): Promise<void> {
    let from: bigint | undefined;
    // A group that is made already would begin a segment without saying what is known of producers.
    await this.#appender.betweenGroups(() => {
      this.#producers = new TopicProducers(new ProducerTable(), this.#end.position);
      from = this.#end.next;
    });
    if (from === undefined) return;
    const producers = { from };
    try {
      await this.#change(() => ({ producers }));
    } catch (error) {
      this.#producers = undefined;
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** Looks at files, which maintenance may take away meanwhile: then looks again. */
  async #onFiles<T>(look: () => Promise<T>): Promise<T> {
    for (;;) {
      this.#assertOpen();
      const { segments } = this.files;
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof RecordCorrupt)) throw this.#typed(error);
        if (this.isRefusing || this.files.segments !== segments) continue;
        // What could not be synced may be gone from the page cache; the journal has it, and soon the rescue file. Not so
        // what a start found damaged.
        const mayReturn = this.#damage === undefined && this.files.rescue === undefined;
        if (this.#failure !== undefined && mayReturn) throw this.#failure;
        throw error;
      }
    }
  }

  /** @throws StorageFull where there is no room for what changes */
  async #change(change: Parameters<TopicFiles["change"]>[0]): Promise<void> {
    await this.files.change(change).catch((error: unknown) => {
      throw this.#typed(error);
    });
  }

  /** What a caller is told of an error that the disk gave. */
  #typed(error: unknown): unknown {
    if (isExhausted(error)) return new StorageFull();
    return isSystemError(error) ? new TopicStorageFailed(this.topicId, error) : error;
  }

  async #readSegments(offset: bigint, limits: ReadLimits, gatherer: Gatherer): Promise<void> {
    const { segments } = this.files;
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

  #hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  async #flushPending(onFlushed: () => void): Promise<void> {
    for (let run = this.#pending.firstRun; run !== undefined; run = this.#pending.firstRun) {
      if (this.#hasFailed()) return;
      const { segmentBase, commits } = run;
      const segment = this.files.segments.findLast(({ base }) => base === segmentBase)!;
      await segment.write(commits);
      // Meanwhile a sync may have failed.
      if (this.#hasFailed()) return;
      // Only now: until the bytes are in the file, readers find them here.
      this.#pending.remove(commits.length);
      onFlushed();
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
