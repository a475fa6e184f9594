import type { Disk, ModelDirectory, Steps } from "./disk.js";
import type { Entry } from "./journal.js";
import { type Commit, type End, cellsOf, commitAt } from "./records.js";
import { Refused } from "./replay.js";
import type { Rules } from "./rules.js";
import { type ManifestSegment, type ModelManifest, manifestName, segmentName } from "./topic.js";

/** One topic on its way from the checkpoint to the journal's end, as recovering-topic.ts takes it there. */
export class RecoveringModelTopic {
  readonly #disk: Disk;
  readonly #rules: Rules;
  readonly directory: ModelDirectory;
  readonly #found: ModelManifest;
  readonly #checkpointed: End;
  readonly #segments: { base: number; generation: number; sealed?: ManifestSegment["sealed"] }[];
  readonly isShort: boolean;
  #beyond = 0;
  #hasNewFile = false;
  end: End;

  constructor(disk: Disk, directory: ModelDirectory, found: ModelManifest, checkpointed: End, rules: Rules) {
    this.#disk = disk;
    this.#rules = rules;
    this.directory = directory;
    this.#found = found;
    this.#checkpointed = checkpointed;
    this.end = checkpointed;
    this.#segments = found.segments.filter(({ base }) => base < checkpointed.base).map((segment) => ({ ...segment }));
    const isNamed = found.segments.some(({ base }) => base === checkpointed.base);
    if (isNamed || checkpointed.next > 0) this.#segments.push({ base: checkpointed.base, generation: 0 });
    this.isShort = this.#sizeOf(checkpointed.base) < checkpointed.position;
  }

  /** Goes on behind a commit. @throws Refused if it is not the one that follows */
  take({ segmentBase, position, commit }: Entry): void {
    const rolls = segmentBase !== this.end.base;
    const follows = rolls ? position === 0 && segmentBase === this.end.next : position === this.end.position;
    if (commit.topicId !== this.#found.topicId || commit.base !== this.end.next || !follows) {
      throw new Refused(`the journal's commit does not follow offset ${this.end.next}`);
    }
    const active = this.#segments.at(-1);
    if (rolls && active !== undefined) active.sealed = { next: this.end.next, cells: this.end.position };
    if (active?.base !== segmentBase) this.#segments.push({ base: segmentBase, generation: 0 });
    this.end = { next: commit.last + 1, base: segmentBase, position: position + commit.cells };
  }

  /** @throws Refused if a segment proves that the journal has lost something */
  checkBeyond(): void {
    const { next, base, position } = this.end;
    if (this.#found.startOffset > next) throw new Refused("the journal does not have what was trimmed");
    this.#beyond = Math.max(0, this.#sizeOf(base) - position);
    if (!this.#rules.segmentProves) return;
    const isLost =
      this.#commitAt(base, position)?.base === next || (next !== base && this.#commitAt(next, 0)?.base === next);
    if (isLost) throw new Refused(`offset ${next} had been durable, and the journal does not have it`);
  }

  /** Writes a commit where its group says that it belongs. */
  *write({ segmentBase, position, commit }: Entry): Steps {
    yield;
    const file = this.#disk.open(this.directory, segmentName(segmentBase, 0));
    for (const [part, cell] of cellsOf(commit).entries()) {
      yield;
      const found = file.cache[position + part] as typeof cell | undefined;
      const isSame = found?.commit === commit && found.part === part;
      if (this.#rules.rewriteOnReplay || !isSame) this.#disk.put(file, position + part, cell);
    }
    if (this.#rules.recoverySyncsSegments) yield* this.#disk.sync(file);
    if (segmentBase !== this.#checkpointed.base || this.#checkpointed.position === 0) this.#hasNewFile = true;
  }

  /** Cuts what is beyond the last promised commit, and makes durable by what the topic's files are found. */
  *finish(): Steps {
    const { base, position } = this.end;
    const file = this.directory.file(segmentName(base, 0));
    if (this.#beyond > 0 && file !== undefined) {
      yield;
      this.#disk.truncate(file, position);
      if (this.#rules.recoverySyncsSegments) yield* this.#disk.sync(file);
    }
    const name = this.#rules.recoverySyncsNames;
    if (!isSame(this.manifest.segments, this.#found.segments)) {
      yield* this.#disk.replace(this.directory, manifestName, this.manifest, { file: true, name });
    } else if (this.#hasNewFile && name) yield* this.#disk.syncDirectory(this.directory);
  }

  get manifest(): ModelManifest {
    return { ...this.#found, segments: this.#segments.map((segment) => ({ ...segment })) };
  }

  /** Names of files of segments in front of the active one that the manifest does not name. */
  get orphans(): string[] {
    const named = new Set(this.#segments.map(({ base, generation }) => segmentName(base, generation)));
    return this.directory.names.filter(
      (name) => name.endsWith(".log") && !named.has(name) && Number.parseInt(name, 10) < this.end.base,
    );
  }

  #sizeOf(base: number): number {
    return this.directory.file(segmentName(base, 0))?.cache.length ?? 0;
  }

  #commitAt(base: number, position: number): Commit | undefined {
    return commitAt(this.directory.file(segmentName(base, 0))?.cache ?? [], position);
  }
}

function isSame(some: readonly ManifestSegment[], others: readonly ManifestSegment[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ base, generation, sealed }, index) => {
      const other = others[index]!;
      const isSameEnd = sealed?.next === other.sealed?.next && sealed?.cells === other.sealed?.cells;
      return base === other.base && generation === other.generation && isSameEnd;
    })
  );
}
