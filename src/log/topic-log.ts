import { LogClosed, OffsetOutOfRange, TopicNotFound, type TopicStorageFailed, UnexpectedOffset } from "../errors.js";
import { type RecordBatch, checksumOf } from "../wire/records.js";
import type { Appender } from "./appender.js";
import type { TopicEnd } from "./checkpoint.js";
import { KnownProducers } from "./known-producers.js";
import { type DurableCommit, PendingCommits } from "./pending-commits.js";
import type {
  AppendOptions,
  CommitLog,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
  TopicSettings,
} from "./port.js";
import type { Rescue } from "./rescue.js";
import type { StorageAccount } from "./storage-account.js";
import { TopicCondition } from "./topic-condition.js";
import type { TopicFiles } from "./topic-files.js";
import { TopicFlush } from "./topic-flush.js";
import type { PlacedSection, TopicProducers } from "./topic-producers.js";
import { TopicReader } from "./topic-reader.js";
import { Waiters } from "./waiters.js";

/**
 * One topic's log: what is durable is in the journal first, and behind it in segments; the rest is in memory. Here is how
 * records come in and move on; others know how they are read, what is known of producers, and what is refused.
 */
export class TopicLog implements CommitLog {
  readonly topicId: string;
  readonly tenant: string;
  readonly topic: string;
  readonly createdMs: number;
  readonly files: TopicFiles;
  readonly condition: TopicCondition;
  /** What the last checkpoint that was written says of this topic: what is before it needs no journal. */
  checkpointed: TopicEnd;
  readonly #appender: Appender;
  readonly #account: StorageAccount;
  readonly #waiters = new Waiters();
  readonly #pending = new PendingCommits();
  readonly #producers: KnownProducers;
  /** What is durable ends here; readers see everything before it. */
  #end: TopicEnd;
  /** The offset that the next admitted batch gets. */
  #next: bigint;
  /** Batches that are admitted and not answered. */
  #unanswered = 0;
  #onAnswered: (() => void) | undefined;
  // Made when they are needed: most topics are idle.
  #reader: TopicReader | undefined;
  #flush: TopicFlush | undefined;
  #topicIdBytes: Buffer | undefined;

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
    this.condition = new TopicCondition(topicId, this.#waiters);
    this.#producers = new KnownProducers(this, this.condition, appender);
    account.add(this.bytesOfSegments);
  }

