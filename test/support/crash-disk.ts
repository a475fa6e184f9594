import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BytesStep, DiskStep, Inode, NameStep } from "./disk-steps.js";

interface Directory {
  readonly kind: "directory";
  /** What is in it for sure after a crash, unless something below came to the disk by itself. */
  durable: Map<string, Inode>;
  /** Changes that were not synced, each with how many steps had been noted when it was over. */
  pending: { readonly step: NameStep; readonly at: number }[];
}

interface File {
  readonly kind: "file";
  durable: Buffer;
  pending: BytesStep[];
  /** The file as each of the pending changes leaves it, the durable bytes first. */
  images: Buffer[] | undefined;
}

/** Of a file with unsynced changes, what a crash leaves. */
export interface FileChoice {
  /** How many of the changes its size tells of. */
  readonly size: number;
  /** How many of the changes a sector has seen, by its number. */
  readonly changesOf: (sector: number) => number;
}

/** What came to the disk of all that was not synced. */
export interface CrashChoice {
  readonly names: ReadonlySet<NameStep>;
  /** Undefined for a file: all of it came. */
  readonly files: ReadonlyMap<Inode, FileChoice>;
}

/** The smallest that a disk writes whole. */
export const sectorBytes = 512;

/** A tree of files as a crash leaves it: bytes by path, undefined for a directory. */
export type CrashState = ReadonlyMap<string, Buffer | undefined>;

/**
 * A disk as POSIX has it: what was synced is there, and of everything else any part may be. Each sector of a file has seen
 * any number of the writes to it, in their order; its size is what any of them left; each name that came, went or changed
 * did so or did not. But a name is renamed in one step, and what was done to one file's name was done in that order.
 */
export class CrashDisk {
  readonly root: Inode = 0;
  readonly #entries: (Directory | File)[] = [{ kind: "directory", durable: new Map(), pending: [] }];

  /** A disk with everything that is in the directory, on it for sure. */
  static of(path: string): CrashDisk {
    const disk = new CrashDisk();
    const take = (at: string, into: Inode): void => {
      for (const entry of readdirSync(at, { withFileTypes: true })) {
        const inode = disk.nextInode;
        disk.#add(entry.isDirectory());
        disk.#directory(into).durable.set(entry.name, inode);
        if (entry.isDirectory()) take(join(at, entry.name), inode);
        else disk.#file(inode).durable = readFileSync(join(at, entry.name));
      }
    };
    take(path, disk.root);
    return disk;
  }

  /** A second one, that goes its own way from now on. What is under way is over for it. */
  copy(): CrashDisk {
    const copy = new CrashDisk();
    copy.#entries.length = 0;
    for (const entry of this.#entries) {
      if (entry.kind === "file") {
        const pending = entry.pending.map((step) => ({ ...step, endedAt: -1 }));
        copy.#entries.push({ ...entry, pending, images: undefined });
      } else {
        const pending = entry.pending.map(({ step }) => ({ step, at: -1 }));
        copy.#entries.push({ ...entry, durable: new Map(entry.durable), pending });
      }
    }
    return copy;
  }

  /** What the next file or directory that is created has to be called. */
  get nextInode(): Inode {
    return this.#entries.length;
  }

  /** What a process finds under the name. */
  find(directory: Inode, name: string): Inode | undefined {
    return namesOf(this.#directory(directory)).get(name);
  }

  /** What a process finds as the file's size. */
  sizeOf(inode: Inode): number {
    const entry = this.#entries[inode]!;
    return entry.kind === "file" ? imagesOf(entry).at(-1)!.length : 0;
  }

  /** @param index how many steps were noted before */
  apply(step: DiskStep, index: number): void {
    if (step.kind === "bytes") {
      const file = this.#file(step.inode);
      file.images?.push(changed(file.images.at(-1)!, step));
      file.pending.push(step);
    } else if (step.kind === "sync") this.#sync(step.inode, step.begunAt);
    else {
      if (step.kind === "create") this.#add(step.isDirectory);
      this.#directory(step.directory).pending.push({ step, at: index });
    }
  }

  /** Names that are not on the disk for sure, in order. */
  pendingNames(): NameStep[] {
    return this.#entries.flatMap((entry) => (entry.kind === "directory" ? entry.pending : [])).map(({ step }) => step);
  }

  /** Files that are not on the disk for sure, with the sectors that each of their changes touches. */
  pendingFiles(): { inode: Inode; changes: readonly BytesStep[]; sizes: readonly number[] }[] {
    return this.#entries.flatMap((entry, inode) =>
      entry.kind === "file" && entry.pending.length > 0
        ? [{ inode, changes: entry.pending, sizes: imagesOf(entry).map(({ length }) => length) }]
        : [],
    );
  }

