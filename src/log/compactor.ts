import { KeyTable, keyOf } from "./compact-keys.js";
import { type CheckedCommit, checkedCommits, corrupt } from "./compact-source.js";
import { CompactTarget, type TargetCommit } from "./compact-target.js";
import { commitHeaderBytes, sealCommit } from "./commit.js";
import { type RecordFrame, visitFrames } from "./record-frame.js";
import type { SealedSegment } from "./segment.js";

/**
 * Key compaction of one topic's sealed segments. Nothing here knows of a topic, a manifest or who else reads: it reads
 * files that never change, and writes new ones. One pass over a topic goes like this:
 *
 *     const sealed = segments.filter(isSealed) // in offset order, every one of them wholly below the checkpoint
 *     if (!isCompactionDue(sealed, compactedTo)) return
 *     const keys = await collectKeys(sealed, compactedTo, { maxKeyBytes, signal })
 *     for (const segment of sealed) {
 *       if (segment.base >= keys.next) break
 *       const target = join(directory, segmentFileName(segment.base, segment.generation + 1))
 *       const rewritten = await rewriteSegment(segment, target, { keys, startOffset }, { signal })
 *       // "unchanged": there is no target. "empty": there is none, and the segment may leave the manifest.
 *       // "rewritten": the target and its name are durable. Switch to it in the manifest, durably: same base, same
 *       // sealed.next, sealed.bytes = rewritten.bytes, generation + 1. Only then unlink the old .log and .index.
 *     }
 *     compactedTo = keys.next // durably, and not before all of them were switched to
 *
 * Below `compactedTo` no key comes twice, so that the next pass collects keys only from there on: with bounded memory
 * a pass may not reach the end, and the next one goes on where it ended. Zero is always right, and slower.
 *
 * A crash at any point leaves what the manifest names, whole; files of generations that it does not name are leftovers,
 * to be removed at a start. A target that is in the way is overwritten.
 *
 * For who reads: an offset may have no record, also the first one of a segment, and all offsets of a segment that left.
 * Segment.read() says false when the records that follow are in the next segment. The last record of what was compacted
 * always stays, because no later one has its key.
 */

/** What is kept of a segment. */
export interface Keep {
  /** A record whose key comes again later, as far as these know, may go. */
  readonly keys: KeyTable;
  /** Records before this offset may go as well. */
  readonly startOffset: bigint;
}

export type Rewritten =
  /** Nothing would go: nothing was written. */
  | { readonly kind: "unchanged" }
  /** Nothing would stay: nothing was written. */
  | { readonly kind: "empty"; readonly removed: number }
  /** The target and its name are on disk, and so many bytes and records are in it. */
  | { readonly kind: "rewritten"; readonly bytes: number; readonly kept: number; readonly removed: number };

export interface CompactionOptions {
  /** Ends it between two reads, with Cancelled; a target that was begun is removed. */
  readonly signal?: AbortSignal;
}

export interface CollectOptions extends CompactionOptions {
  /** Memory for keys, in bytes, at most about; one key is taken whatever it takes. */
  readonly maxKeyBytes: number;
}

/** Of what a pass reads, at least this part is new: otherwise each new segment would cost reading the whole topic. */
export const leastNewPart = 0.2;

/** True when enough came behind `compactedTo` that a pass over all of it is worth its reading. */
export function isCompactionDue(segments: readonly SealedSegment[], compactedTo: bigint): boolean {
  let fresh = 0;
  let all = 0;
  for (const { sealed } of segments) {
    all += sealed.bytes;
    if (sealed.next > compactedTo) fresh += sealed.bytes;
  }
  return fresh > 0 && fresh >= all * leastNewPart;
}

/**
 * The last offset of each key among the records from `from` on, as far as memory for keys goes: `next` of the table is
 * the first offset that it does not know of.
 *
 * @param segments in offset order
 * @throws RecordCorrupt with file and position when the bytes are not what was written
 * @throws Cancelled when the signal aborts
 */
export async function collectKeys(
  segments: readonly SealedSegment[],
  from: bigint,
  options: CollectOptions,
): Promise<KeyTable> {
  const keys = new KeyTable(from, options.maxKeyBytes);
  for (const segment of segments) {
    if (segment.sealed.next <= from) continue;
    for await (const commits of checkedCommits(segment, options.signal)) {
      for (const commit of commits) noteKeys(segment, commit, keys);
      if (keys.isFull) return keys;
    }
    keys.coverUpTo(segment.sealed.next);
  }
  return keys;
}

