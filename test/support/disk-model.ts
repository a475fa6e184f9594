import fsModule, {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type * as fs from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
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
  /** 1 for each byte that a failed sync has lost, though reads show it; until it is written again. */
  lost?: Uint8Array;
  /** Of a symbolic link, where it leads to: that is on disk when its name is. */
  readonly link?: string;
}

/** What a failing disk is asked to do. */
export type Operation = "open" | "read" | "write" | "sync" | "rename" | "unlink" | "truncate" | "mkdir";

type Read = (bytes: Buffer, offset: number, length: number, position: number) => Promise<unknown>;
type Write = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ readonly bytesWritten: number }>;
type Writev = (pieces: readonly Uint8Array[], position: number) => Promise<{ readonly bytesWritten: number }>;

/** Says which error a call gives instead of being done, such as EIO; "short": half of a write; undefined: it is done. */
export type Faults = (operation: Operation, path: string) => string | undefined;

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
  #faults: Faults = () => undefined;
  /** How often names changed, and how often something was synced. */
  readonly changes = { names: 0, syncs: 0 };

  /**
   * Begins with a directory that is there, with what is in it on disk; of what a kill has left there, only that is on disk
   * which is in `durable` as well.
   */
  watch(root: string, onStep: (what: string) => Promise<void> = async () => undefined, durable = root): void {
    this.#root = root;
    this.#tree = treeOf(root, durable);
    this.#onStep = onStep;
  }

  /** From now on looks with `onStep`. */
  onStep(onStep: (what: string) => Promise<void>): void {
    this.#onStep = onStep;
  }

  /** From now on calls fail as `faults` says. A sync that fails loses what it should have made durable. */
  failBy(faults: Faults): void {
    this.#faults = faults;
  }

  /**
   * Takes part in what the event loop writes by itself, too; returns what ends that. (Handles are wrapped when they are
   * opened, but writeSync takes a descriptor.)
   */
  watchDirectWrites(): () => void {
    const { writeSync } = fsModule;
    fsModule.writeSync = ((fd: number, bytes: Buffer, offset: number, length: number, position: number): number => {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      const entry = this.#owns(path) ? this.#found(path) : undefined;
      const fault = entry && this.#fault("write", path);
      const done = writeSync(fd, bytes, offset, fault === "short" ? Math.ceil(length / 2) : length, position);
      if (entry?.kind === "file") entry.lost?.fill(0, position, position + done);
      return done;
    }) as typeof writeSync;
    syncBuiltinESMExports();
    return () => {
      fsModule.writeSync = writeSync;
      syncBuiltinESMExports();
    };
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
    cpSync(this.#root!, target, { recursive: true, verbatimSymlinks: true });
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
          if (this.#owns(path)) this.#fault("open", path);
          const handle = await real.open(path, flags, mode);
          return this.#owns(path) ? this.#wrapHandle(handle, path, this.#found(path)) : handle;
        }),
      rename: (from: string, to: string) =>
        this.#act(from, `rename ${from} to ${to}`, async () => {
          if (this.#owns(from)) this.#fault("rename", from);
          await real.rename(from, to);
          if (!this.#owns(from)) return;
          const entry = this.#parent(from).live.get(basename(from))!;
          this.#parent(from).live.delete(basename(from));
          this.#parent(to).live.set(basename(to), entry);
        }),
      symlink: (link: string, path: string) =>
        this.#act(path, `symlink ${path}`, async () => {
          await real.symlink(link, path);
          if (!this.#owns(path)) return;
          this.#parent(path).live.set(basename(path), { kind: "file", durable: Buffer.alloc(0), link });
        }),
      unlink: (path: string) =>
        this.#act(path, `unlink ${path}`, async () => {
          if (this.#owns(path)) this.#fault("unlink", path);
          await real.unlink(path);
          if (this.#owns(path)) this.#parent(path).live.delete(basename(path));
        }),
      rm: async (path: string, options: { recursive?: boolean; force?: boolean } = {}) =>
        this.#owns(path) ? this.#remove(real, path, options.force === true) : real.rm(path, options),
      mkdir: (path: string, options: { recursive?: boolean; mode?: number }) =>
        this.#act(path, `mkdir ${path}`, async () => {
          if (this.#owns(path)) this.#fault("mkdir", path);
          const made = await real.mkdir(path, options);
          if (this.#owns(path)) this.#found(path);
          return made;
        }),
      writeFile: (path: string, ...rest: [string]) =>
        this.#act(path, undefined, async () => {
          if (this.#owns(path)) this.#fault("write", path);
          await real.writeFile(path, ...rest);
          if (this.#owns(path)) this.#found(path);
        }),
      truncate: (path: string, length?: number) => this.#act(path, undefined, () => real.truncate(path, length)),
    };
    return { ...real, ...(wrapped as unknown as Partial<Fs>) };
  }

  /** @throws the error that the call is to give; returns "short" where less than all is to be written */
  #fault(operation: Operation, path: string): "short" | undefined {
    const code = this.#faults(operation, path);
    if (code === undefined || code === "short") return code;
    throw Object.assign(new Error(`${code}: made to fail, ${operation} '${path}'`), { code, syscall: operation, path });
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

  #wrapHandle(handle: FileHandle, path: string, entry: Entry): FileHandle {
    const faultOf = (operation: Operation): "short" | undefined =>
      this.#root === undefined ? undefined : this.#fault(operation, path);
    const rewritten = (start: number, bytes: number): void => {
      if (entry.kind === "file") entry.lost?.fill(0, start, start + bytes);
    };
    const read = handle.read.bind(handle) as Read;
    const write = handle.write.bind(handle) as Write;
    const writev = handle.writev.bind(handle) as Writev;
    const writeFile = handle.writeFile.bind(handle);
    const truncate = handle.truncate.bind(handle);
    Object.assign(handle, {
      read: ((bytes, offset, length, position) =>
        this.#alone(async () => {
          faultOf("read");
          return read(bytes, offset, length, position);
        })) satisfies Read,
      write: ((bytes, offset, length, position) =>
        this.#alone(async () => {
          const part = faultOf("write") === "short" ? Math.ceil(length / 2) : length;
          const done = await write(bytes, offset, part, position);
          rewritten(position, done.bytesWritten);
          return done;
        })) satisfies Write,
      writev: ((pieces, position) =>
        this.#alone(async () => {
          const first = pieces[0]!.subarray(0, Math.ceil(pieces[0]!.length / 2));
          const done = await writev(faultOf("write") === "short" ? [first] : pieces, position);
          rewritten(position, done.bytesWritten);
          return done;
        })) satisfies Writev,
      writeFile: (bytes: string | Uint8Array) =>
        this.#alone(async () => {
          faultOf("write");
          await writeFile(bytes);
          rewritten(0, Infinity);
        }),
      truncate: (length?: number) =>
        this.#alone(async () => {
          faultOf("truncate");
          await truncate(length);
        }),
    });
    for (const method of ["sync", "datasync"] as const) {
      const original = handle[method].bind(handle);
      handle[method] = () =>
        this.#step(`sync of file ${handle.fd}`, async () => {
          try {
            faultOf("sync");
          } catch (error) {
            if (entry.kind === "file") entry.lost = lostIn(entry, readFileSync(`/proc/self/fd/${handle.fd}`));
            throw error;
          }
          await original();
          this.changes.syncs++;
          if (entry.kind === "directory") entry.durable = new Map(entry.live);
          else entry.durable = withoutLost(entry, readFileSync(`/proc/self/fd/${handle.fd}`));
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

/** What of the bytes in the page cache never gets to the disk, since the kernel takes it for clean after a failed sync. */
function lostIn({ durable, lost }: File, bytes: Buffer): Uint8Array {
  const all = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) all[at] = lost?.[at] === 1 || bytes[at] !== durable[at] ? 1 : 0;
  return all;
}

