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

  /** Begins with a directory that is there and empty. */
  watch(root: string, onStep: (what: string) => Promise<void>): void {
    this.#root = root;
    this.#tree = emptyDirectory();
    this.#onStep = onStep;
  }

  stop(): void {
    this.#root = undefined;
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
    const own = (path: unknown): path is string =>
      typeof path === "string" &&
      this.#root !== undefined &&
      (path === this.#root || path.startsWith(`${this.#root}/`));
    const wrapped = {
      open: async (path: string, flags?: string | number, mode?: number) => {
        if (!own(path)) return real.open(path, flags, mode);
        return this.#alone(async () => {
          const handle = await real.open(path, flags, mode);
          return this.#wrapHandle(handle, this.#found(path));
        });
      },
      rename: async (from: string, to: string) => {
        if (!own(from)) return real.rename(from, to);
        await this.#step(`rename ${from} to ${to}`, async () => {
          await real.rename(from, to);
          const entry = this.#parent(from).live.get(basename(from))!;
          this.#parent(from).live.delete(basename(from));
          this.#parent(to).live.set(basename(to), entry);
        });
      },
      unlink: async (path: string) => {
        if (!own(path)) return real.unlink(path);
        await this.#step(`unlink ${path}`, async () => {
          await real.unlink(path);
          this.#parent(path).live.delete(basename(path));
        });
      },
      rm: async (path: string, options: { recursive?: boolean; force?: boolean } = {}) => {
        if (!own(path)) return real.rm(path, options);
        await this.#remove(real, path, options.force === true);
      },
      mkdir: async (path: string, options: { recursive?: boolean; mode?: number }) => {
        if (!own(path)) return real.mkdir(path, options);
        return this.#step(`mkdir ${path}`, async () => {
          const made = await real.mkdir(path, options);
          this.#found(path);
          return made;
        });
      },
      writeFile: async (path: string, ...rest: [string]) => {
        if (!own(path)) return real.writeFile(path, ...rest);
        return this.#alone(async () => {
          await real.writeFile(path, ...rest);
          this.#found(path);
        });
      },
      truncate: async (path: string, length?: number) =>
        own(path) ? this.#alone(() => real.truncate(path, length)) : real.truncate(path, length),
    };
    return { ...real, ...(wrapped as unknown as Partial<Fs>) };
  }

  #wrapHandle(handle: FileHandle, entry: Entry): FileHandle {
    for (const method of ["write", "writeFile", "truncate"] as const) {
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
    await this.#step(`remove ${path}`, async () => {
      await (isDirectory ? real.rmdir(path) : real.unlink(path));
      this.#parent(path).live.delete(basename(path));
    });
  }

  #step<T>(what: string, act: () => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      await this.#onStep(what);
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

function materialise(directory: Directory, target: string): void {
  mkdirSync(target);
  for (const [name, entry] of directory.durable) {
    if (entry.kind === "directory") materialise(entry, join(target, name));
    else writeFileSync(join(target, name), entry.durable);
  }
}
