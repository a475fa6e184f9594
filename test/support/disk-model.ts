import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import type * as fs from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

type Fs = typeof fs;
type Entry = Directory | File;

interface Directory {
  readonly kind: "directory";
  /** What is in it. */
  live: Map<string, Entry>;
  /** What was in it when it was synced last. */
  durable: Map<string, Entry>;
}

interface File {
  readonly kind: "file";
  /** Its bytes when it was synced last. */
  durable: Buffer;
}

/**
 * Stands between the engine and one directory of the real disk: does everything that is asked, one thing after the other,
 * and knows what of it a power cut would leave. Before each step that changes names, or makes something durable, it lets
 * a test look at what a crash right then would leave.
 */
export class DiskModel {
  #root: string | undefined;
  #tree: Directory = emptyDirectory();
  #queue: Promise<unknown> = Promise.resolve();
  #onStep: (what: string) => Promise<void> = async () => undefined;
  /** How often names changed, and how often something was synced. */
  readonly changes = { names: 0, syncs: 0 };

  /** Begins with a directory that is there, with what is in it on disk. */
  watch(root: string, onStep: (what: string) => Promise<void> = async () => undefined): void {
    this.#root = root;
    this.#tree = treeOf(root);
    this.#onStep = onStep;
  }

  /** Lets what is under way come to its end, or not: from now on, nobody looks. */
  stop(): void {
    this.#root = undefined;
  }

  /** Makes a copy between two things that are done. */
  copyBetween(copy: (model: this) => void): Promise<void> {
    return this.#alone(async () => copy(this));
  }

  /** What a kill leaves: everything that was done. */
  copyAfterKill(target: string): void {
    cpSync(this.#root!, target, { recursive: true });
  }

  /** What a power cut leaves at worst: names and bytes that were synced, and nothing else. */
  copyAfterPowerCut(target: string): void {
    materialise(this.#tree, target);
  }

  /** Puts itself in the place of the file system's functions. */
  wrap(real: Fs): Fs {
    const wrapped = {
      open: (path: string, flags?: string | number, mode?: number) =>
        this.#act(path, undefined, async () => {
          const handle = await real.open(path, flags, mode);
          return this.#owns(path) ? this.#wrapHandle(handle, this.#found(path)) : handle;
        }),
      rename: (from: string, to: string) =>
        this.#act(from, `rename ${from} to ${to}`, async () => {
          await real.rename(from, to);
          if (!this.#owns(from)) return;
          const entry = this.#parent(from).live.get(basename(from))!;
          this.#parent(from).live.delete(basename(from));
          this.#parent(to).live.set(basename(to), entry);
        }),
      unlink: (path: string) =>
        this.#act(path, `unlink ${path}`, async () => {
          await real.unlink(path);
          if (this.#owns(path)) this.#parent(path).live.delete(basename(path));
        }),
      rm: async (path: string, options: { recursive?: boolean; force?: boolean } = {}) =>
        this.#owns(path) ? this.#remove(real, path, options.force === true) : real.rm(path, options),
      mkdir: (path: string, options: { recursive?: boolean; mode?: number }) =>
        this.#act(path, `mkdir ${path}`, async () => {
          const made = await real.mkdir(path, options);
          if (this.#owns(path)) this.#found(path);
          return made;
        }),
      writeFile: (path: string, ...rest: [string]) =>
        this.#act(path, undefined, async () => {
          await real.writeFile(path, ...rest);
          if (this.#owns(path)) this.#found(path);
        }),
      truncate: (path: string, length?: number) => this.#act(path, undefined, () => real.truncate(path, length)),
    };
    return { ...real, ...(wrapped as unknown as Partial<Fs>) };
  }

  #owns(path: unknown): path is string {
    const root = this.#root;
    return typeof path === "string" && root !== undefined && (path === root || path.startsWith(`${root}/`));
  }

  /** In its turn, and with a look before it if it is a step, unless it is none of ours or no longer. */
  async #act<T>(path: unknown, step: string | undefined, act: () => Promise<T>): Promise<T> {
    if (!this.#owns(path)) return act();
    return step === undefined ? this.#alone(act) : this.#step(step, act);
  }

  #wrapHandle(handle: FileHandle, entry: Entry): FileHandle {
    for (const method of ["write", "writev", "writeFile", "truncate"] as const) {
      const original = handle[method].bind(handle) as (...args: unknown[]) => Promise<unknown>;
      (handle as unknown as Record<string, unknown>)[method] = (...args: unknown[]) =>
        this.#alone(() => original(...args));
    }
    for (const method of ["sync", "datasync"] as const) {
      const original = handle[method].bind(handle);
      handle[method] = () =>
        this.#step(`sync of file ${handle.fd}`, async () => {
          await original();
          this.changes.syncs++;
          if (entry.kind === "directory") entry.durable = new Map(entry.live);
          else entry.durable = readFileSync(`/proc/self/fd/${handle.fd}`);
        });
    }
    return handle;
  }

  async #remove(real: Fs, path: string, force: boolean): Promise<void> {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined && force) return;
    const isDirectory = found?.isDirectory() === true;
    if (isDirectory) for (const name of readdirSync(path)) await this.#remove(real, join(path, name), force);
    await this.#act(path, `remove ${path}`, async () => {
      await (isDirectory ? real.rmdir(path) : real.unlink(path));
      if (this.#owns(path)) this.#parent(path).live.delete(basename(path));
    });
  }

  #step<T>(what: string, act: () => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      if (this.#root !== undefined) await this.#onStep(what);
      if (!what.startsWith("sync")) this.changes.names++;
      return act();
    });
  }

  #alone<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  /** The entry of what is at the path on the real disk. */
  #found(path: string): Entry {
    if (path === this.#root) return this.#tree;
    const parent = this.#parent(path);
    let entry = parent.live.get(basename(path));
    if (entry === undefined) {
      entry = statSync(path).isDirectory() ? emptyDirectory() : { kind: "file", durable: Buffer.alloc(0) };
      parent.live.set(basename(path), entry);
    }
    return entry;
  }

  #parent(path: string): Directory {
    let directory = this.#tree;
    let at = this.#root!;
    for (const name of relative(this.#root!, dirname(path)).split("/").filter(Boolean)) {
      at = join(at, name);
      directory = this.#found(at) as Directory;
    }
    return directory;
  }
}

function emptyDirectory(): Directory {
  return { kind: "directory", live: new Map(), durable: new Map() };
}

function treeOf(path: string): Directory {
  const live = new Map<string, Entry>();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    live.set(entry.name, entry.isDirectory() ? treeOf(at) : { kind: "file", durable: readFileSync(at) });
  }
  return { kind: "directory", live, durable: new Map(live) };
}

function materialise(directory: Directory, target: string): void {
  mkdirSync(target);
  for (const [name, entry] of directory.durable) {
    if (entry.kind === "directory") materialise(entry, join(target, name));
    else writeFileSync(join(target, name), entry.durable);
  }
}
