import { RecordCorrupt } from "../errors.js";
import { KeyTable } from "./compact-keys.js";
import { type Keep, collectKeys, isCompactionDue, leastNewPart, rewriteSegment } from "./compactor.js";
import { type SealedSegment, type Segment, isSealed } from "./segment.js";
import type { TopicLog } from "./topic-log.js";

export interface ReclaimOptions {
  /** Less is not worth sealing a segment for, or writing it anew, in bytes. */
  readonly reclaimBytes: number;
  /** Memory for the keys of one topic that is compacted, in bytes; what does not fit waits for the next time. */
  readonly compactionKeyBytes: number;
}

/** Of a segment, what has to be dead before it is written anew for a tenant that is short of space. */
const tightPart = 1 / 16;

/** Gives back the space of what is removed: takes away whole segments, and writes others anew with what is left. */
export class Reclaim {
  readonly #options: ReclaimOptions;
  /** Where the first offset that is kept is in the first segment, found once. */
  readonly #deadBytes = new WeakMap<Segment, { readonly start: bigint; readonly bytes: number }>();
  /** Topics whose segments cannot be written anew as they are: trying again would read all of them for nothing. */
  readonly #givenUp = new WeakMap<TopicLog, readonly Segment[]>();

  constructor(options: ReclaimOptions) {
    this.#options = options;
  }

  /** True if there is space that could be given back if the active segment were sealed. */
  async wantsSeal(log: TopicLog, isTight: boolean): Promise<boolean> {
    const { position, segmentBase } = log.end;
    const active = log.files.segments.at(-1);
    if (position === 0 || active === undefined) return false;
    const { base, next } = log.range();
    if (base === next) return true;
    const { compact, retentionBytes } = log.settings;
    if (compact && position >= Math.max(this.#options.reclaimBytes, log.bytesOfSegments * leastNewPart)) return true;
    if (base <= segmentBase) return false;
    return this.#isWorthIt(log, active, position, retentionBytes, isTight);
  }

  /** True if only a checkpoint is missing before something can be given back. */
  awaitsCheckpoint(log: TopicLog): boolean {
    const { startOffset, settings } = log.files.state;
    return log.files.segments.some(
      (segment) =>
        isSealed(segment) &&
        segment.base >= log.checkpointed.segmentBase &&
        (settings.compact || segment.base < startOffset),
    );
  }

  /** Removes segments of which nothing is kept, and that no crash makes recovery write to. */
  async removeWhole(log: TopicLog): Promise<void> {
    const { startOffset } = log.files.state;
    const gone = sealedOf(log).filter(({ sealed }) => sealed.next <= startOffset);
    if (gone.length === 0) return;
    const problem = await log.files.replaceSegments(new Map(gone.map((segment) => [segment, undefined])));
    log.noteStored(-gone.reduce((sum, { sealed }) => sum + sealed.bytes, 0));
    assertRemoved(problem);
  }

  /**
   * Gives back everything that can be at the moment, also of segments of which something is kept.
   *
   * @throws RecordCorrupt when a segment that is to be written anew is damaged
   * @throws Cancelled when the topic is deleted or closed meanwhile
   */
  async reclaim(log: TopicLog, isTight: boolean): Promise<void> {
    await this.removeWhole(log);
    if (this.#givenUp.get(log) === log.files.segments) return;
    const first = sealedOf(log)[0];
    if (first !== undefined && (await this.#isRewritable(log, first, isTight))) {
      const keep = { keys: nothing(), startOffset: log.files.state.startOffset };
      await this.#runLong(log, (signal) => this.#rewrite(log, first, keep, signal));
    }
    if (log.settings.compact && isCompactionDue(sealedOf(log), log.files.state.compactedTo)) {
      await this.#runLong(log, (signal) => this.#compact(log, signal));
    }
  }

  async #runLong(log: TopicLog, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await log.condition.runLong(task);
    } catch (error) {
      if (error instanceof RecordCorrupt) this.#givenUp.set(log, log.files.segments);
      throw error;
    }
  }

  async #isRewritable(log: TopicLog, first: Segment & SealedSegment, isTight: boolean): Promise<boolean> {
    if (log.range().base <= first.base) return false;
    return this.#isWorthIt(log, first, first.sealed.bytes, log.settings.retentionBytes, isTight);
  }

  async #isWorthIt(
    log: TopicLog,
    segment: Segment,
    bytes: number,
    limit: number | undefined,
    isTight: boolean,
  ): Promise<boolean> {
    const { startOffset: start } = log.files.state;
    let known = this.#deadBytes.get(segment);
    if (known?.start !== start) {
      const isWritten = segment.written === bytes;
      known = { start, bytes: await segment.positionOf(start) };
      // Of what is not written, some may be dead as well.
      if (isWritten) this.#deadBytes.set(segment, known);
    }
    if (known.bytes === 0) return false;
    if (limit !== undefined && log.bytesOfSegments > limit) return true;
    if (isTight) return known.bytes >= bytes * tightPart;
    return known.bytes >= this.#options.reclaimBytes && known.bytes * 2 > bytes;
  }

  async #compact(log: TopicLog, signal: AbortSignal): Promise<void> {
    const { startOffset, compactedTo } = log.files.state;
    const sealed = sealedOf(log);
    const maxKeyBytes = this.#options.compactionKeyBytes;
    const keys = await collectKeys(sealed, compactedTo, { signal, maxKeyBytes });
    for (const segment of sealed) {
      if (segment.base >= keys.next) break;
      await this.#rewrite(log, segment, { keys, startOffset }, signal);
    }
    await log.files.change(() => ({ compactedTo: keys.next }));
  }

  async #rewrite(log: TopicLog, segment: Segment & SealedSegment, keep: Keep, signal: AbortSignal): Promise<void> {
    const rewritten = await rewriteSegment(segment, log.files.nextGenerationPath(segment), keep, { signal });
    if (rewritten.kind === "unchanged") return;
    const next = rewritten.kind === "empty" ? undefined : log.files.nextGeneration(segment, rewritten.bytes);
    // Until the old one is gone, both are there.
    log.noteStored(next?.sealed?.bytes ?? 0);
    let problem: unknown;
    try {
      problem = await log.files.replaceSegments(new Map([[segment, next]]));
    } catch (error) {
      // A file that may be the one that counts must not be in the way of the next attempt.
      if (next !== undefined && !(await log.files.discard(next))) this.#givenUp.set(log, log.files.segments);
      log.noteStored(-(next?.sealed?.bytes ?? 0));
      throw error;
    }
    log.noteStored(-segment.sealed.bytes);
    assertRemoved(problem);
  }
}

/** Files that count no more and are still there are the disk's matter, and no longer the topic's. */
function assertRemoved(problem: unknown): void {
  if (problem instanceof Error) throw problem;
}

/** Those that recovery never writes to: sealed, and wholly below the last checkpoint. */
function sealedOf(log: TopicLog): (Segment & SealedSegment)[] {
  return log.files.segments.filter(isSealed).filter(({ base }) => base < log.checkpointed.segmentBase);
}

function nothing(): KeyTable {
  return new KeyTable(0n, 0);
}
