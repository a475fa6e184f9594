import { RecordCorrupt } from "../errors.js";
import { CheckedCommit } from "./checked-commits.js";
import { commitHeaderBytes, isIntact, readCommitHeader } from "./commit.js";
import type { Gatherer } from "./gatherer.js";
import type { ReadLimits } from "./port.js";
import { type Hint, type SegmentBytes, chunkOf, corrupt, problemOf, walkTo } from "./segment-walk.js";
import { type SparseIndex, indexIntervalBytes } from "./sparse-index.js";

/** What records are read from. */
export interface ReadableSegment extends SegmentBytes {
  /** Which says how much to read at once. */
  readonly index: SparseIndex;
}

/**
 * Gathers records from `offset` on, which is at the hint or behind it.
 *
 * @returns false if compaction has left none from `offset` to the segment's end
 * @throws RecordCorrupt with file and position when the bytes are not what was written
 */
export async function readFrom(
  segment: ReadableSegment,
  hint: Hint | undefined,
  offset: bigint,
  limits: ReadLimits,
  gatherer: Gatherer,
): Promise<boolean> {
  const lastWanted = offset + BigInt(limits.maxRecords) - 1n;
  const most = limits.maxBytes + indexIntervalBytes;
  // With one look at the file, but no more than is wanted.
  const length = (from: number): number =>
    Math.min(most, (segment.index.endOfRead(from, lastWanted, limits.maxBytes) ?? segment.written) - from);
  const start = await walkTo(segment, hint, (header) => header.last >= offset, length);
  if (start === undefined) {
    if (segment.generation > 0) return false;
    throw corrupt(segment, segment.written, `offset ${offset} is missing`);
  }
  let { chunk, at, header, position } = start;
  for (;;) {
    const bytes = header.headerBytes + header.framesBytes;
    if (gatherer.leaves(header)) break;
    if (chunk.bytes.length - at < bytes) {
      // The first commit comes whole; one that is cut off behind it is left for the next read.
      if (!gatherer.isEmpty) break;
      chunk.lease.release();
      chunk = await chunkOf(segment, position, bytes);
      at = 0;
      if (chunk.bytes.length < bytes) throw corrupt(segment, position, "the file ends within a commit");
    }
    if (!isIntact(chunk.bytes, at, header)) {
      // Whoever reads on from here is told; what is in front of it is good.
      if (!gatherer.isEmpty) break;
      throw corrupt(segment, position, "the checksum does not match");
    }
    const framesAt = at + header.headerBytes;
    const more = gatherer.take(chunk.bytes, framesAt, at + bytes, header);
    if (more === undefined) throw corrupt(segment, position, "the frames are not those of the header");
    at += bytes;
    position += bytes;
    const commit = (): CheckedCommit => new CheckedCommit(segment, header, position, chunk.bytes, framesAt);
    // Then the memory is not given back: who reads on may still be looking at it when it is forgotten.
    if (!more && segment.files.checked.keep(commit(), gatherer.next)) return true;
    if (!more || position >= segment.written || chunk.bytes.length - at < commitHeaderBytes) break;
    const following = readCommitHeader(chunk.bytes, at);
    if (following === undefined || problemOf(segment, following, position, header.last + 1n) !== undefined) break;
    header = following;
  }
  gatherer.tookFrom(chunk.lease);
  return true;
}

/** Gathers what follows a commit; what is wrong there is for whoever reads on. */
export async function readBehind(
  segment: ReadableSegment,
  { header, behind }: CheckedCommit,
  limits: ReadLimits,
  gatherer: Gatherer,
): Promise<void> {
  if (behind >= segment.written) return;
  const next = header.last + 1n;
  try {
    await readFrom(segment, { base: next, position: behind }, next, limits, gatherer);
  } catch (error) {
    if (!(error instanceof RecordCorrupt)) throw error;
  }
}
