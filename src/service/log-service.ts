import { Cancelled, OffsetOutOfRange, UnexpectedOffset } from "../errors.js";
import { ProducerSequenceGap } from "../producer-errors.js";
import type { Appended, BatchProducer, CommitLog, ReadLimits, RecordBatch, RecordFrames } from "../log/index.js";
import type { TenantLogs, TopicTarget } from "../tenancy/tenant-logs.js";
import { type Traffic, noTraffic } from "./traffic.js";

/** Where to begin reading. */
export type StartAt =
  | { readonly at: "offset"; readonly offset: bigint }
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  | { readonly at: "time"; readonly timeMs: bigint };

/** A batch that is certain to be stored unless the journal fails. */
export interface Produced {
  readonly topicId: string;
  readonly durable: Promise<Appended>;
}

/** What was read at a time. */
export interface Consumed {
  readonly topicId: string;
  readonly highWaterMark: bigint;
  /** Undefined: there was nothing to read. */
  readonly frames: RecordFrames | undefined;
}

/** What was read, and is not nothing. */
export interface ConsumedRecords extends Consumed {
  readonly frames: RecordFrames;
}

/**
 * What a stream reads at once, in bytes, whatever size its messages have: a commit is checked once, not once a record. A
 * reader who stops reading makes the server hold what was read for him, and as much again on its way.
 */
export const streamReadBytes = 512 * 1024;
/** And so many of its messages, because each of them takes some bytes beside its records. */
const streamReadMessages = 4096;

/** Produce, consume, follow. No gRPC and no policy: whoever gets here is allowed to. */
export class LogService {
  readonly #logs: TenantLogs;
  readonly #traffic: Traffic;

  constructor(logs: TenantLogs, traffic: Traffic = noTraffic) {
    this.#logs = logs;
    this.#traffic = traffic;
  }

  /**
   * Resolves when the batch is admitted and has its offset; `durable` resolves when it is on disk.
   *
   * @param mayCreate asked only if the topic is missing
   * @param hasGone whether the caller has given up
   * A batch that its producer has sent before is not stored again: it is answered as it was the first time.
   *
   * @throws TopicNotFound, TopicIdMismatch, UnexpectedOffset, QuotaExceeded, what `append` throws of producers, and
   *   whatever else refuses the batch; then nothing is stored
   */
  async produce(
    target: TopicTarget,
    records: RecordBatch,
    options: {
      expectedOffset: bigint | undefined;
      producer?: BatchProducer | undefined;
      mayCreate: () => boolean;
      hasGone?: () => boolean;
    },
  ): Promise<Produced> {
    const { expectedOffset, producer } = options;
    const log = await this.#logs.findOrCreate(target, () => {
      if (!options.mayCreate()) return false;
      // A refused batch leaves nothing behind, and an empty topic would be something.
      if (producer !== undefined && producer.sequence !== 0n) throw new ProducerSequenceGap(0n, producer.sequence);
      if (expectedOffset !== undefined && expectedOffset !== 0n) throw new UnexpectedOffset(expectedOffset, 0n);
      this.#logs.admit(target.tenant, records);
      return true;
    });
    // Making the topic takes a while: for who has given up meanwhile nothing is stored.
    if (options.hasGone?.() === true) throw new Cancelled();
    const { durable, isRepeated } = await this.#logs.append(log, records, { expectedOffset, producer });
    if (isRepeated !== true) this.#traffic.produced(log.tenant, records.count, records.source.length);
    return { topicId: log.topicId, durable };
  }

  /**
   * Reads once. At the end it waits up to `maxWaitMs` for a record and may then come back with none.
   *
   * @param caller asked for its signal only if there is something to wait for: a signal may cost as much as a read
   * @throws OffsetOutOfRange when a stated offset is outside the range and there was nothing to wait for
   */
  async consume(
    target: TopicTarget,
    start: StartAt,
    limits: ReadLimits,
    maxWaitMs: number,
    caller: { readonly signal: AbortSignal },
  ): Promise<Consumed> {
    const log = await this.#logs.find(target);
    let offset = await startOffset(log, start);
    if (maxWaitMs > 0 && offset === log.range().next) {
      const { signal } = caller;
      using patience = new Patience(maxWaitMs, signal);
      offset = await waitAtEnd(log, start, patience.signal).catch((error: unknown) => {
        // Only the caller's own signal is an error: to have waited in vain is an answer.
        if (!(error instanceof Cancelled) || signal.aborted) throw error;
        return log.range().next;
      });
    }
    const { next } = log.range();
    const mayBeEmpty = start.at !== "offset" || maxWaitMs > 0;
    if (offset === next && mayBeEmpty) return { topicId: log.topicId, highWaterMark: next, frames: undefined };
    const frames = await log.read(offset, limits);
    this.#traffic.consumed(log.tenant, frames.count, sizeOf(frames));
    return { topicId: log.topicId, highWaterMark: log.range().next, frames };
  }

  /**
   * Reads from `start` on for ever, waiting at the end, until the signal aborts: up to `streamReadBytes` at a time, and
   * no more records than some thousand messages of `perMessage` hold. @throws Cancelled then
   */
  async *follow(
    target: TopicTarget,
    start: StartAt,
    perMessage: number,
    signal: AbortSignal,
  ): AsyncGenerator<ConsumedRecords> {
    const log = await this.#logs.find(target);
    const { topicId } = log;
    let offset = start.at === "time" ? await waitAtEnd(log, start, signal) : await startOffset(log, start);
    const limits = { maxBytes: streamReadBytes, maxRecords: perMessage * streamReadMessages };
    for (;;) {
      if (signal.aborted) throw new Cancelled();
      await log.reach(offset, signal);
      const frames = await log.read(offset, limits);
      const { next } = frames;
      this.#traffic.consumed(log.tenant, frames.count, sizeOf(frames));
      yield { topicId, highWaterMark: log.range().next, frames };
      offset = next;
    }
  }
}

function sizeOf({ parts }: RecordFrames): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Aborts when the time is up or the caller has gone. Unlike AbortSignal.timeout, it leaves no timer behind. */
class Patience implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number, caller: AbortSignal) {
    this.signal = AbortSignal.any([caller, this.#controller.signal]);
    this.#timer = setTimeout(() => this.#controller.abort(), milliseconds);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

async function startOffset(log: CommitLog, start: StartAt): Promise<bigint> {
  switch (start.at) {
    case "offset": {
      const { base, next } = log.range();
      if (start.offset < base) throw new OffsetOutOfRange(start.offset, base, next);
      return start.offset;
    }
    case "earliest":
      return log.range().base;
    case "latest":
      return log.range().next;
    case "time":
      return log.offsetAt(start.timeMs);
  }
}

/** Waits until there is something to read at the start, and gives its offset. */
async function waitAtEnd(log: CommitLog, start: StartAt, signal: AbortSignal): Promise<bigint> {
  if (start.at !== "time") {
    const offset = await startOffset(log, start);
    await log.reach(offset, signal);
    return offset;
  }
  for (;;) {
    const offset = await log.offsetAt(start.timeMs);
    const { next } = log.range();
    if (offset < next) return offset;
    // What comes next may still be too early for a start in the future.
    await log.reach(next, signal);
  }
}
