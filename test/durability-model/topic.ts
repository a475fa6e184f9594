import { type Disk, DiskFailed, type ModelDirectory, type ModelFile, type Steps } from "./disk.js";
import { type Commit, type End, cellsOf } from "./records.js";
import type { Rules } from "./rules.js";

export interface ManifestSegment {
  readonly base: number;
  readonly generation: number;
  readonly sealed?: { readonly next: number; readonly cells: number } | undefined;
}

/** What `topic.json` says. */
export interface ModelManifest {
  readonly topicId: string;
  readonly name: string;
  readonly compact: boolean;
  readonly startOffset: number;
  readonly segments: readonly ManifestSegment[];
}

export interface ModelSegment {
  readonly base: number;
  readonly generation: number;
  sealed: { readonly next: number; readonly cells: number } | undefined;
  /** Cells that are in the file. */
  written: number;
  isNewFile: boolean;
}

export const manifestName = "topic.json";
export const segmentName = (base: number, generation: number): string => `${base}.${generation}.log`;

/** One topic in memory and its files, as topic-log.ts and topic-files.ts have them. */
export class ModelTopic {
  readonly id: string;
  readonly name: string;
  readonly compact: boolean;
  readonly directory: ModelDirectory;
  readonly #disk: Disk;
  readonly #rules: Rules;
  startOffset: number;
  segments: ModelSegment[];
  end: End;
  checkpointed: End;
  /** The offset that the next batch gets. */
  nextOffset: number;
  pending: { readonly commit: Commit; readonly segmentBase: number }[] = [];
  unanswered = 0;
  /** Maintenance does one thing at a time. */
  isMaintained = false;
  /** Its segments when one could not be replaced and may be named all the same: nothing is written in its place. */
  givenUp: readonly ModelSegment[] | undefined;
  isRefusing = false;
  #syncedBase: number;
  #working = 0;
  #isEnding = false;
  isGone = false;
  /** Files of which a sync has failed: no other sync says anything about them. */
  readonly #failed = new Set<ModelFile>();
  #isFlushing = false;
  #isChanging = false;

  constructor(disk: Disk, directory: ModelDirectory, manifest: ModelManifest, end: End, rules: Rules) {
    const { topicId, name, compact, startOffset, segments } = manifest;
    this.id = topicId;
    this.name = name;
    this.compact = compact;
    this.directory = directory;
    this.#disk = disk;
    this.#rules = rules;
    this.startOffset = startOffset;
    this.segments = segments.map(({ base, generation, sealed }) => {
      const written = sealed?.cells ?? end.position;
      return { base, generation, sealed, written, isNewFile: written === 0 };
    });
    this.end = end;
    this.checkpointed = end;
    this.nextOffset = end.next;
    this.#syncedBase = segments.at(-1)?.base ?? -1;
  }

  /** Makes a commit of a durable group visible. */
  publish(commit: Commit, segmentBase: number, position: number): void {
    if (this.segments.at(-1)?.base !== segmentBase) this.#roll(segmentBase);
    this.pending.push({ commit, segmentBase });
    this.end = { next: commit.last + 1, base: segmentBase, position: position + commit.cells };
  }

  seal(): void {
    const { next, position } = this.end;
    if (position === 0) return;
    this.#roll(next);
    this.end = { next, base: next, position: 0 };
  }

