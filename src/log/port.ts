import type { RecordBatch } from "../wire/records.js";

/**
 * What a log engine offers. It speaks of records and offsets, not of positions or files, so that another engine can
 * take this one's place.
 */

export interface AppendOptions {
  /** Append only if the batch gets exactly this offset. */
  readonly expectedOffset?: bigint | undefined;
}

export interface Appended {
  /** Of the first record. */
  readonly offset: bigint;
  readonly count: number;
}

/** A batch that was admitted: it has its offset, and nothing but a failing journal can keep it from being stored. */
export interface PendingAppend {
  /** Resolves once the batch is on disk and visible. @throws JournalFailed */
  readonly durable: Promise<Appended>;
}

export interface ReadLimits {
  /** At least 1. */
  readonly maxRecords: number;
  /** The first record always comes whole, however large it is. */
  readonly maxBytes: number;
}

/** Consecutive records as frames, each of them field 1 of a serialised ConsumeResponse. */
export interface RecordFrames {
  /** Of the first record. */
  readonly offset: bigint;
  /** At least 1. */
  readonly count: number;
  /** Pieces to be sent one after the other; a frame never crosses from one to the next. */
  readonly parts: readonly Buffer[];
}

/** Half-open: `base` is the first offset that is still there, `next` the first that cannot be read yet. */
export interface OffsetRange {
  readonly base: bigint;
  readonly next: bigint;
}

/** One topic's log. Calls may overlap. */
export interface CommitLog {
  /** 32 hex digits; a topic that is deleted and created again has another one. */
  readonly topicId: string;

  /**
   * Decides at once whether the batch is taken: a batch that is refused leaves nothing behind, and batches get their
   * offsets in the order of the calls.
   *
   * @throws UnexpectedOffset, BacklogFull, LimitExceeded, StorageFull, JournalFailed, RecordCorrupt, LogClosed
   */
  append(batch: RecordBatch, options: AppendOptions): Promise<PendingAppend>;

  /**
   * Records from `offset` on, as many as the limits and the storage layout allow, at least one.
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
}

/** Every topic's log of one server. */
export interface LogStore extends AsyncDisposable {
  find(tenant: string, topic: string): CommitLog | undefined;

  /** The topic's log, created durably if there was none. @throws StorageFull, JournalFailed, LogClosed */
  open(tenant: string, topic: string): Promise<CommitLog>;

  /**
   * Refuses what `append` would refuse at the moment in any topic of the tenant: no topic is made for a batch that is not
   * taken. @throws BacklogFull, LimitExceeded, StorageFull, JournalFailed, LogClosed
   */
  admit(tenant: string, batch: RecordBatch): void;

  /** Why nothing can be stored at the moment, if so. */
  readonly failure: Error | undefined;
}
