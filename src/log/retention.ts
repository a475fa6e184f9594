import type { RetentionClock } from "./retention-clock.js";
import type { TopicLog } from "./topic-log.js";

/** Decides which records a topic's settings let go. Removes nothing itself. */
export class Retention {
  readonly #clock: RetentionClock;
  /** Of each topic that was looked at: no record that is still there is from before this time. */
  readonly #oldestMs = new WeakMap<TopicLog, number>();

  constructor(clock: RetentionClock) {
    this.#clock = clock;
  }

  /**
   * The first offset that is to be kept: whichever limit is passed first. Within the topic's range at the moment, so that
   * nothing goes that is not durable.
   *
   * @throws RecordCorrupt when what decides it cannot be read
   */
  async startOf(log: TopicLog): Promise<bigint> {
    const { retentionRecords, retentionMs, retentionBytes } = log.settings;
    const { base, next } = log.range();
    if (base === next) return base;
    const starts = [
      retentionRecords === undefined ? base : next - BigInt(retentionRecords),
      retentionMs === undefined ? base : await this.#byAge(log, retentionMs),
      retentionBytes === undefined ? base : await byBytes(log, retentionBytes),
    ];
    return starts.reduce((latest, start) => (start > latest ? start : latest), base);
  }

  async #byAge(log: TopicLog, retentionMs: number): Promise<bigint> {
    const marked = await this.#byMark(log, retentionMs);
    const cutoff = this.#clock.cutoff(retentionMs);
    // Most topics have nothing that old most of the time, and are not worth a read.
    if ((this.#oldestMs.get(log) ?? -1) > cutoff) return marked;
    const { offset, timeMs } = await log.reader.commitAt(BigInt(cutoff) + 1n);
    if (timeMs !== undefined) this.#oldestMs.set(log, timeMs);
    return offset > marked ? offset : marked;
  }

  /**
   * While the wall clock has to catch up with a topic's last record, all new ones get that record's time. Their age is
   * known all the same, from marks: what was there when one was made has its age at least.
   */
  async #byMark(log: TopicLog, retentionMs: number): Promise<bigint> {
    const { nowMs } = this.#clock;
    const { ageMark } = log.files.state;
    const { base, next } = log.range();
    const isOld = ageMark !== undefined && nowMs - ageMark.livedMs >= retentionMs;
    if (this.#clock.isAhead(log.lastTimestampMs) && (ageMark === undefined || isOld)) {
      await log.files.change(() => ({ ageMark: { offset: next, livedMs: nowMs } }));
    }
    return isOld ? ageMark.offset : base;
  }
}

/** The first offset from which on everything fits into `limit` bytes, commits whole. */
async function byBytes(log: TopicLog, limit: number): Promise<bigint> {
  let excess = log.bytesOfSegments - limit;
  let start = log.range().base;
  for (const segment of log.files.segments) {
    if (excess <= 0) break;
    const bytes = segment.sealed?.bytes ?? log.end.position;
    if (bytes > excess) return log.reader.commitFrom(segment, excess);
    excess -= bytes;
    start = segment.sealed?.next ?? log.end.next;
  }
  return start;
}
