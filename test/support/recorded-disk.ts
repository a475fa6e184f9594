import type * as fsSync from "node:fs";
import { readdirSync, statSync } from "node:fs";
import type * as fs from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { constants } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { CrashDisk } from "./crash-disk.js";
import type { BytesStep, DiskStep, Inode, Recording } from "./disk-steps.js";

type Fs = typeof fs;

/** What changes a disk and nobody here knows of: a recording with a hole would prove nothing. */
const unknown = ["appendFile", "copyFile", "cp", "link", "symlink", "truncate", "mkdtemp"] as const;

interface Watched {
  readonly root: string;
  readonly disk: CrashDisk;
  readonly steps: DiskStep[];
  readonly told: unknown[];
  readonly tell: () => unknown;
}

/**
 * Notes what the engine does to one directory, and lets it do it: every write with its place and bytes, every name that
 * comes, goes or changes, every sync with what was over when it began.
 */
export class RecordedDisk {
  #watched: Watched | undefined;
  readonly #inodes = new Map<number, Inode>();

  /**
   * @param disk what the directory holds; changed along with it
   * @param tell what callers have been told, asked for before each step
   */
  watch(root: string, disk: CrashDisk, tell: () => unknown): void {
    this.#watched = { root, disk, steps: [], told: [], tell };
  }

  /** Ends the recording, and gives it. */
  stop<Told>(): Recording<Told> {
    const { steps, told, tell } = this.#watched!;
    this.#watched = undefined;
    this.#inodes.clear();
    return { steps, told: [...told, tell()] as Told[] };
  }