  get topicIdBytes(): Buffer {
    return (this.#topicIdBytes ??= Buffer.from(this.topicId, "hex"));
  }

  get reader(): TopicReader {
    return (this.#reader ??= new TopicReader(this, this.#pending, this.condition));
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

  /** Why it takes nothing until a restart, if its segments could not be written. */
  get failure(): TopicStorageFailed | undefined {
    return this.condition.failure;
  }

  /** True once it is deleted, about to be, or closed. */
  get isRefusing(): boolean {
    return this.condition.isRefusing;
  }

  /**
   * Writes nothing more to the segments, and refuses appends from now on; false if it did so before. What was admitted is
   * still answered. Readers go on: what is pending stays in memory until it is rescued.
   */
  fail(): boolean {
    return this.condition.fail();
  }

  /** Resolves when nothing is written to the segments any more, once it has failed. */
  async settled(): Promise<void> {
    await this.#flush?.settled();
  }

  /** Reads from the rescue file from now on what is behind the checkpoint. It must have all that is not pending. */
  async fallBack(rescue: Rescue): Promise<void> {
    const done = this.files.fallBack(this.checkpointed, rescue);
    this.#pending.removeBefore(rescue.next);
    await done;
  }

  async append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend> {
    this.condition.assertTakes();
    const { producer } = options;
    const sent = producer && { producer, count: batch.count, checksum: checksumOf(batch) };
    while (this.#producers.lacks(sent !== undefined)) {
      // A batch that is refused leaves nothing behind: it does not make this a topic with producers.
      if (sent !== undefined && this.#producers.hasNone) {
        void this.#producers.find(sent);
        this.#check(batch, options);
      }
      await this.#producers.prepare();
      this.condition.assertTakes();
    }
    const known = sent && this.#producers.find(sent);
    if (known !== undefined) return { durable: known, isRepeated: true };
    this.#check(batch, options);
    const offset = this.#next;
    this.#next += BigInt(batch.count);
    const numbered = sent && { ...sent, offset };
    const durable = this.#appender.enqueue(this, batch, offset, numbered);
    if (numbered !== undefined) this.#producers.known!.noteAdmitted(numbered, durable);
    // Whoever appended may have gone away; a failing journal is not an error that nobody handled.
    durable.catch(() => undefined);
    return { durable };
  }

  read(offset: bigint, limits: ReadLimits): Promise<RecordFrames> {
    return this.reader.read(offset, limits);
  }

  async reach(offset: bigint, signal: AbortSignal): Promise<void> {
    this.condition.assertOpen();
    if (offset >= this.#end.next) await this.#waiters.add(offset, signal);
  }

  async offsetAt(timeMs: bigint): Promise<bigint> {
    return (await this.reader.commitAt(timeMs)).offset;
  }

  range(): OffsetRange {
    return { base: this.files.state.startOffset, next: this.#end.next };
  }

  async trimBefore(offset: bigint): Promise<void> {
    this.condition.assertOpen();
    const { base, next } = this.range();
    if (offset > next) throw new OffsetOutOfRange(offset, base, next);
    const changed = this.files.change(({ startOffset }) =>
      offset > startOffset ? { startOffset: offset } : undefined,
    );
    await this.condition.changed(changed);
    this.condition.assertOpen();
  }

  async configure(settings: TopicSettings): Promise<void> {
    this.condition.assertOpen();
    const { retentionMs, retentionBytes, retentionRecords, compact } = settings;
    const own = Object.freeze({ retentionMs, retentionBytes, retentionRecords, compact });
    await this.condition.changed(this.files.change(() => ({ settings: own })));
    this.condition.assertOpen();
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
    if (section !== undefined) this.#producers.known?.noteDurable(section);
    for (const commit of commits) {
      const next = commit.base + BigInt(commit.count);
      const { position: at, timeMs, bytes } = commit;
      // One that was admitted before the segments could not be written any more goes to no segment.
      if (this.failure === undefined) this.#noteInSegment(commit);
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
    if (position === 0 || this.#producers.lacks(false)) return;
    this.files.roll(next, position, this.files.state.producers && this.#producers.known?.markAt(next));
    this.#end = { next, segmentBase: next, position: 0, timeMs };
  }

  /** What is known of its producers; undefined if there are none, or nobody needed it since the start. */
  get producers(): TopicProducers | undefined {
    return this.#producers.known;
  }

  /** Reads what an earlier process has left of producers, if that was not done. Without it, the topic is not sealed. */
  loadProducers(): Promise<void> {
    return this.#producers.load();
  }

  /** What is durable and in no segment yet, in bytes. */
  get pendingBytes(): number {
    return this.#pending.bytes;
  }

  /** Writes what is pending to the segments, and calls `onFlushed` each time a part is. Calls follow one another. */
  flush(onFlushed: () => void): Promise<void> {
    this.#flush ??= new TopicFlush(this.files, this.#pending, this.condition);
    return this.#flush.run(onFlushed);
  }

  /** Notes that files were added to the topic's, or removed. */
  noteStored(bytes: number): void {
    this.#account.add(bytes);
  }

  /** Refuses every call from now on, and resolves when all that was admitted is answered and no long work goes on. */
  async retire(): Promise<void> {
    this.condition.refuse(new TopicNotFound(this.tenant, this.topic));
    await this.condition.withoutLongWork();
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
      this.condition.restore();
      throw error;
    }
    this.#account.close();
    this.#pending.clear();
  }

  /** Refuses everything from now on and wakes who waits. */
  close(): void {
    this.condition.refuse(new LogClosed());
  }

  #noteInSegment({ base, segmentBase, position, timeMs }: DurableCommit): void {
    if (this.files.segments.at(-1)?.base !== segmentBase) this.files.roll(segmentBase, this.#end.position);
    this.files.segments.at(-1)!.noteCommit({ base, position, timeMs });
  }

  /** @throws the reason why a batch that was not taken before is not taken now */
  #check(batch: RecordBatch, { producer, expectedOffset, mayTake }: AppendOptions): void {
    mayTake?.();
    this.#appender.admit(this.tenant, batch, this.#producers.mostBytesWith(producer));
    if (expectedOffset !== undefined && expectedOffset !== this.#next) {
      throw new UnexpectedOffset(expectedOffset, this.#next);
    }
  }
}
