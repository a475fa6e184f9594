import { join } from "node:path";
import type { Lease } from "../buffer-pool.js";
import { RecordCorrupt } from "../errors.js";
import { CheckedCommit } from "./checked-commits.js";
import { type CommitHeader, commitHeaderBytes, isIntact, misplacement, readCommitHeader } from "./commit.js";
import { isMissing, isNoFile, readInto, writeAllFully } from "./durable-files.js";
import type { Gatherer } from "./gatherer.js";
import type { OpenFiles } from "./open-files.js";
import type { ReadLimits } from "./port.js";
import { type ProducerSection, decodeSection } from "./producer-section.js";
import { type IndexEntry, SparseIndex, indexIntervalBytes, loadIndex } from "./sparse-index.js";

/**
 * Twenty digits hold any uint64, so file names sort in offset order. A segment that is compacted goes on in a file of the
 * next generation; zero is what was appended.
 */
export function segmentFileName(base: bigint, generation = 0): string {
  return `${base.toString().padStart(20, "0")}${generation === 0 ? "" : `.${generation}`}.log`;
}

/** The index that belongs to a segment's file. */
export function indexPathOf(segmentPath: string): string {
  return segmentPath.replace(/\.log$/, ".index");
}

/** Where a sealed segment ends: the offset behind its last record, and its size. */
export interface SegmentEnd {
  readonly next: bigint;
  readonly bytes: number;
}

/** A segment that never changes again, as far as one must know it to read its file. */
export interface SealedSegment {
  readonly topicId: string;
  /** The offset that it begins with; its record may be gone. */
  readonly base: bigint;
  /** How many times it was compacted. Only with more than zero may it have gaps. */
  readonly generation: number;
  readonly path: string;
  readonly sealed: SegmentEnd;
}

/** Where to begin looking: an entry of the index, or what lies behind a commit that is known. */
type Hint = Omit<IndexEntry, "timeMs"> & { readonly timeMs?: number };

/** A part of the file. */
interface Chunk {
  readonly bytes: Buffer;
  /** Of the memory that it was read into. */
  readonly lease: Lease;
}

/** What a commit says of producers. */
export interface FoundSection {
  readonly section: ProducerSection;
  /** Of the commit. */
  readonly position: number;
  /** The commit's first offset. */
  readonly base: bigint;
}

export function isSealed(segment: Segment): segment is Segment & SealedSegment {
  return segment.sealed !== undefined;
}

/**
 * One stretch of a topic's log: a file of commits, one behind the other. The last one of a topic is active and grows;
 * sealed ones never change, but are replaced by others of a higher generation.
 */
export class Segment {
  readonly topicId: string;
  readonly base: bigint;
  readonly generation: number;
  readonly #directory: string;
  /** Made when it is needed: most topics are idle. */
  #path: string | undefined;
  readonly #files: OpenFiles;
  readonly #index = new SparseIndex();
  /** What an earlier process wrote; its part of the index is looked for when somebody reads. */
  readonly #inherited: number;
  #loading: Promise<void> | undefined;
  /** Bytes that are in the file. What is beyond is still in memory. */
  written: number;
  #sealed: SegmentEnd | undefined;
  /** True until the file's name is known to be on disk. */
  isNewFile: boolean;

  constructor(
    files: OpenFiles,
    directory: string,
    topicId: string,
    base: bigint,
    found: { bytes: number; sealed: SegmentEnd | undefined; generation?: number | undefined } | undefined,
  ) {
    this.topicId = topicId;
    this.base = base;
    this.generation = found?.generation ?? 0;
    this.#directory = directory;
    this.#files = files;
    this.#inherited = found?.bytes ?? 0;
    this.written = this.#inherited;
    this.#sealed = found?.sealed;
    this.isNewFile = this.#inherited === 0;
  }

