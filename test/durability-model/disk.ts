import type { Random } from "./random.js";

/** What a file holds is counted in cells, each of them whole on the disk or not there at all; undefined is zeros. */
export type Cell = unknown;
type Node = ModelFile | ModelDirectory;

/** What is done in steps: between any two of them something else may happen, and each may be the last. */
export type Steps<T = void> = Generator<undefined, T, undefined>;

/** A write or sync that the disk has refused. */
export class DiskFailed extends Error {}

export class ModelFile {
  /** What a read shows. */
  cache: Cell[] = [];
  /** What a power cut leaves. */
  disk: Cell[] = [];
  /** Cells that the disk does not have yet. */
  readonly dirty = new Set<number>();
  /** Set while a truncation is not on disk. */
  cutTo: number | undefined;
  /** Set when a write-back has failed, until whoever has the file open is told. */
  hasFailed = false;
}

type NameChange =
  | { readonly kind: "make" | "remove"; readonly name: string; readonly node: Node }
  | { readonly kind: "rename"; readonly name: string; readonly to: string; readonly node: Node };

export class ModelDirectory {
  cache = new Map<string, Node>();
  disk = new Map<string, Node>();
  pending: NameChange[] = [];

  file(name: string): ModelFile | undefined {
    const node = this.cache.get(name);
    return node instanceof ModelFile ? node : undefined;
  }

  directory(name: string): ModelDirectory | undefined {
    const node = this.cache.get(name);
    return node instanceof ModelDirectory ? node : undefined;
  }

  get names(): string[] {
    return [...this.cache.keys()];
  }
}

/**
 * A disk behind a page cache. What is written is in the cache; it comes to the disk when it is synced, or at any time and in
 * any order before. When a sync or a write-back fails, the cells count as clean although the disk may not have them: they can
 * be read until they are evicted, and no later sync writes them. Names are durable when their directory is synced; before,
 * a power cut keeps any of them that do not depend on others.
 */
export class Disk {
  readonly root = new ModelDirectory();
  readonly #random: Random;
  readonly #dirtyFiles = new Set<ModelFile>();
  /** Files that show what the disk does not have, and that no sync is going to write. */
  readonly #stale = new Set<ModelFile>();
  readonly #dirtyDirectories = new Set<ModelDirectory>();
  /** Counts everything that was changed: a start that refuses changes nothing. */
  changes = 0;
  /** How many syncs still succeed before one fails; undefined: all do. */
  syncsUntilFailure: number | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  makeDirectory(parent: ModelDirectory, name: string): ModelDirectory {
    const made = new ModelDirectory();
    this.#change(parent, { kind: "make", name, node: made });
    parent.cache.set(name, made);
    return made;
  }

  /** Opens the file, made if need be. */
  open(parent: ModelDirectory, name: string): ModelFile {
    const found = parent.file(name);
    if (found !== undefined) return found;
    const made = new ModelFile();
    this.#change(parent, { kind: "make", name, node: made });
    parent.cache.set(name, made);
    return made;
  }

  remove(parent: ModelDirectory, name: string): void {
    const node = parent.cache.get(name);
    if (node === undefined) return;
    this.#change(parent, { kind: "remove", name, node });
    parent.cache.delete(name);
  }

  rename(parent: ModelDirectory, name: string, to: string): void {
    const node = parent.cache.get(name)!;
    this.#change(parent, { kind: "rename", name, to, node });
    parent.cache.delete(name);
    parent.cache.set(to, node);
  }

  put(file: ModelFile, at: number, cell: Cell): void {
    this.changes++;
    while (file.cache.length < at) file.cache.push(undefined);
    file.cache[at] = cell;
    file.dirty.add(at);
    this.#dirtyFiles.add(file);
  }

  /** Writes cells one behind the other; a kill may come between them. */
  *write(file: ModelFile, at: number, cells: readonly Cell[]): Steps {
    for (const [index, cell] of cells.entries()) {
      yield;
      this.put(file, at + index, cell);
    }
  }

  truncate(file: ModelFile, cells: number): void {
    if (file.cache.length <= cells) return;
    this.changes++;
    file.cache.length = cells;
    for (const at of file.dirty) if (at >= cells) file.dirty.delete(at);
    file.cutTo = Math.min(cells, file.cutTo ?? cells);
    this.#dirtyFiles.add(file);
  }

  *sync(file: ModelFile): Steps {
    yield;
    if (this.#failsNow()) {
      this.#writeSome(file);
      throw new DiskFailed("sync");
    }
    if (file.hasFailed) {
      file.hasFailed = false;
      throw new DiskFailed("an earlier write-back");
    }
    this.#writeAll(file);
  }

