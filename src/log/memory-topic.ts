import { OffsetOutOfRange, UnexpectedOffset } from "../errors.js";
import { type RecordBatch, checksumOf } from "../wire/records.js";
import { KeyTable } from "./compact-keys.js";
import { Gatherer } from "./gatherer.js";
import { type Block, blocksOf, bytesOf, inStretches, noteKeys, withoutSuperseded } from "./memory-records.js";
import type {
  AppendOptions,
  CommitLog,
  OffsetRange,
  PendingAppend,
  ReadLimits,
  RecordFrames,
  TopicSettings,
} from "./port.js";
import { findBatch } from "./producer.js";
import { ProducerTable } from "./producer-table.js";
import { lastIndexWhere } from "./search.js";
import { Waiters } from "./waiters.js";

/** What a topic needs of the store that it is in. */
export interface MemoryHost {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws the reason why the batch cannot be taken at the moment */
  admit(tenant: string, batch: RecordBatch): void;
  /** Says that so many bytes more, or fewer if it is negative, are in use. */
  account(tenant: string, bytes: number): void;
}

/** Memory for the keys of one pass of compaction, in bytes, about; the next pass goes on where it ends. */
const maxKeyBytes = 16 * 1024 * 1024;

/** One topic's log in memory. What is admitted is there and visible at once. */
export class MemoryTopic implements CommitLog {
  readonly tenant: string;
  readonly topic: string;
  readonly topicId: string;
  readonly createdMs: number;
  readonly #host: MemoryHost;
  readonly #waiters = new Waiters();
  /** In offset order; compaction leaves gaps in them and between them. */
  #blocks: Block[] = [];
  #settings: TopicSettings;
  /** Made when it is needed. */
  #producers: ProducerTable | undefined;
  #base = 0n;
  #next = 0n;
  #lastTimestampMs = 0;
  #storedBytes = 0;
  /** Below, no key comes twice. */
  #compactedTo = 0n;
  #gone: Error | undefined;

  constructor(host: MemoryHost, name: { tenant: string; topic: string; topicId: string }, settings: TopicSettings) {
    this.tenant = name.tenant;
    this.topic = name.topic;
    this.topicId = name.topicId;
    this.createdMs = host.now();
    this.#host = host;
    this.#settings = settings;
  }

  get settings(): TopicSettings {
    return this.#settings;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get lastTimestampMs(): number {
    return this.#lastTimestampMs;
  }

