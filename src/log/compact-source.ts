import { type FileHandle, open } from "node:fs/promises";
import { Cancelled, RecordCorrupt } from "../errors.js";
import {
  type CommitHeader,
  commitHeaderBytes,
  isIntact,
  maxCommitFramesBytes,
  misplacement,
  readCommitHeader,
} from "./commit.js";
import { isMissing, readUpTo } from "./durable-files.js";
import type { SealedSegment } from "./segment.js";

/** A commit that was found to be what was written. */
export interface CheckedCommit {
  readonly header: CommitHeader;
  /** Header and frames. */
  readonly bytes: Buffer;
  /** In the segment. */
  readonly position: number;
}

/** Most commits come with one read, and one read is not too much work at a time for a server with callers. */
const chunkBytes = commitHeaderBytes + maxCommitFramesBytes;

/**
 * All commits of a segment in order, checked, as many at a time as one read gives.
 *
 * @throws RecordCorrupt with file and position when the bytes are not what was written
 * @throws Cancelled between two reads when the signal aborts
 */
export async function* checkedCommits(
  segment: SealedSegment,
  signal: AbortSignal | undefined,
): AsyncGenerator<CheckedCommit[]> {
  const file = await openSegment(segment);
  try {
    const source = new CommitSource(segment, file);
    while (!source.done) {
      if (signal?.aborted === true) throw new Cancelled();
      yield await source.read();
    }
  } finally {
    await file.close();
  }
}

/** What is thrown when the bytes at `position` of a segment are not what was written. */
export function corrupt(segment: SealedSegment, position: number, problem: string): RecordCorrupt {
  return new RecordCorrupt(segment.topicId, `${segment.path}: byte ${position}`, problem);
}

async function openSegment(segment: SealedSegment): Promise<FileHandle> {
  try {
    return await open(segment.path, "r");
  } catch (error) {
    throw isMissing(error) ? corrupt(segment, 0, "the file is missing") : error;
  }
}

class CommitSource {
  readonly #segment: SealedSegment;
  readonly #file: FileHandle;
  #position = 0;
  #expected: bigint;

  constructor(segment: SealedSegment, file: FileHandle) {
    this.#segment = segment;
    this.#file = file;
    this.#expected = segment.base;
  }

  get done(): boolean {
    return this.#position >= this.#segment.sealed.bytes;
  }

  /** The commits that a chunk of the file holds, one at least. */
  async read(): Promise<CheckedCommit[]> {
    const chunk = await this.#chunk(chunkBytes);
    const commits = this.#commitsIn(chunk);
    if (commits.length > 0) return commits;
    // One record can be larger than a chunk.
    const { headerBytes, framesBytes } = this.#header(chunk, 0);
    const whole = this.#commitsIn(await this.#chunk(headerBytes + framesBytes));
    if (whole.length === 0) throw this.#corrupt("the file ends within a commit");
    return whole;
  }

  #chunk(bytes: number): Promise<Buffer> {
    return readUpTo(this.#file, this.#position, Math.min(bytes, this.#segment.sealed.bytes - this.#position));
  }

  #commitsIn(chunk: Buffer): CheckedCommit[] {
    const commits: CheckedCommit[] = [];
    for (let at = 0; chunk.length - at >= commitHeaderBytes;) {
      const header = this.#header(chunk, at);
      const end = at + header.headerBytes + header.framesBytes;
      if (end > chunk.length) break;
      if (!isIntact(chunk, at, header)) throw this.#corrupt("the checksum does not match");
      commits.push({ header, bytes: chunk.subarray(at, end), position: this.#position });
      this.#expected = header.last + 1n;
      this.#position += end - at;
      at = end;
    }
    return commits;
  }

  #header(chunk: Buffer, at: number): CommitHeader {
    if (chunk.length - at < commitHeaderBytes) throw this.#corrupt("the file ends within a commit");
    const header = readCommitHeader(chunk, at);
    if (header === undefined) throw this.#corrupt("no commit header");
    const { topicId, generation, sealed } = this.#segment;
    const problem = misplacement(header, {
      topicId,
      expected: this.#expected,
      isCompacted: generation > 0,
      next: sealed.next,
      room: sealed.bytes - this.#position,
    });
    if (problem !== undefined) throw this.#corrupt(problem);
    return header;
  }

  #corrupt(problem: string): RecordCorrupt {
    return corrupt(this.#segment, this.#position, problem);
  }
}