function noteKeys(segment: SealedSegment, commit: CheckedCommit, keys: KeyTable): void {
  visitRecords(segment, commit, (frame) => {
    const key = keyOf(commit.bytes, frame);
    if (key !== undefined) keys.note(key, frame.offset);
  });
}

/**
 * Writes to `target` what is kept of a segment: commits of which all records are kept as they are, the others with the
 * records that are left, byte for byte and with their offsets and times. The index is written along.
 *
 * @throws RecordCorrupt with file and position when the source's bytes are not what was written; no target is left then
 * @throws Cancelled when the signal aborts; no target is left then
 */
export async function rewriteSegment(
  source: SealedSegment,
  target: string,
  keep: Keep,
  options: CompactionOptions = {},
): Promise<Rewritten> {
  if (!(await losesAny(source, keep, options.signal))) return { kind: "unchanged" };
  const file = await CompactTarget.create(target);
  try {
    let kept = 0;
    let removed = 0;
    for await (const commits of checkedCommits(source, options.signal)) {
      const remaining: TargetCommit[] = [];
      for (const commit of commits) {
        const rest = restOf(source, commit, keep);
        kept += rest?.count ?? 0;
        removed += commit.header.count - (rest?.count ?? 0);
        if (rest !== undefined) remaining.push(rest);
      }
      await file.write(remaining);
    }
    if (kept === 0) {
      await file.discard();
      return { kind: "empty", removed };
    }
    await file.finish(source.topicId);
    return { kind: "rewritten", bytes: file.bytes, kept, removed };
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Reads before anything is written: most segments of a topic that was compacted have nothing to lose again. */
async function losesAny(source: SealedSegment, keep: Keep, signal: AbortSignal | undefined): Promise<boolean> {
  for await (const commits of checkedCommits(source, signal)) {
    if (commits.some((commit) => restOf(source, commit, keep)?.count !== commit.header.count)) return true;
  }
  return false;
}

/** The commit with what stays of it: itself if that is all, undefined if it is nothing. */
function restOf(
  source: SealedSegment,
  commit: CheckedCommit,
  keep: Keep,
): (TargetCommit & { count: number }) | undefined {
  const { header, bytes } = commit;
  // Stretches of frames that stay, as starts and ends.
  const runs: number[] = [];
  let count = 0;
  let base = 0;
  let last = 0;
  visitRecords(source, commit, (frame, position) => {
    if (!stays(bytes, frame, keep)) return;
    if (runs.at(-1) === position) runs[runs.length - 1] = frame.end;
    else runs.push(position, frame.end);
    if (count++ === 0) base = frame.offset;
    last = frame.offset;
  });
  const { timeMs } = header;
  if (count === 0) return undefined;
  if (count === header.count) return { base: header.base, timeMs, count, bytes };
  let framesBytes = 0;
  for (let run = 0; run < runs.length; run += 2) framesBytes += runs[run + 1]! - runs[run]!;
  const rest = Buffer.allocUnsafe(commitHeaderBytes + framesBytes);
  let at = commitHeaderBytes;
  for (let run = 0; run < runs.length; run += 2) at += bytes.copy(rest, at, runs[run], runs[run + 1]);
  const topicId = Buffer.from(header.topicId, "hex");
  sealCommit(rest, 0, { topicId, base: BigInt(base), last: BigInt(last), count, timeMs, framesBytes });
  return { base: BigInt(base), timeMs, count, bytes: rest };
}

function stays(bytes: Buffer, frame: RecordFrame, keep: Keep): boolean {
  if (frame.offset < keep.startOffset) return false;
  const key = keyOf(bytes, frame);
  return key === undefined || !keep.keys.hasLater(key, frame.offset);
}

function visitRecords(
  segment: SealedSegment,
  { header, bytes, position }: CheckedCommit,
  visit: (frame: RecordFrame, position: number) => void,
): void {
  if (visitFrames(bytes, header.headerBytes, bytes.length, header, visit)) return;
  throw corrupt(segment, position, "the frames are not those of the header");
}