  *syncDirectory(directory: ModelDirectory): Steps {
    yield;
    if (this.#failsNow()) throw new DiskFailed("sync of a directory");
    for (const change of directory.pending.splice(0)) apply(directory, change);
    this.#dirtyDirectories.delete(directory);
  }

  /** Puts `cell` in the place of the small file of that name. */
  *replace(parent: ModelDirectory, name: string, cell: Cell, syncs = { file: true, name: true }): Steps {
    yield;
    const temporary = this.open(parent, `${name}.tmp`);
    this.truncate(temporary, 0);
    yield* this.write(temporary, 0, [cell]);
    if (syncs.file) yield* this.sync(temporary);
    yield;
    this.rename(parent, `${name}.tmp`, name);
    if (syncs.name) yield* this.syncDirectory(parent);
  }

  /** Writes something to the disk that nobody has asked for yet. */
  writeBack(): void {
    const file = this.#random.pick([...this.#dirtyFiles]);
    if (file === undefined) return;
    for (const at of file.dirty) if (this.#random.chance(0.5)) this.#toDisk(file, at);
    if (file.dirty.size === 0 && file.cutTo === undefined) this.#dirtyFiles.delete(file);
  }

  /** The same, and the disk refuses some of it. */
  failWriteBack(): void {
    const file = this.#random.pick([...this.#dirtyFiles]);
    if (file === undefined) return;
    this.#writeSome(file);
    file.hasFailed = true;
  }

  /** Forgets clean cells: from now on, they are what the disk has. */
  evict(): void {
    const file = this.#random.pick([...this.#stale]);
    if (file === undefined) return;
    for (let at = 0; at < file.cache.length; at++) {
      if (!file.dirty.has(at) && this.#random.chance(0.7)) file.cache[at] = file.disk[at];
    }
  }

  /** Ends the process: what the cache has stays, and errors that nobody was told are forgotten. */
  kill(): void {
    for (const file of [...this.#dirtyFiles, ...this.#stale]) file.hasFailed = false;
  }

  powerCut(): void {
    const keeps = this.#random.pick([0, 1, 0.5, 0.5, 0.5])!;
    for (const file of this.#dirtyFiles) {
      if (file.cutTo !== undefined && this.#random.chance(keeps)) cut(file);
      for (const at of file.dirty) if (this.#random.chance(keeps)) file.disk[at] = file.cache[at];
    }
    const keepsPrefix = this.#random.chance(0.3);
    for (const directory of this.#dirtyDirectories) {
      for (const change of directory.pending) {
        if (this.#random.chance(keeps)) apply(directory, change);
        else if (keepsPrefix) break;
      }
    }
    this.#dirtyFiles.clear();
    this.#dirtyDirectories.clear();
    this.#stale.clear();
    forgetCache(this.root);
  }

  #change(directory: ModelDirectory, change: NameChange): void {
    this.changes++;
    directory.pending.push(change);
    this.#dirtyDirectories.add(directory);
  }

  #failsNow(): boolean {
    if (this.syncsUntilFailure === undefined || this.syncsUntilFailure-- > 0) return false;
    this.syncsUntilFailure = undefined;
    return true;
  }

  #toDisk(file: ModelFile, at: number): void {
    if (file.cutTo !== undefined) cut(file);
    while (file.disk.length < at) file.disk.push(undefined);
    file.disk[at] = file.cache[at];
    file.dirty.delete(at);
  }

  #writeAll(file: ModelFile): void {
    if (file.cutTo !== undefined) cut(file);
    for (const at of file.dirty) this.#toDisk(file, at);
    this.#dirtyFiles.delete(file);
  }

  #writeSome(file: ModelFile): void {
    const keeps = this.#random.pick([0, 0.5])!;
    for (const at of file.dirty) {
      if (this.#random.chance(keeps)) this.#toDisk(file, at);
      else file.dirty.delete(at);
    }
    if (file.cutTo === undefined) this.#dirtyFiles.delete(file);
    this.#stale.add(file);
  }
}

function cut(file: ModelFile): void {
  if (file.disk.length > file.cutTo!) file.disk.length = file.cutTo!;
  file.cutTo = undefined;
}

/** A change of which the disk lacks what it depends on does not come to the disk either. */
function apply({ disk }: ModelDirectory, change: NameChange): void {
  const { kind, name, node } = change;
  if (kind === "make") disk.set(name, node);
  else if (disk.get(name) === node) {
    disk.delete(name);
    if (kind === "rename") disk.set(change.to, node);
  }
}

function forgetCache(directory: ModelDirectory): void {
  directory.cache = new Map(directory.disk);
  directory.pending = [];
  for (const node of directory.cache.values()) {
    if (node instanceof ModelDirectory) forgetCache(node);
    else {
      node.cache = [...node.disk];
      node.dirty.clear();
      node.cutTo = undefined;
      node.hasFailed = false;
    }
  }
}
