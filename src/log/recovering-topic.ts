import { statSync } from "node:fs";
import { type FileHandle, constants, open } from "node:fs/promises";
import { join } from "node:path";
import { RecordCorrupt } from "../errors.js";
import type { FoundTopic } from "./catalog.js";
import type { TopicEnd } from "./checkpoint.js";
import { commitHeaderBytes, isIntact, readCommitHeader } from "./commit.js";
import { isExhausted, isNoFile, isSystemError, readUpTo, syncDirectory, writeFully } from "./durable-files.js";
import type { JournalEntry } from "./journal-format.js";
import { type Manifest, type ManifestSegment, manifestSegment, writeManifest } from "./manifest.js";
import { findCommit, otherBeginning } from "./other-commits.js";
import { JournalDamaged } from "./replay.js";
import type { Rescue } from "./rescue.js";
import { type SegmentEnd, segmentFileName } from "./segment.js";

/** One topic as recovery leaves it. */
export interface RecoveredTopic {
  readonly entry: FoundTopic;
  readonly end: TopicEnd;
  /** Where its segments end. */
  readonly checkpointed: TopicEnd;
  /** Set if a segment is shorter than the checkpoint says, or another file is in its place. */
  readonly damage: RecordCorrupt | undefined;
  /** Why nothing was written to its segments, if so: what the disk said, or the damage. The topic takes nothing then. */
  readonly failure: unknown;
  /** What its segments lack then, if anything. */
  readonly rescue: Rescue | undefined;
}

/** What was cut off behind the last promised commit. */
export interface CutFile {
  readonly path: string;
  readonly bytes: number;
}

/** Commits of one segment, one behind the other. */
interface Run {
  readonly segmentBase: bigint;
  readonly position: number;
  readonly commits: Buffer[];
}

/**
 * One topic on its way from the checkpoint to the journal's end. First it takes every commit, and nothing is written;
 * when all of them are judged, they come once more and are written.
 */
export class RecoveringTopic {
  readonly #found: FoundTopic;
  readonly #checkpointed: TopicEnd;
  #damage: RecordCorrupt | undefined;
  readonly #segments: { base: bigint; generation?: number; sealed?: SegmentEnd }[];
  /** What the segment has in which the checkpoint ends. */
  readonly #checkpointedBytes: number;
  #end: TopicEnd;
  #beyondBytes = 0;
  #runs: Run[] = [];
  #hasNewFile = false;
  #failure: unknown;
  /** What is before it came from a rescue file. */
  #rescuedTo = 0n;
  /** The second time: what is before it came already. */
  #addedTo: bigint;

  /** @param failure what the disk said, if nothing is to be written to its files */
  constructor(found: FoundTopic, checkpointed: TopicEnd, failure?: unknown) {
    this.#found = found;
    this.#failure = failure;
    this.#checkpointed = checkpointed;
    this.#end = checkpointed;
    this.#addedTo = checkpointed.next;
    // What the manifest says of later segments is from above the checkpoint: replay says it again.
    this.#segments = found.manifest.segments
      .filter(({ base }) => base < checkpointed.segmentBase)
      .map((segment) => ({ ...segment }));
    const isNamed = found.manifest.segments.some(({ base }) => base === checkpointed.segmentBase);
    if (isNamed || checkpointed.next > 0n) this.#segments.push({ base: checkpointed.segmentBase });
    const bytes = this.#lookAt(checkpointed.segmentBase) ?? checkpointed.position;
    this.#checkpointedBytes = bytes;
    if (bytes >= checkpointed.position) return;
    const location = `${this.#activePath}: byte ${bytes}`;
    const problem = `the file should have ${checkpointed.position} bytes`;
    this.#damage = new RecordCorrupt(found.manifest.topicId, location, problem);
  }

  get topicId(): string {
    return this.#found.manifest.topicId;
  }

  get end(): TopicEnd {
    return this.#end;
  }

  /** True if there is something behind the checkpoint. */
  get hasNew(): boolean {
    return this.#end.next > this.#checkpointed.next;
  }

