import type { Lease } from "../buffer-pool.js";
import { RecordCorrupt } from "../errors.js";
import { type CommitHeader, commitHeaderBytes, misplacement, readCommitHeader } from "./commit.js";
import { isMissing, isNoFile, readInto } from "./durable-files.js";
import type { OpenFiles } from "./open-files.js";
import type { SegmentEnd } from "./segment.js";
import { type IndexEntry, indexIntervalBytes } from "./sparse-index.js";

/** A segment's file, as far as it is written. */
export interface SegmentBytes {
  readonly files: OpenFiles;
  readonly topicId: string;
  readonly path: string;
  /** The offset that it begins with; its record may be gone. */
  readonly base: bigint;
  /** Only with more than zero may it have gaps. */
  readonly generation: number;
  readonly sealed: SegmentEnd | undefined;
  /** Bytes that are in the file. */
  readonly written: number;
}

/** Where to begin looking: an entry of the index, or what lies behind a commit that is known. */
export type Hint = Omit<IndexEntry, "timeMs"> & { readonly timeMs?: number };

/** A part of the file. */
export interface Chunk {
  readonly bytes: Buffer;
  /** Of the memory that it was read into. */
  readonly lease: Lease;
}

/** A commit that the walk has stopped at: `at` is where it begins in the chunk, `position` in the file. */
export interface FoundHeader {
  readonly header: CommitHeader;
  readonly position: number;
  readonly chunk: Chunk;
  readonly at: number;
}

/**
 * Hops from header to header, from the hint on, to the first that `matches`; undefined if none does.
 *
 * @param length how much to read from a position on
 * @throws RecordCorrupt with file and position at the first that is not where it has to be
 */
export async function walkTo(
  segment: SegmentBytes,
  hint: Hint | undefined,
  matches: (header: CommitHeader, position: number, chunk: Buffer, at: number) => boolean,
  length: (position: number) => number = () => indexIntervalBytes,
): Promise<FoundHeader | undefined> {
  let position = hint?.position ?? 0;
  let expected = hint?.base ?? segment.base;
  while (position < segment.written) {
    const chunk = await chunkOf(segment, position, Math.max(length(position), indexIntervalBytes));
    if (chunk.bytes.length < commitHeaderBytes) throw corrupt(segment, position, "the file ends within a commit");
    let at = 0;
    while (position < segment.written && chunk.bytes.length - at >= commitHeaderBytes) {
      const header = headerAt(segment, chunk.bytes, at, position, expected);
      const said = position === hint?.position ? hint.timeMs : undefined;
      if (said !== undefined && (header.base !== hint?.base || header.timeMs !== said)) {
        throw corrupt(segment, position, "the index has another offset or time for this commit");
      }
      if (matches(header, position, chunk.bytes, at)) return { header, position, chunk, at };
      expected = header.last + 1n;
      at += header.headerBytes + header.framesBytes;
      position += header.headerBytes + header.framesBytes;
    }
    chunk.lease.release();
  }
  return undefined;
}

/** Why the commit at `position` cannot be the one that begins with offset `expected`, if it cannot. */
export function problemOf(
  { topicId, generation, sealed, written }: SegmentBytes,
  header: CommitHeader,
  position: number,
  expected: bigint,
): string | undefined {
  return misplacement(header, {
    topicId,
    expected,
    isCompacted: generation > 0,
    next: sealed?.next,
    room: written - position,
  });
}

/** So many bytes of the file, or fewer at the end of what is written. @throws RecordCorrupt if there is no file to read */
export async function chunkOf(segment: SegmentBytes, position: number, bytes: number): Promise<Chunk> {
  const { files, path, written } = segment;
  const lease = files.buffers.lend(Math.min(bytes, written - position));
  try {
    return { bytes: await files.read(path, (file) => readInto(lease.bytes, file, position)), lease };
  } catch (error) {
    if (isMissing(error)) throw corrupt(segment, position, "the file is missing");
    if (isNoFile(error)) throw corrupt(segment, position, `the file cannot be read: ${(error as Error).message}`);
    throw error;
  }
}

export function corrupt({ topicId, path }: SegmentBytes, position: number, problem: string): RecordCorrupt {
  return new RecordCorrupt(topicId, `${path}: byte ${position}`, problem);
}

function headerAt(segment: SegmentBytes, chunk: Buffer, at: number, position: number, expected: bigint): CommitHeader {
  const header = readCommitHeader(chunk, at);
  if (header === undefined) throw corrupt(segment, position, "no commit header");
  const problem = problemOf(segment, header, position, expected);
  if (problem !== undefined) throw corrupt(segment, position, problem);
  return header;
}