  get path(): string {
    return (this.#path ??= join(this.#directory, segmentFileName(this.base, this.generation)));
  }

  /** Where it ends, once it never changes again. */
  get sealed(): SegmentEnd | undefined {
    return this.#sealed;
  }

  seal(end: SegmentEnd): void {
    this.#sealed = end;
  }

  /** Notes where a commit is going to be. Calls come in order. */
  noteCommit(entry: IndexEntry): void {
    this.#index.add(entry);
  }

  /** Appends bytes of whole commits. */
  async write(commits: readonly Buffer[]): Promise<void> {
    this.written += await this.#files.write(this.path, (file) => writeAllFully(file, commits, this.written));
  }

  /** Resolves when what was written is on disk; the index is saved along, but not synced. */
  async sync(): Promise<void> {
    await this.#files.sync(this.path);
    try {
      // Entries go behind those that are in the file already.
      await this.#loadIndex();
      await this.#index.save(this.#files, indexPathOf(this.path), this.topicId);
    } catch {
      // Only a hint: the next checkpoint tries again, and until then the entries are in memory. The file is let go of: what
      // could not be written to it must not be waited for.
      await this.#files.forget(indexPathOf(this.path));
    }
  }

  /**
   * Gathers records from `offset` on, which must be in this segment's range and written.
   *
   * @returns false if compaction has left none from `offset` to the segment's end: the next segment has what follows
   * @throws RecordCorrupt with file and position when the bytes are not what was written
   */
  async read(offset: bigint, limits: ReadLimits, gatherer: Gatherer): Promise<boolean> {
    const known = this.#files.checked.find(this, offset);
    if (known !== undefined) {
      if (known.gather(offset, gatherer)) await this.#readBehind(known, limits, gatherer);
      return true;
    }
    return this.#withHint(
      (index) => index.floor(offset),
      (hint) => this.#readFrom(hint, offset, limits, gatherer),
    );
  }

  /** The first commit; undefined if none is written. Compaction may have taken the segment's first offsets. */
  async firstCommit(): Promise<CommitHeader | undefined> {
    return (await this.#headers(undefined, () => true))?.header;
  }

  /** The first commit that has that time or a later one; undefined if none that is written has. */
  async commitAt(timeMs: bigint): Promise<CommitHeader | undefined> {
    const found = await this.#withHint(
      (index) => index.floorTime(timeMs),
      (hint) => this.#headers(hint, (header) => BigInt(header.timeMs) >= timeMs),
    );
    return found?.header;
  }

