import type { Lease } from "../buffer-pool.js";
import type { RecordBatch } from "../wire/records.js";

/**
 * What a log engine offers. It speaks of records and offsets, not of positions or files, so that another engine can
 * take this one's place.
 */

export interface AppendOptions {
  /** Append only if the batch gets exactly this offset. */
  readonly expectedOffset?: bigint | undefined;
  /** Whose batch it is, if it is not to be stored twice. */
  readonly producer?: BatchProducer | undefined;
  /** Asked before a batch is taken that is not there already; what it throws refuses the batch. */
  readonly mayTake?: (() => void) | undefined;
}

/**
 * Who sends a batch, and which of its batches it is. Producers are known by principal and id together: another
 * principal's producer with the same id is another producer.
 */
export interface BatchProducer {
  readonly principal: string;
  /** A string of as many characters as the id has bytes, 1 to 64. */
  readonly id: string;
  /** Raised by who takes over from an earlier producer with the same id; an unsigned number of 32 bits. */
  readonly epoch: number;
  /** The number of the batch's first record among all of this producer; this and the next one fit in 64 bits. */
  readonly sequence: bigint;
}

/** How much a topic knows of its producers. Published in docs/errors.md. */
export const producerLimits = {
  /** Of each producer, how many of its last batches are known again. */
  batches: 64,
  /** Of each topic. Beyond it the one goes that was not used for longest, of the principal that has most. */
  producers: 1024,
} as const;

export interface Appended {
  /** Of the first record. */
  readonly offset: bigint;
  readonly count: number;
}

/** A batch that was admitted: it has its offset, and nothing but a failing journal can keep it from being stored. */
export interface PendingAppend {
  /** Resolves once the batch is on disk and visible. @throws JournalFailed */
  readonly durable: Promise<Appended>;
  /** True for a batch of a producer that was taken before, and is not stored again. */
  readonly isRepeated?: true;
}

export interface ReadLimits {
  /** At least 1. */
  readonly maxRecords: number;
  /** The first record always comes whole, however large it is. */
  readonly maxBytes: number;
}

/** Records in offset order as frames, each of them field 1 of a serialised ConsumeResponse. */
export interface RecordFrames {
  /** Of the first record. Compaction leaves gaps: it may lie behind the offset that was asked for. */
  readonly offset: bigint;
  /** At least 1. */
  readonly count: number;
  /** Where to read on: behind the last record. More than `offset + count` where compaction left gaps. */
  readonly next: bigint;
  /**
   * Pieces to be sent one after the other; a frame never crosses from one to the next. The array is the reader's alone, who
   * may empty it: whoever holds the rest of what was read for long then holds no bytes.
   */
  readonly parts: Buffer[];
  /**
   * Whoever is done with the parts, and empties the array, may give back the memory that they are in. It is what the next
   * one reads into: who still looks at a part by then sees another's records. Undefined where it is the engine's own.
   */
  readonly lease: Lease | undefined;
}

/** Half-open: `base` is the first offset that is still there, `next` the first that cannot be read yet. */
export interface OffsetRange {
  readonly base: bigint;
  readonly next: bigint;
}

/** How long a topic's records are kept. Whichever limit is passed first lets the oldest records go. */
export interface TopicSettings {
  /** Records older than this may go, in milliseconds; undefined: no limit. At least 1. */
  readonly retentionMs: number | undefined;
  /** What the topic may take on disk, in bytes; undefined: no limit. At least 1. */
  readonly retentionBytes: number | undefined;
  /** How many offsets the topic reaches back; undefined: no limit. At least 1. */
  readonly retentionRecords: number | undefined;
  /** Of records with the same key, only the last one is kept for good. Records without a key are all kept. */
  readonly compact: boolean;
}

/** Everything is kept. */
export const defaultTopicSettings: TopicSettings = Object.freeze({
  retentionMs: undefined,
  retentionBytes: undefined,
  retentionRecords: undefined,
  compact: false,
});

