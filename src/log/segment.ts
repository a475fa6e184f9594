import { join } from "node:path";
import { RecordCorrupt } from "../errors.js";
import { type CommitHeader, commitHeaderBytes, readCommitHeader } from "./commit.js";
import { writeAllFully } from "./durable-files.js";
import type { Gatherer } from "./gatherer.js";
import type { OpenFiles } from "./open-files.js";
import type { ReadLimits } from "./port.js";
import { type ReadableSegment, readBehind, readFrom } from "./segment-read.js";
import { type FoundSections, sectionsBefore } from "./segment-sections.js";
import { chunkOf, walkTo } from "./segment-walk.js";
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

export function isSealed(segment: Segment): segment is Segment & SealedSegment {
  return segment.sealed !== undefined;
}

/**
 * One stretch of a topic's log: a file of commits, one behind the other. The last one of a topic is active and grows;
 * sealed ones never change, but are replaced by others of a higher generation.
 */
export class Segment implements ReadableSegment {
  readonly topicId: string;
  readonly base: bigint;
  readonly generation: number;
  readonly files: OpenFiles;
  readonly index = new SparseIndex();
  readonly #directory: string;
  /** Made when it is needed: most topics are idle. */
  #path: string | undefined;
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
    this.files = files;
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
    this.index.add(entry);
  }

  /** Appends bytes of whole commits. */
  async write(commits: readonly Buffer[]): Promise<void> {
    this.written += await this.files.write(this.path, (file) => writeAllFully(file, commits, this.written));
  }

  /** Resolves when what was written is on disk; the index is saved along, but not synced. */
  async sync(): Promise<void> {
    await this.files.sync(this.path);
    try {
      // Entries go behind those that are in the file already.
      await this.#loadIndex();
      await this.index.save(this.files, indexPathOf(this.path), this.topicId);
    } catch {
      // Only a hint: the next checkpoint tries again, and until then the entries are in memory. The file is let go of: what
      // could not be written to it must not be waited for.
      await this.files.forget(indexPathOf(this.path));
    }
  }

  /**
   * Gathers records from `offset` on, which must be in this segment's range and written.
   *
   * @returns false if compaction has left none from `offset` to the segment's end: the next segment has what follows
   * @throws RecordCorrupt with file and position when the bytes are not what was written
   */
  async read(offset: bigint, limits: ReadLimits, gatherer: Gatherer): Promise<boolean> {
    const known = this.files.checked.find(this, offset);
    if (known !== undefined) {
      if (known.gather(offset, gatherer)) await readBehind(this, known, limits, gatherer);
      return true;
    }
    return this.#withHint(
      (index) => index.floor(offset),
      (hint) => readFrom(this, hint, offset, limits, gatherer),
    );
  }

  /** The first commit; undefined if none is written. Compaction may have taken the segment's first offsets. */
  async firstCommit(): Promise<CommitHeader | undefined> {
    return (await walkTo(this, undefined, () => true))?.header;
  }

  /** The first commit that has that time or a later one; undefined if none that is written has. */
  async commitAt(timeMs: bigint): Promise<CommitHeader | undefined> {
    const found = await this.#withHint(
      (index) => index.floorTime(timeMs),
      (hint) => walkTo(this, hint, (header) => BigInt(header.timeMs) >= timeMs),
    );
    return found?.header;
  }

  /** The first commit that begins at `position` or behind it; undefined if none that is written does. */
  async commitFrom(position: number): Promise<CommitHeader | undefined> {
    const found = await this.#withHint(
      (index) => index.floorPosition(position),
      (hint) => walkTo(this, hint, (_header, at) => at >= position),
    );
    return found?.header;
  }

  /** Where the first commit begins that reaches to `offset` or beyond; the end of what is written if none does. */
  async positionOf(offset: bigint): Promise<number> {
    const found = await this.#withHint(
      (index) => index.floor(offset),
      (hint) => walkTo(this, hint, (header) => header.last >= offset),
    );
    return found?.position ?? this.written;
  }

  /**
   * What commits say of producers, in order: those that begin before `end`, from the last one on that is known to begin at
   * `position` or before it; the first of them is at the position and has the base that come back.
   *
   * @throws RecordCorrupt
   */
  sectionsFrom(position: number, end: number): Promise<FoundSections> {
    return this.#withHint(
      (index) => index.floorPosition(position),
      (hint) => sectionsBefore(this, hint, end),
    );
  }

  /** Looks from the nearest hint on; from the ones before it as long as it is the index that is wrong, not the file. */
  async #withHint<T>(
    nearest: (index: SparseIndex) => number,
    look: (hint: IndexEntry | undefined) => Promise<T>,
  ): Promise<T> {
    await this.#loadIndex();
    const { entries } = this.index;
    const best = nearest(this.index);
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
    const header = readCommitHeader((await chunkOf(this, hint.position, commitHeaderBytes)).bytes, 0);
    return header?.topicId === this.topicId && header.base === hint.base && header.timeMs === hint.timeMs;
  }

  async #rebuildIndex(): Promise<void> {
    const end = this.written;
    this.index.replace(await this.#indexOf(new SparseIndex(), end), end);
  }

  /** Adds to the index the commits behind its last entry and before `end`, as far as they can be found. */
  async #indexOf(index: SparseIndex, end: number): Promise<SparseIndex> {
    try {
      await walkTo(this, index.entries.at(-1), (header, position) => {
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
    this.index.replace(found, this.#inherited);
  }
}