  /** The functions of node:fs/promises, with an eye on them. */
  wrap(real: Fs): Fs {
    const wrapped = {
      open: async (path: string, flags: string | number = "r", mode?: number) => {
        const handle = await real.open(path, flags, mode);
        if (this.#owns(path)) this.#opened(path, flags, handle);
        return handle;
      },
      rename: async (from: string, to: string) => {
        await real.rename(from, to);
        if (!this.#owns(from)) return;
        const directory = this.#find(dirname(from));
        if (dirname(from) !== dirname(to)) throw new Error(`not recorded: ${from} goes to another directory`);
        const inode = this.#find(from);
        this.#note({ kind: "rename", directory, from: basename(from), name: basename(to), inode });
      },
      unlink: async (path: string) => {
        await real.unlink(path);
        this.#removed(path);
      },
      rmdir: async (path: string) => {
        await real.rmdir(path);
        this.#removed(path);
      },
      rm: async (path: string, options: { recursive?: boolean; force?: boolean } = {}) =>
        this.#owns(path) ? this.#removeAll(real, path, options.force === true) : real.rm(path, options),
      mkdir: async (path: string, options: { recursive?: boolean; mode?: number } = {}) => {
        const made = await real.mkdir(path, options);
        if (this.#owns(path)) this.#made(path, true);
        return made;
      },
      writeFile: async (path: string, bytes: string | Uint8Array, options?: { mode?: number }) => {
        if (!this.#owns(path)) return real.writeFile(path, bytes, options);
        const handle = await wrapped.open(path, "w", options?.mode);
        await handle.writeFile(bytes);
        await handle.close();
      },
    };
    const refused = Object.fromEntries(
      unknown.map((name) => [
        name,
        (path: string, ...rest: unknown[]): unknown => {
          if (this.#owns(path)) throw new Error(`not recorded: ${name} ${path}`);
          return (real[name] as (...args: unknown[]) => unknown)(path, ...rest);
        },
      ]),
    );
    return { ...real, ...refused, ...(wrapped as unknown as Partial<Fs>) };
  }

  /** The functions of node:fs of which one writes. */
  wrapSync(real: typeof fsSync): typeof fsSync {
    const writeSync = (fd: number, bytes: Buffer, offset: number, length: number, position: number): number => {
      const inode = this.#inodes.get(fd);
      if (inode === undefined) return real.writeSync(fd, bytes, offset, length, position);
      const step = this.#begin(inode, bytes.subarray(offset, offset + length), position);
      const written = real.writeSync(fd, bytes, offset, length, position);
      this.#end(step);
      return written;
    };
    return { ...real, writeSync: writeSync as typeof fsSync.writeSync };
  }

  #owns(path: unknown): path is string {
    const root = this.#watched?.root;
    return typeof path === "string" && root !== undefined && (path === root || path.startsWith(`${root}/`));
  }

  #opened(path: string, flags: string | number, handle: FileHandle): void {
    const inode = this.#made(path, false);
    const isCut = typeof flags === "string" ? flags.startsWith("w") : (flags & constants.O_TRUNC) !== 0;
    if (isCut && this.#watched!.disk.sizeOf(inode) > 0) this.#end(this.#begin(inode, undefined, 0));
    this.#inodes.set(handle.fd, inode);
    this.#wrapHandle(handle, inode);
  }

  #wrapHandle(handle: FileHandle, inode: Inode): void {
    const real = {
      write: handle.write.bind(handle) as (...args: unknown[]) => Promise<unknown>,
      writev: handle.writev.bind(handle),
      writeFile: handle.writeFile.bind(handle),
      truncate: handle.truncate.bind(handle),
      close: handle.close.bind(handle),
    };
    const during = async <T>(bytes: Buffer | undefined, position: number, act: () => Promise<T>): Promise<T> => {
      const step = this.#begin(inode, bytes, position);
      const result = await act();
      this.#end(step);
      return result;
    };
    const { fd } = handle;
    Object.assign(handle, {
      write: (bytes: Uint8Array, offset: number, length: number, position: number) =>
        during(Buffer.from(bytes.subarray(offset, offset + length)), position, () =>
          real.write(bytes, offset, length, position),
        ),
      writev: (pieces: Uint8Array[], position: number) =>
        during(Buffer.concat(pieces), position, () => real.writev(pieces, position)),
      writeFile: (bytes: string | Uint8Array) =>
        during(Buffer.from(bytes as Uint8Array), 0, () => real.writeFile(bytes)),
      truncate: (length = 0) => during(undefined, length, () => real.truncate(length)),
      close: () => {
        this.#inodes.delete(fd);
        return real.close();
      },
    });
    for (const method of ["sync", "datasync"] as const) {
      const sync = handle[method].bind(handle);
      handle[method] = async () => {
        const begunAt = this.#watched?.steps.length ?? 0;
        await sync();
        this.#note({ kind: "sync", inode, begunAt });
      };
    }
  }

  async #removeAll(real: Fs, path: string, force: boolean): Promise<void> {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined && force) return;
    const isDirectory = found?.isDirectory() === true;
    if (isDirectory) for (const name of readdirSync(path)) await this.#removeAll(real, join(path, name), force);
    await (isDirectory ? real.rmdir(path) : real.unlink(path));
    this.#removed(path);
  }

  #removed(path: string): void {
    if (!this.#owns(path)) return;
    const inode = this.#find(path);
    this.#note({ kind: "remove", directory: this.#find(dirname(path)), name: basename(path), inode });
  }

  /** What is at the path, which is there on the real disk; noted as new if nobody knew of it. */
  #made(path: string, isDirectory: boolean): Inode {
    const { root, disk } = this.#watched!;
    let at = disk.root;
    const names = relative(root, path).split("/").filter(Boolean);
    for (const [index, name] of names.entries()) {
      const known = disk.find(at, name);
      const inode = known ?? disk.nextInode;
      const isParent = index < names.length - 1;
      if (known === undefined) {
        this.#note({ kind: "create", directory: at, name, inode, isDirectory: isDirectory || isParent });
      }
      at = inode;
    }
    return at;
  }

  #find(path: string): Inode {
    const { root, disk } = this.#watched!;
    let at = disk.root;
    for (const name of relative(root, path).split("/").filter(Boolean)) {
      const inode = disk.find(at, name);
      if (inode === undefined) throw new Error(`not recorded: ${path}`);
      at = inode;
    }
    return at;
  }

  #begin(inode: Inode, bytes: Buffer | undefined, position: number): BytesStep {
    const step: BytesStep = { kind: "bytes", inode, bytes: bytes && Buffer.from(bytes), position, endedAt: Infinity };
    this.#note(step);
    return step;
  }

  #end(step: BytesStep): void {
    step.endedAt = this.#watched?.steps.length ?? Infinity;
  }

  #note(step: DiskStep): void {
    const watched = this.#watched;
    if (watched === undefined) return;
    watched.told.push(watched.tell());
    watched.steps.push(step);
    watched.disk.apply(step, watched.steps.length - 1);
  }
}