  /** The first commit that begins at `position` or behind it; undefined if none that is written does. */
  async commitFrom(position: number): Promise<CommitHeader | undefined> {
    const found = await this.#withHint(
      (index) => index.floorPosition(position),
      (hint) => this.#headers(hint, (_header, at) => at >= position),
    );
    return found?.header;
  }

  /** Where the first commit begins that reaches to `offset` or beyond; the end of what is written if none does. */
  async positionOf(offset: bigint): Promise<number> {
    const found = await this.#withHint(
      (index) => index.floor(offset),
      (hint) => this.#headers(hint, (header) => header.last >= offset),
    );
    return found?.position ?? this.written;
  }

  /**
   * What commits say of producers, in order: those that begin before `end`, from the last one on that is known to begin at
   * `position` or before it; the first of them is at the position and has the base that come back.
   *
   * @throws RecordCorrupt
   */
  async sectionsFrom(
    position: number,
    end: number,
  ): Promise<{ readonly position: number; readonly base: bigint; readonly sections: readonly FoundSection[] }> {
    return this.#withHint(
      (index) => index.floorPosition(position),
      async (hint) => {
        const found: { readonly header: CommitHeader; readonly position: number; bytes: Buffer | undefined }[] = [];
        await this.#headers(hint, (header, at, chunk, inChunk) => {
          if (at >= end) return true;
          if (header.headerBytes === commitHeaderBytes) return false;
          const part = chunk.subarray(inChunk + commitHeaderBytes, inChunk + header.headerBytes);
          // A copy: the chunk is read into again.
          const isWhole = part.length === header.headerBytes - commitHeaderBytes;
          found.push({ header, position: at, bytes: isWhole ? Buffer.from(part) : undefined });
          return false;
        });
        const sections: FoundSection[] = [];
        for (const { header, position, bytes } of found) {
          const section = decodeSection(bytes ?? (await this.#sectionBytes(header, position)));
          if (section === undefined) throw this.#corrupt(position, "what the commit says of producers is damaged");
          sections.push({ section, position, base: header.base });
        }
        return { position: hint?.position ?? 0, base: hint?.base ?? this.base, sections };
      },
    );
  }

  async #sectionBytes({ headerBytes }: CommitHeader, position: number): Promise<Buffer> {
    const { bytes, lease } = await this.#chunk(position + commitHeaderBytes, headerBytes - commitHeaderBytes);
    const own = Buffer.from(bytes);
    lease.release();
    return own;
  }

  /** Looks from the nearest hint on; from the ones before it as long as it is the index that is wrong, not the file. */
  async #withHint<T>(
    nearest: (index: SparseIndex) => number,
    look: (hint: IndexEntry | undefined) => Promise<T>,
  ): Promise<T> {
    await this.#loadIndex();
    const { entries } = this.#index;
    const best = nearest(this.#index);
    for (let at = best; ; at--) {
      const hint = entries[at];
      try {
        const found = await look(hint);
        if (at !== best) await this.#rebuildIndex();
        return found;
      } catch (error) {
        if (hint === undefined || !(error instanceof RecordCorrupt) || (await this.#confirms(hint))) throw error;
      }
    }
  }

  async #confirms(hint: IndexEntry): Promise<boolean> {
    const header = readCommitHeader((await this.#chunk(hint.position, commitHeaderBytes)).bytes, 0);
    return header?.topicId === this.topicId && header.base === hint.base && header.timeMs === hint.timeMs;
  }

  async #rebuildIndex(): Promise<void> {
    const end = this.written;
    this.#index.replace(await this.#indexOf(new SparseIndex(), end), end);
  }

  /** Adds to the index the commits behind its last entry and before `end`, as far as they can be found. */
  async #indexOf(index: SparseIndex, end: number): Promise<SparseIndex> {
    try {
      await this.#headers(index.entries.at(-1), (header, position) => {
        if (position >= end) return true;
        index.add({ base: header.base, position, timeMs: header.timeMs });
        return false;
      });
    } catch (error) {
      // What is in front of the damage can still be read; who reads what is behind it is told then.
      if (!(error instanceof RecordCorrupt)) throw error;
    }
    return index;
  }

  /** Gathers what follows a commit; what is wrong there is for whoever reads on. */
  async #readBehind({ header, behind }: CheckedCommit, limits: ReadLimits, gatherer: Gatherer): Promise<void> {
    if (behind >= this.written) return;
    const next = header.last + 1n;
    try {
      await this.#readFrom({ base: next, position: behind }, next, limits, gatherer);
    } catch (error) {
      if (!(error instanceof RecordCorrupt)) throw error;
    }
  }

  async #readFrom(hint: Hint | undefined, offset: bigint, limits: ReadLimits, gatherer: Gatherer): Promise<boolean> {
    const lastWanted = offset + BigInt(limits.maxRecords) - 1n;
    const most = limits.maxBytes + indexIntervalBytes;
    // With one look at the file, but no more than is wanted.
    const length = (from: number): number =>
      Math.min(most, (this.#index.endOfRead(from, lastWanted, limits.maxBytes) ?? this.written) - from);
    const start = await this.#headers(hint, (header) => header.last >= offset, length);
    if (start === undefined) {
      if (this.generation > 0) return false;
      throw this.#corrupt(this.written, `offset ${offset} is missing`);
    }
    let { chunk, at, header } = start;
    let position = start.position;
    for (;;) {
      const bytes = header.headerBytes + header.framesBytes;
      if (gatherer.leaves(header)) break;
      if (chunk.bytes.length - at < bytes) {
        // The first commit comes whole; one that is cut off behind it is left for the next read.
        if (!gatherer.isEmpty) break;
        chunk.lease.release();
        chunk = await this.#chunk(position, bytes);
        at = 0;
        if (chunk.bytes.length < bytes) throw this.#corrupt(position, "the file ends within a commit");
      }
      if (!isIntact(chunk.bytes, at, header)) {
        // Whoever reads on from here is told; what is in front of it is good.
        if (!gatherer.isEmpty) break;
        throw this.#corrupt(position, "the checksum does not match");
      }
      const framesAt = at + header.headerBytes;
      const more = gatherer.take(chunk.bytes, framesAt, at + bytes, header);
      if (more === undefined) throw this.#corrupt(position, "the frames are not those of the header");
      at += bytes;
      position += bytes;
      const commit = (): CheckedCommit => new CheckedCommit(this, header, position, chunk.bytes, framesAt);
      // Then the memory is not given back: who reads on may still be looking at it when it is forgotten.
      if (!more && this.#files.checked.keep(commit(), gatherer.next)) return true;
      if (!more || position >= this.written || chunk.bytes.length - at < commitHeaderBytes) break;
      const following = readCommitHeader(chunk.bytes, at);
      if (following === undefined || this.#problemOf(following, position, header.last + 1n) !== undefined) break;
      header = following;
    }
    gatherer.tookFrom(chunk.lease);
    return true;
  }

  /**
   * Hops from header to header, from the hint on, to the first that `matches`; undefined if none does. Gives the
   * chunk of the file that it is in; `length` says how much to read from a position on.
   */
  async #headers(
    hint: Hint | undefined,
    matches: (header: CommitHeader, position: number, chunk: Buffer, at: number) => boolean,
    length: (position: number) => number = () => indexIntervalBytes,
  ): Promise<{ header: CommitHeader; position: number; chunk: Chunk; at: number } | undefined> {
    let position = hint?.position ?? 0;
    let expected = hint?.base ?? this.base;
    while (position < this.written) {
      const chunk = await this.#chunk(position, Math.max(length(position), indexIntervalBytes));
      if (chunk.bytes.length < commitHeaderBytes) throw this.#corrupt(position, "the file ends within a commit");
      let at = 0;
      while (position < this.written && chunk.bytes.length - at >= commitHeaderBytes) {
        const header = this.#header(chunk.bytes, at, position, expected);
        const said = position === hint?.position ? hint.timeMs : undefined;
        if (said !== undefined && (header.base !== hint?.base || header.timeMs !== said)) {
          throw this.#corrupt(position, "the index has another offset or time for this commit");
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

  #header(chunk: Buffer, at: number, position: number, expected: bigint): CommitHeader {
    const header = readCommitHeader(chunk, at);
    if (header === undefined) throw this.#corrupt(position, "no commit header");
    const problem = this.#problemOf(header, position, expected);
    if (problem !== undefined) throw this.#corrupt(position, problem);
    return header;
  }

  /** Why the commit at `position` cannot be the one that begins with offset `expected`, if it cannot. */
  #problemOf(header: CommitHeader, position: number, expected: bigint): string | undefined {
    return misplacement(header, {
      topicId: this.topicId,
      expected,
      isCompacted: this.generation > 0,
      next: this.#sealed?.next,
      room: this.written - position,
    });
  }

  async #chunk(position: number, bytes: number): Promise<Chunk> {
    const lease = this.#files.buffers.lend(Math.min(bytes, this.written - position));
    try {
      return { bytes: await this.#files.read(this.path, (file) => readInto(lease.bytes, file, position)), lease };
    } catch (error) {
      if (isMissing(error)) throw this.#corrupt(position, "the file is missing");
      if (isNoFile(error)) throw this.#corrupt(position, `the file cannot be read: ${(error as Error).message}`);
      throw error;
    }
  }

  #loadIndex(): Promise<void> {
    this.#loading ??= this.#loadInherited().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #loadInherited(): Promise<void> {
    if (this.#inherited <= indexIntervalBytes) return;
    const saved = await loadIndex(indexPathOf(this.path), this.topicId, this.#inherited);
    const found = await this.#indexOf(new SparseIndex(saved), this.#inherited);
    this.#index.replace(found, this.#inherited);
  }

  #corrupt(position: number, problem: string): RecordCorrupt {
    return new RecordCorrupt(this.topicId, `${this.path}: byte ${position}`, problem);
  }
}