  *flush(): Steps {
    while (this.#isFlushing) yield;
    this.#isFlushing = true;
    yield* this.work(() => this.#flushPending());
    this.#isFlushing = false;
  }

  /** Syncs what was written, with all that is needed to find it again. */
  *sync(): Steps {
    yield* this.work(() => this.#sync());
  }

  *change(startOffset: number): Steps {
    yield* this.work(() => this.#replaceManifest({ startOffset }));
  }

  /** Takes sealed segments out, or puts others in their places, and then removes their files. */
  *replaceSegments(replaced: ReadonlyMap<ModelSegment, ModelSegment | undefined>): Steps {
    yield* this.work(() => this.#replaceSegments(replaced));
  }

  /** Runs work on the files beside other work; does nothing once they are gone. */
  *work(task: () => Steps): Steps {
    while (this.#isEnding) yield;
    if (this.isGone) return;
    this.#working++;
    try {
      yield* task();
    } finally {
      this.#working--;
    }
  }

  /** Runs the last work of all, alone. */
  *finish(task: () => Steps): Steps {
    this.#isEnding = true;
    while (this.#working > 0) yield;
    try {
      yield* task();
      this.isGone = true;
    } finally {
      this.#isEnding = false;
    }
  }

  fileOf({ base, generation }: { base: number; generation: number }): ModelFile | undefined {
    return this.directory.file(segmentName(base, generation));
  }

  #roll(base: number): void {
    const last = this.segments.at(-1);
    if (last !== undefined) last.sealed = { next: base, cells: this.end.position };
    this.segments.push({ base, generation: 0, sealed: undefined, written: 0, isNewFile: true });
  }

  *#flushPending(): Steps {
    for (let first = this.pending[0]; first !== undefined; first = this.pending[0]) {
      const { commit, segmentBase } = first;
      const segment = this.segments.findLast(({ base }) => base === segmentBase)!;
      const file = this.#disk.open(this.directory, segmentName(segment.base, segment.generation));
      yield* this.#disk.write(file, segment.written, cellsOf(commit));
      segment.written += commit.cells;
      this.pending.shift();
    }
  }

  *#sync(): Steps {
    const unsynced = this.segments.filter(({ base }) => base >= this.#syncedBase);
    for (const segment of unsynced) {
      const file = this.fileOf(segment);
      if (file === undefined || !this.#rules.segmentSyncBeforeCheckpoint) continue;
      // An error of the disk is told to whoever has the file open at the time.
      if (!this.#rules.dirtyFileStaysOpen) file.hasFailed = false;
      yield* this.#syncFile(file);
    }
    const newFiles = unsynced.filter(({ isNewFile, written }) => isNewFile && written > 0);
    if (newFiles.length > 0 && this.#rules.segmentNameSynced) yield* this.#disk.syncDirectory(this.directory);
    for (const segment of newFiles) segment.isNewFile = false;
    const last = unsynced.at(-1);
    if (last === undefined || last.base === this.#syncedBase) return;
    if (this.#rules.manifestBeforeCheckpoint) yield* this.#replaceManifest({});
    this.#syncedBase = last.base;
  }

  *#syncFile(file: ModelFile): Steps {
    if (this.#failed.has(file)) throw new DiskFailed("an earlier sync");
    try {
      yield* this.#disk.sync(file);
    } catch (error) {
      if (this.#rules.neverRetrySegmentSync) this.#failed.add(file);
      throw error;
    }
  }

  *#replaceSegments(replaced: ReadonlyMap<ModelSegment, ModelSegment | undefined>): Steps {
    const isDurableFirst = this.#rules.manifestBeforeRemoval;
    yield* this.#replaceManifest({ replaced, isSynced: isDurableFirst });
    for (const { base, generation } of replaced.keys()) {
      yield;
      this.#disk.remove(this.directory, segmentName(base, generation));
    }
  }

  *#replaceManifest(by: {
    startOffset?: number;
    replaced?: ReadonlyMap<ModelSegment, ModelSegment | undefined>;
    isSynced?: boolean;
  }): Steps {
    while (this.#isChanging) yield;
    this.#isChanging = true;
    try {
      const startOffset = Math.max(this.startOffset, by.startOffset ?? 0);
      const segments = withReplaced(this.segments, by.replaced).map(({ base, generation, sealed }) => ({
        base,
        generation,
        sealed,
      }));
      const { id: topicId, name, compact } = this;
      const manifest: ModelManifest = { topicId, name, compact, startOffset, segments };
      const isSynced = by.isSynced ?? true;
      const isWritten = by.startOffset === undefined || this.#rules.startOffsetBeforeRemoval;
      if (isWritten) {
        yield* this.#disk.replace(this.directory, manifestName, manifest, { file: isSynced, name: isSynced });
      }
      this.startOffset = startOffset;
      if (by.replaced !== undefined) this.segments = withReplaced(this.segments, by.replaced);
    } finally {
      this.#isChanging = false;
    }
  }
}

/** What a topic begins with. */
export function newManifest(topicId: string, name: string, compact: boolean): ModelManifest {
  return { topicId, name, compact, startOffset: 0, segments: [{ base: 0, generation: 0 }] };
}

function withReplaced(
  segments: readonly ModelSegment[],
  replaced: ReadonlyMap<ModelSegment, ModelSegment | undefined> = new Map(),
): ModelSegment[] {
  return segments
    .map((segment) => (replaced.has(segment) ? replaced.get(segment) : segment))
    .filter((segment) => segment !== undefined);
}
