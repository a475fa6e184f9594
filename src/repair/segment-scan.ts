import { lstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type CommitHeader, commitHeaderBytes, isIntact, misplacement, readCommitHeader } from "../log/commit.js";
import { isMissing } from "../log/durable-files.js";
import { visitFrames } from "../log/record-frame.js";
import { indexPathOf } from "../log/segment.js";
import { loadIndex } from "../log/sparse-index.js";
import { FileWindow } from "./file-window.js";
import { noFile } from "./unusable.js";

/** A segment's file, and what is known of it from elsewhere. */
export interface ScannedSegment {
  readonly path: string;
  readonly topicId: string;
  readonly base: bigint;
  readonly generation: number;
  /** The first offset that does not belong to it; undefined if that is not known. */
  readonly next: bigint | undefined;
  /** How many of its bytes are judged; all that there are if that is not known. */
  readonly bytes: number | undefined;
}

/** A commit as it was written: checksum, place and frames are right. */
export interface SoundCommit {
  readonly kind: "commit";
  readonly position: number;
  readonly header: CommitHeader;
  /** Header and frames. */
  readonly bytes: Buffer;
}

/** Bytes `[position, end)` that are not what was written. */
export interface DamagedBytes {
  readonly kind: "damage";
  readonly position: number;
  readonly end: number;
  /** The offset that belongs there. */
  readonly offset: bigint;
  readonly found: string;
}

/** A commit holds 256 KiB of frames at most, or one record, of which a request can have 4 MiB: a longer one is damage. */
const maxCommitBytes = 16 * 1024 * 1024;
/** A header is read with so much behind it, whatever length it has. */
const headerRoom = 64 * 1024;
const firstHeaderBytes = Buffer.from([0xfa, 0x7f]);

/**
 * All of a segment's bytes, from the first to the last, as commits and as what lies between them. Whatever the bytes are,
 * this ends, and holds no more than a few commits in memory.
 *
 * Behind damage, it goes on where the damaged commit says that it ends, or else where the index knows of a commit, or where
 * there is one that is followed by another or by the end: a value that has the form of a commit is followed by neither.
 */
export async function* scanSegment(segment: ScannedSegment): AsyncGenerator<SoundCommit | DamagedBytes> {
  const { base, bytes } = segment;
  let file: FileHandle;
  const isThere = lstatSync(segment.path, { throwIfNoEntry: false }) !== undefined;
  const problem = isThere ? noFile(segment.path) : "the file is missing";
  if (problem !== undefined) {
    yield { kind: "damage", position: 0, end: bytes ?? 0, offset: base, found: problem };
    return;
  }
  try {
    file = await open(segment.path, "r");
  } catch (error) {
    if (!isMissing(error)) throw error;
    yield { kind: "damage", position: 0, end: bytes ?? 0, offset: base, found: "the file is missing" };
    return;
  }
  try {
    const { size } = await file.stat();
    const end = Math.min(size, bytes ?? size);
    const scan = new SegmentScan(segment, file, end);
    try {
      yield* scan.run();
    } catch (error) {
      if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
      const found = `it cannot be read: ${String(error.code)}`;
      yield { kind: "damage", position: scan.position, end, offset: scan.expected, found };
    }
    if (bytes === undefined || end === bytes) return;
    const found = `the file ends at byte ${size}`;
    yield { kind: "damage", position: end, end: bytes, offset: scan.expected, found };
  } finally {
    await file.close();
  }
}

type Judged =
  { readonly commit: SoundCommit } | { readonly found: string; /** If it says so. */ readonly end: number | undefined };

class SegmentScan {
  /** Behind the last commit. */
  expected: bigint;
  /** How far it has come, in bytes. */
  position = 0;
  readonly #segment: ScannedSegment;
  readonly #window: FileWindow;
  readonly #end: number;
  #indexed: ReadonlySet<number> | undefined;

  constructor(segment: ScannedSegment, file: FileHandle, end: number) {
    this.#segment = segment;
    this.#window = new FileWindow(file, end);
    this.#end = end;
    this.expected = segment.base;
  }

  async *run(): AsyncGenerator<SoundCommit | DamagedBytes> {
    let isBehindDamage = false;
    while (this.position < this.#end) {
      const { position } = this;
      const judged = await this.#judge(position, isBehindDamage);
      if ("commit" in judged) {
        const { commit } = judged;
        yield commit;
        this.expected = commit.header.last + 1n;
        this.position += commit.bytes.length;
        isBehindDamage = false;
        continue;
      }
      const end = await this.#behindDamage(position, judged.end);
      yield { kind: "damage", position, end, offset: this.expected, found: judged.found };
      this.position = end;
      isBehindDamage = true;
    }
  }

  /** @param mayLeaveOut true where offsets may be missing in front, because bytes are damaged there */
  async #judge(position: number, mayLeaveOut: boolean): Promise<Judged> {
    const header = readCommitHeader(await this.#window.at(position, headerRoom), 0);
    if (header === undefined) {
      const isShort = this.#end - position < commitHeaderBytes;
      return { found: isShort ? "the file ends within a commit" : "no commit header", end: undefined };
    }
    const length = header.headerBytes + header.framesBytes;
    const end = position + length <= this.#end && length <= maxCommitBytes ? position + length : undefined;
    const { topicId, generation, next } = this.#segment;
    const place = {
      topicId,
      expected: mayLeaveOut && header.base > this.expected ? header.base : this.expected,
      isCompacted: generation > 0,
      next,
      room: this.#end - position,
    };
    const problem = misplacement(header, place);
    if (problem !== undefined) return { found: problem, end };
    if (length > maxCommitBytes) return { found: `a commit of ${length} bytes`, end };
    const bytes = await this.#window.at(position, length);
    if (bytes.length < length) return { found: "the file ends within a commit", end };
    if (!isIntact(bytes, 0, header)) return { found: "the checksum does not match", end };
    if (!visitFrames(bytes, header.headerBytes, length, header, () => undefined)) {
      return { found: "the frames are not those of the header", end };
    }
    return { commit: { kind: "commit", position, header, bytes } };
  }

  /** Where the next commit begins, or the end. */
  async #behindDamage(position: number, end: number | undefined): Promise<number> {
    if (end !== undefined && (end === this.#end || (await this.#isCommit(end)))) return end;
    for (let at = position + 1; at < this.#end;) {
      const bytes = await this.#window.at(at, headerRoom);
      const found = bytes.indexOf(firstHeaderBytes);
      if (found === -1) {
        at += Math.max(1, bytes.length - 1);
        continue;
      }
      at += found;
      if (await this.#isAnchored(at)) return at;
      at++;
    }
    return this.#end;
  }

  async #isCommit(position: number): Promise<boolean> {
    return "commit" in (await this.#judge(position, true));
  }

  async #isAnchored(position: number): Promise<boolean> {
    const judged = await this.#judge(position, true);
    if (!("commit" in judged)) return false;
    const behind = position + judged.commit.bytes.length;
    if (behind === this.#end || (await this.#indexedPositions()).has(position)) return true;
    const following = readCommitHeader(await this.#window.at(behind, headerRoom), 0);
    return following?.topicId === this.#segment.topicId && following.base > judged.commit.header.last;
  }

  async #indexedPositions(): Promise<ReadonlySet<number>> {
    const { path, topicId } = this.#segment;
    this.#indexed ??= new Set((await loadIndex(indexPathOf(path), topicId, this.#end)).map(({ position }) => position));
    return this.#indexed;
  }
}