  /** Why nothing is written to the segments, if so: what the disk said, or the damage. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The same with a commit from the rescue file, which may begin before the checkpoint. */
  takeRescued(entry: JournalEntry): void {
    const last = readCommitHeader(entry.commit, 0)?.last;
    if (last === undefined || last >= this.#end.next) this.take(entry);
    this.#rescuedTo = this.#end.next;
  }

  /** Goes on behind a commit. @throws JournalDamaged if it is not the one that follows */
  take(entry: JournalEntry): void {
    const { segmentBase, position, commit, topicId } = entry;
    const header = readCommitHeader(commit, 0);
    // The journal may still have it as well.
    if (header?.topicId === topicId && header.last < this.#rescuedTo) return;
    const rolls = segmentBase !== this.#end.segmentBase;
    const follows = rolls ? position === 0 && segmentBase === this.#end.next : position === this.#end.position;
    if (header === undefined || header.topicId !== topicId || header.base !== this.#end.next || !follows) {
      const path = this.#pathOf(segmentBase);
      throw new JournalDamaged(path, position, `the journal's commit does not follow offset ${this.#end.next}`);
    }
    const active = this.#segments.at(-1);
    if (rolls && active !== undefined) active.sealed = { next: this.#end.next, bytes: this.#end.position };
    if (active?.base !== segmentBase) this.#segments.push({ base: segmentBase });
    this.#end = {
      next: header.last + 1n,
      segmentBase,
      position: position + commit.length,
      timeMs: header.timeMs,
    };
  }

  /**
   * Segments get nothing but what was durable in the journal. A whole commit behind all that the journal has is
   * therefore proof that the journal has lost it: cutting it off would hide that.
   *
   * @throws JournalDamaged
   */
  async checkBeyond(): Promise<void> {
    await this.#orFail(() => this.#checkBeyond());
  }

  async #checkBeyond(): Promise<void> {
    const { next, segmentBase, position } = this.#end;
    const { startOffset } = this.#found.manifest;
    if (startOffset > next) {
      const problem = `offset ${startOffset - 1n} had been durable, and the journal does not have it`;
      throw new JournalDamaged(this.#activePath, position, problem);
    }
    const isSameSegment = segmentBase === this.#checkpointed.segmentBase;
    const bytes = isSameSegment ? this.#checkpointedBytes : this.#lookAt(segmentBase);
    if (bytes === undefined) return;
    this.#beyondBytes = Math.max(0, bytes - position);
    if (this.#beyondBytes > 0) await this.#checkLost(segmentBase, position);
    if (next !== segmentBase && this.#isThere(next)) {
      if (this.#lookAt(next) === undefined) return;
      await this.#checkLost(next, 0);
    }
    await this.#checkOwn();
  }

  /** What is to be written to, or cut, may hold the only copy of other records: then nothing of it is touched. */
  async #checkOwn(): Promise<void> {
    const { next, segmentBase, position } = this.#end;
    if (!this.hasNew && this.#beyondBytes === 0) return;
    for (const { base } of this.#segments) {
      if (base < this.#checkpointed.segmentBase || !this.#isThere(base)) continue;
      if (this.#lookAt(base) === undefined) return;
      const problem = otherBeginning(this.#pathOf(base), this.topicId, base);
      if (problem === undefined) continue;
      this.#leaveAlone(base, 0, problem);
      return;
    }
    if (this.#beyondBytes === 0) return;
    const at = await findCommit(this.#activePath, position, this.topicId, next);
    if (at !== undefined) this.#leaveAlone(segmentBase, at, "a commit behind the last one of the topic");
  }

  #leaveAlone(segmentBase: bigint, position: number, problem: string): void {
    this.#damage = new RecordCorrupt(this.topicId, `${this.#pathOf(segmentBase)}: byte ${position}`, problem);
    this.#failure = this.#damage;
  }

  /** Takes a commit, the second time, to be written where its group says that it belongs. */
  add({ segmentBase, position, commit }: JournalEntry): void {
    const { last } = readCommitHeader(commit, 0)!;
    if (last < this.#addedTo) return;
    this.#addedTo = last + 1n;
    const run = this.#runs.at(-1);
    if (run?.segmentBase === segmentBase) run.commits.push(commit);
    else this.#runs.push({ segmentBase, position, commits: [commit] });
  }

  /** Resolves when what was added since the last time is in its segments, and on disk, or the disk has failed. */
  async write(): Promise<void> {
    await this.#orFail(() => this.#writeRuns());
    this.#runs = [];
  }

  async #writeRuns(): Promise<void> {
    const runs = this.#runs;
    this.#runs = [];
    for (const { segmentBase, position, commits } of runs) {
      const bytes = commits.length === 1 ? commits[0]! : Buffer.concat(commits);
      await this.#durably(segmentBase, (file) => writeFully(file, bytes, position));
      // What the checkpoint says to be in a file has a name on disk.
      const isNamed = segmentBase === this.#checkpointed.segmentBase && this.#checkpointed.position > 0;
      if (!isNamed) this.#hasNewFile = true;
    }
  }

  /** Cuts what is beyond the last promised commit, and makes durable by what the topic's files are found. */
  async finish(): Promise<CutFile | undefined> {
    return this.#orFail(() => this.#finish());
  }

  async #finish(): Promise<CutFile | undefined> {
    const { segmentBase, position } = this.#end;
    if (this.#beyondBytes > 0) await this.#durably(segmentBase, (file) => file.truncate(position));
    // It may also say more than was checkpointed: that a segment is sealed in which appends are to go on.
    const manifest = this.#manifest();
    if (!isSame(manifest.segments, this.#found.manifest.segments)) {
      await writeManifest(this.#found.directory, manifest);
    } else if (this.#hasNewFile) await syncDirectory(this.#found.directory);
    return this.#beyondBytes > 0 ? { path: this.#activePath, bytes: this.#beyondBytes } : undefined;
  }

  /** @param rescue what its segments lack, if they could not be written */
  result(rescue: Rescue | undefined): RecoveredTopic {
    const failure = this.#failure;
    const manifest = failure === undefined ? this.#manifest() : this.#checkpointedManifest();
    const entry = { ...this.#found, manifest };
    const checkpointed = failure === undefined ? this.#end : this.#checkpointed;
    return { entry, end: this.#end, checkpointed, damage: this.#damage, failure, rescue };
  }

  /** An error of the disk concerns this topic alone; one that passes keeps the server from starting until it has. */
  async #orFail<T>(task: () => Promise<T>): Promise<T | undefined> {
    if (this.#failure !== undefined) return undefined;
    try {
      return await task();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (!isSystemError(error) || isExhausted(error)) throw error;
    this.#failure ??= error;
  }

  get #activePath(): string {
    return this.#pathOf(this.#end.segmentBase);
  }

  #pathOf(segmentBase: bigint): string {
    return join(this.#found.directory, segmentFileName(segmentBase));
  }

  #isThere(segmentBase: bigint): boolean {
    return this.#found.files.includes(segmentFileName(segmentBase));
  }

  /** How many bytes a segment's file has; undefined if it cannot be looked at: then nothing of the topic is touched. */
  #lookAt(segmentBase: bigint): number | undefined {
    if (!this.#isThere(segmentBase)) return 0;
    try {
      const found = statSync(this.#pathOf(segmentBase));
      if (found.isFile()) return found.size;
      this.#leaveAlone(segmentBase, 0, "this is no file");
    } catch (error) {
      if (isNoFile(error)) this.#leaveAlone(segmentBase, 0, (error as Error).message);
      else this.#fail(error);
    }
    return undefined;
  }

  /** Changes a segment's file, created if need be. It is synced before it is closed: an error of the disk is told to whoever has it open. */
  async #durably(segmentBase: bigint, change: (file: FileHandle) => Promise<void>): Promise<void> {
    const file = await open(this.#pathOf(segmentBase), constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      await change(file);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #checkLost(segmentBase: bigint, position: number): Promise<void> {
    const path = this.#pathOf(segmentBase);
    const { next } = this.#end;
    if (await holdsCommit(path, position, this.#found.manifest.topicId, next)) {
      throw new JournalDamaged(path, position, `offset ${next} had been durable, and the journal does not have it`);
    }
  }

  /** As if nothing had come behind the checkpoint. */
  #checkpointedManifest(): Manifest {
    const { manifest } = this.#found;
    const { segmentBase } = this.#checkpointed;
    return {
      ...manifest,
      segments: [...manifest.segments.filter(({ base }) => base < segmentBase), { base: segmentBase }],
    };
  }

  #manifest(): Manifest {
    const segments = this.#segments.map(({ base, generation, sealed }) =>
      manifestSegment(base, generation ?? 0, sealed),
    );
    return { ...this.#found.manifest, segments };
  }
}

function isSame(some: readonly ManifestSegment[], others: readonly ManifestSegment[]): boolean {
  return (
    some.length === others.length &&
    some.every((segment, index) => {
      const other = others[index]!;
      const { generation, sealed } = other;
      return (
        segment.base === other.base &&
        segment.generation === generation &&
        segment.sealed?.next === sealed?.next &&
        segment.sealed?.bytes === sealed?.bytes
      );
    })
  );
}

/** True if the file has at `position` an intact commit of the topic that begins with offset `base`. */
async function holdsCommit(path: string, position: number, topicId: string, base: bigint): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const header = readCommitHeader(await readUpTo(file, position, commitHeaderBytes), 0);
    if (header?.topicId !== topicId || header.base !== base) return false;
    const bytes = header.headerBytes + header.framesBytes;
    if ((await file.stat()).size < position + bytes) return false;
    return isIntact(await readUpTo(file, position, bytes), 0, header);
  } finally {
    await file.close();
  }
}