function withoutLost({ durable, lost }: File, bytes: Buffer): Buffer {
  lost?.subarray(0, bytes.length).forEach((isLost, at) => {
    if (isLost === 1) bytes[at] = durable[at] ?? 0;
  });
  return bytes;
}

function emptyDirectory(): Directory {
  return { kind: "directory", live: new Map(), durable: new Map() };
}

function treeOf(path: string, durablePath: string): Directory {
  const live = new Map<string, Entry>();
  const durable = new Map<string, Entry>();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const at = join(path, entry.name);
    const durableAt = join(durablePath, entry.name);
    const isDurable = existsSync(durableAt);
    const file = (): File => ({
      kind: "file",
      durable: isDurable ? readFileSync(durableAt) : Buffer.alloc(0),
      ...(entry.isSymbolicLink() && { link: readlinkSync(at) }),
    });
    // What a directory holds may be on disk, though the directory's own name is not.
    const node = entry.isDirectory() ? treeOf(at, isDurable ? durableAt : at) : file();
    live.set(entry.name, node);
    if (isDurable) durable.set(entry.name, node);
  }
  return { kind: "directory", live, durable };
}

function materialise(directory: Directory, target: string): void {
  mkdirSync(target);
  for (const [name, entry] of directory.durable) {
    if (entry.kind === "directory") materialise(entry, join(target, name));
    else if (entry.link !== undefined) symlinkSync(entry.link, join(target, name));
    else writeFileSync(join(target, name), entry.durable);
  }
}