  async append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend> {
    this.#expectHere();
    const { producer } = options;
    const checksum = producer === undefined ? 0 : checksumOf(batch);
    if (producer !== undefined) {
      const stored = findBatch(this.#producers?.get(producer), producer, batch.count, checksum);
      if (stored !== undefined) {
        return { durable: Promise.resolve({ offset: stored, count: batch.count }), isRepeated: true };
      }
    }
    options.mayTake?.();
    this.#host.admit(this.tenant, batch);
    if (options.expectedOffset !== undefined && options.expectedOffset !== this.#next) {
      throw new UnexpectedOffset(options.expectedOffset, this.#next);
    }
    const offset = this.#next;
    this.#lastTimestampMs = Math.max(this.#host.now(), this.#lastTimestampMs);
    for (const block of blocksOf(batch, offset, this.#lastTimestampMs)) {
      this.#blocks.push(block);
      this.#account(bytesOf(block));
    }
    if (producer !== undefined) {
      this.#producers ??= new ProducerTable();
      this.#producers.note({ producer, count: batch.count, checksum, offset });
    }
    this.#next += BigInt(batch.count);
    this.#waiters.wake(this.#next);
    return { durable: Promise.resolve({ offset, count: batch.count }) };
  }

  async read(offset: bigint, limits: ReadLimits): Promise<RecordFrames> {
    this.#expectHere();
    if (offset < this.#base || offset >= this.#next) throw new OffsetOutOfRange(offset, this.#base, this.#next);
    const gatherer = new Gatherer(offset, limits);
    // The last record of all is never compacted away: something is always found.
    for (let index = this.#indexAt(offset); index < this.#blocks.length; index++) {
      const block = this.#blocks[index]!;
      if (gatherer.take(block.frames, 0, block.frames.length, block) !== true) break;
    }
    return gatherer.finish();
  }

  async reach(offset: bigint, signal: AbortSignal): Promise<void> {
    this.#expectHere();
    if (offset >= this.#next) await this.#waiters.add(offset, signal);
  }

  async offsetAt(timeMs: bigint): Promise<bigint> {
    this.#expectHere();
    const earlier = lastIndexWhere(this.#blocks, (block) => BigInt(block.timeMs) < timeMs);
    const offset = this.#blocks[earlier + 1]?.base ?? this.#next;
    return offset < this.#base ? this.#base : offset;
  }

  range(): OffsetRange {
    return { base: this.#base, next: this.#next };
  }

  async trimBefore(offset: bigint): Promise<void> {
    this.#expectHere();
    if (offset > this.#next) throw new OffsetOutOfRange(offset, this.#base, this.#next);
    this.#trim(offset);
  }

  async configure(settings: TopicSettings): Promise<void> {
    this.#expectHere();
    this.#settings = settings;
  }

  /** Lets go of what the settings let go, and compacts. Calls do not overlap. */
  async maintain(): Promise<void> {
    if (this.#gone !== undefined) return;
    const { retentionMs, retentionRecords, retentionBytes, compact } = this.#settings;
    if (retentionRecords !== undefined) this.#trim(this.#next - BigInt(retentionRecords));
    if (retentionMs !== undefined) {
      const oldest = this.#host.now() - retentionMs;
      this.#trim(this.#blocks.find(({ timeMs }) => timeMs >= oldest)?.base ?? this.#next);
    }
    // Not to where it ends by then: a busy topic would be compacted for ever.
    const end = this.#next;
    while (compact && this.#compactedTo < end) await this.#compact(end);
    if (retentionBytes !== undefined) this.#trim(this.#baseWithin(retentionBytes));
  }

  /** Lets go of everything. From now on every call fails with `reason`, and so do those who wait. */
  close(reason: Error): void {
    this.#gone = reason;
    this.#blocks = [];
    this.#producers = undefined;
    this.#account(-this.#storedBytes);
    this.#waiters.fail(reason);
  }

  #expectHere(): void {
    if (this.#gone !== undefined) throw this.#gone;
  }

  /** Which block has the first record at or behind `offset`. */
  #indexAt(offset: bigint): number {
    return lastIndexWhere(this.#blocks, (block) => block.last < offset) + 1;
  }

  #trim(offset: bigint): void {
    if (offset <= this.#base) return;
    this.#base = offset;
    this.#replace(this.#blocks.slice(this.#indexAt(offset)));
  }

  /** The start that leaves no more than `bytes`. */
  #baseWithin(bytes: number): bigint {
    let stored = this.#storedBytes;
    let index = 0;
    for (; stored > bytes && index < this.#blocks.length; index++) stored -= bytesOf(this.#blocks[index]!);
    return index === 0 ? this.#base : (this.#blocks[index]?.base ?? this.#next);
  }

  /** One pass, to `end` or as far as memory for keys goes. Everybody else goes on meanwhile: blocks never change, they are replaced. */
  async #compact(end: bigint): Promise<void> {
    const keys = new KeyTable(this.#compactedTo, maxKeyBytes);
    for await (const stretch of inStretches(this.#blocks.slice(this.#indexAt(keys.from)))) {
      for (const block of stretch) noteKeys(block, keys);
      if (keys.isFull) break;
    }
    if (!keys.isFull) keys.coverUpTo(end);
    for await (const stretch of inStretches(this.#blocks.filter(({ base }) => base < keys.next))) {
      const left = new Map(stretch.map((block) => [block, withoutSuperseded(block, keys)]));
      this.#replace(this.#blocks.flatMap((block) => (left.has(block) ? (left.get(block) ?? []) : block)));
    }
    this.#compactedTo = keys.next;
  }

  #replace(blocks: Block[]): void {
    const sum = (all: readonly Block[]): number => all.reduce((total, block) => total + bytesOf(block), 0);
    this.#account(sum(blocks) - sum(this.#blocks));
    this.#blocks = blocks;
  }

  #account(bytes: number): void {
    this.#storedBytes += bytes;
    this.#host.account(this.tenant, bytes);
  }
}