  /** What is there if just that came to the disk. */
  state(choice: CrashChoice): CrashState {
    const state = new Map<string, Buffer | undefined>();
    const add = (path: string, inode: Inode): void => {
      const entry = this.#entries[inode]!;
      if (entry.kind === "file") state.set(path, bytesOf(entry, choice.files.get(inode)));
      else {
        if (path !== "") state.set(path, undefined);
        for (const [name, child] of namesOf(entry, choice.names)) add(path === "" ? name : `${path}/${name}`, child);
      }
    };
    add("", this.root);
    return state;
  }

  #add(isDirectory: boolean): void {
    this.#entries.push(
      isDirectory
        ? { kind: "directory", durable: new Map(), pending: [] }
        : { kind: "file", durable: Buffer.alloc(0), pending: [], images: undefined },
    );
  }

  #sync(inode: Inode, begunAt: number): void {
    const entry = this.#entries[inode]!;
    if (entry.kind === "directory") {
      const covered = entry.pending.filter(({ at }) => at < begunAt);
      entry.durable = namesOf({ ...entry, pending: covered });
      entry.pending = entry.pending.filter(({ at }) => at >= begunAt);
      return;
    }
    const covered = entry.pending.filter(({ endedAt }) => endedAt <= begunAt);
    if (covered.length === 0) return;
    entry.durable = covered.reduce(changed, entry.durable);
    entry.pending = entry.pending.filter(({ endedAt }) => endedAt > begunAt);
    entry.images = undefined;
  }

  #directory(inode: Inode): Directory {
    const entry = this.#entries[inode];
    if (entry?.kind !== "directory") throw new TypeError(`${inode} is no directory`);
    return entry;
  }

  #file(inode: Inode): File {
    const entry = this.#entries[inode];
    if (entry?.kind !== "file") throw new TypeError(`${inode} is no file`);
    return entry;
  }
}

/** Puts a state on the real disk, as a directory of that path. */
export function materialise(state: CrashState, target: string): void {
  mkdirSync(target);
  for (const [path, bytes] of state) {
    if (bytes === undefined) mkdirSync(join(target, path));
    else writeFileSync(join(target, path), bytes);
  }
}

function namesOf({ durable, pending }: Directory, chosen?: ReadonlySet<NameStep>): Map<string, Inode> {
  const names = new Map(durable);
  for (const { step } of pending) {
    if (chosen !== undefined && !chosen.has(step)) continue;
    if (step.kind === "create") names.set(step.name, step.inode);
    else if (step.kind === "remove") {
      if (names.get(step.name) === step.inode) names.delete(step.name);
    } else {
      if (names.get(step.from) === step.inode) names.delete(step.from);
      names.set(step.name, step.inode);
    }
  }
  return names;
}

function imagesOf(file: File): readonly Buffer[] {
  if (file.images === undefined) {
    file.images = [file.durable];
    for (const step of file.pending) file.images.push(changed(file.images.at(-1)!, step));
  }
  return file.images;
}

function bytesOf(file: File, choice: FileChoice | undefined): Buffer {
  const images = imagesOf(file);
  if (choice === undefined) return images.at(-1)!;
  const bytes = Buffer.alloc(images[choice.size]!.length);
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    bytes.set(images[choice.changesOf(at / sectorBytes)]!.subarray(at, Math.min(at + sectorBytes, bytes.length)), at);
  }
  return bytes;
}

function changed(before: Buffer, { bytes, position }: BytesStep): Buffer {
  if (bytes === undefined) return Buffer.concat([before.subarray(0, position)], position);
  const after = Buffer.alloc(Math.max(before.length, position + bytes.length));
  before.copy(after);
  bytes.copy(after, position);
  return after;
}