/** One topic's log. Calls may overlap. Once the topic is deleted, every one of them fails with TopicNotFound. */
export interface CommitLog {
  readonly tenant: string;
  readonly topic: string;
  /** 32 hex digits; a topic that is deleted and created again has another one. */
  readonly topicId: string;
  /** When it was created, in milliseconds since 1970. */
  readonly createdMs: number;
  readonly settings: TopicSettings;
  /** What it takes, or is about to take, of its tenant's storage, in bytes. */
  readonly storedBytes: number;
  /** When the last record was committed, in milliseconds since 1970; 0 if there was none. */
  readonly lastTimestampMs: number;

  /**
   * Decides at once whether the batch is taken: a batch that is refused leaves nothing behind, and batches get their
   * offsets in the order of the calls.
   *
   * A batch of a producer that is there already, among the last `producerLimits.batches` of that producer, is not stored again:
   * it gets the offset that it has, and waits to be durable like the first time. That is found out before anything that
   * could refuse it.
   *
   * @throws ProducerSequenceGap, ProducerSequenceReused, ProducerSequenceForgotten, ProducerFenced
   * @throws UnexpectedOffset, BacklogFull, LimitExceeded, StorageFull, JournalFailed, RecordCorrupt, LogClosed
   */
  append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend>;

  /**
   * Records from `offset` on, as many as the limits and the storage layout allow, at least one; none, and the end of the
   * range as `next`, where a repair could save nothing from `offset` on.
   *
   * @throws OffsetOutOfRange outside [base, next)
   * @throws RecordCorrupt when the stored bytes are not what was written
   */
  read(offset: bigint, limits: ReadLimits): Promise<RecordFrames>;

  /** Resolves once `offset` can be read. Nobody polls. @throws Cancelled when the signal aborts, LogClosed */
  reach(offset: bigint, signal: AbortSignal): Promise<void>;

  /** The first offset whose record was committed at `timeMs` or later; the end of the range if there is none yet. */
  offsetAt(timeMs: bigint): Promise<bigint>;

  range(): OffsetRange;

  /**
   * Removes the records before `offset` for good; one before the start changes nothing. When it resolves, no crash
   * brings them back. Their space is given back later.
   *
   * @throws OffsetOutOfRange past the end of the range
   */
  trimBefore(offset: bigint): Promise<void>;

  /** Durably puts `settings` in the place of those that were. */
  configure(settings: TopicSettings): Promise<void>;
}

/** What a tenant has stored. */
export interface Usage {
  /** Topics, but for `default` and those whose names only the server makes; those that are being created count. */
  readonly topics: number;
  /** The sum of `storedBytes` over all its topics. */
  readonly bytes: number;
}

/** Every topic's log of one server. */
export interface LogStore extends AsyncDisposable {
  /** Undefined if there is none. @throws RecordCorrupt where that cannot be told, because a topic of the tenant cannot be read */
  find(tenant: string, topic: string): CommitLog | undefined;

  /**
   * The topic's log, created durably, with these settings, if there was none.
   * @throws RecordCorrupt as `find`, StorageFull, JournalFailed, LogClosed
   */
  open(tenant: string, topic: string, settings?: TopicSettings): Promise<CommitLog>;

  /** The same, if there is none and none is being created. @throws TopicExists, and as `open` */
  create(tenant: string, topic: string, settings: TopicSettings): Promise<CommitLog>;

  /**
   * Deletes a topic: what was admitted is still acknowledged, whoever waits for it is told TopicNotFound, and when it
   * resolves, no crash brings the topic back and its name is free. @throws TopicNotFound when it is deleted already
   */
  delete(log: CommitLog): Promise<void>;

  /** The logs of one tenant by topic name, in order of their names; those that are being created are not among them. */
  topics(tenant: string): readonly CommitLog[];

  usage(tenant: string): Usage;

  /**
   * Applies every topic's settings once: lets records go, compacts, and gives space back. Its owner calls it every now
   * and then; a call while one is under way waits for that one. Touches nothing that is not durable.
   *
   * @param isTight which tenants need their space back also where that is much work for little
   */
  maintain(isTight?: (tenant: string) => boolean): Promise<void>;

  /**
   * Refuses what `append` would refuse at the moment in any topic of the tenant: no topic is made for a batch that is not
   * taken. @throws BacklogFull, LimitExceeded, StorageFull, JournalFailed, LogClosed
   */
  admit(tenant: string, batch: RecordBatch): void;

  /** Why nothing can be stored at the moment, if so. */
  readonly failure: Error | undefined;
}
