import { type FileHandle, constants, open } from "node:fs/promises";
import { BufferPool } from "../buffer-pool.js";
import { LogClosed } from "../errors.js";
import { Closers } from "../lifecycle.js";
import { hasCode } from "./durable-files.js";
import { CheckedCommits } from "./checked-commits.js";

/**
 * What was written to a file may not be on disk, and never will be: after a failed sync the kernel may have dropped the pages
 * and call them clean. Whatever the disk said, it is not an error that passes.
 */
export class SyncFailed extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path} could not be synced`, { cause });
  }
}

interface OpenFile {
  readonly path: string;
  readonly handle: Promise<FileHandle>;
  users: number;
  /** Counts writes that are over, so that a sync knows whether it covered them all. */
  writes: number;
  syncedWrites: number;
  syncing: Promise<void> | undefined;
  failure: Error | undefined;
  /** True once it is out of the list: whoever uses it last closes it. */
  forgotten: boolean;
}

/**
 * A bounded number of open files, the least recently used closed first. A file with unsynced writes is synced before
 * it is closed: an error of the disk is told only to those who have the file open.
 */
export class OpenFiles implements AsyncDisposable {
  /** What is read from them is read into these. */
  readonly buffers = new BufferPool();
  readonly checked = new CheckedCommits();
  readonly #limit: number;
  /** In order of use: the first one was not used for the longest time. */
  readonly #files = new Map<string, OpenFile>();
  #closed = false;
  /** Wakes close() when the last borrower has given its file back. */
  #onIdle: (() => void) | undefined;
  #users = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Lends the file to `use` for reading. @throws what open() throws, ENOENT among it */
  async read<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
    return this.#lend(path, constants.O_RDWR, async (file) => use(await file.handle));
  }

  /** Lends the file, created if need be, to `use` for writing. */
  async write<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
    return this.#lend(path, constants.O_RDWR | constants.O_CREAT, async (file) => {
      try {
        return await use(await file.handle);
      } finally {
        // Counted when it is over: a sync that ran beside the write may have missed it, and must not count as covering it.
        file.writes++;
      }
    });
  }

  /** Resolves when all that was written to the file before is on disk. @throws SyncFailed the first time and ever after */
  async sync(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file !== undefined) await this.#sync(file);
  }

  /** Closes the file, without syncing it, as soon as nobody uses it: its name is gone. */
  async forget(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    file.forgotten = true;
    if (file.users === 0) await closeForgotten(file);
  }

  /** Waits for those who use a file, and closes everything; whoever asks later gets LogClosed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#users > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    const closers = new Closers();
    for (const { handle } of this.#files.values())
      closers.defer(async () => (await handle.catch(() => undefined))?.close());
    this.#files.clear();
    await closers[Symbol.asyncDispose]();
  }

  async #lend<T>(path: string, flags: number, use: (file: OpenFile) => Promise<T>): Promise<T> {
    if (this.#closed) throw new LogClosed();
    this.#users++;
    const file = this.#opened(path, flags);
    file.users++;
    try {
      await file.handle.catch((error: unknown) => {
        // The next one to ask tries again.
        if (this.#files.get(path) === file) this.#files.delete(path);
        throw error;
      });
      return await use(file);
    } finally {
      file.users--;
      if (file.forgotten && file.users === 0) await closeForgotten(file);
      while (this.#files.size > this.#limit && (await this.#closeOldest()));
      this.#users--;
      if (this.#users === 0) this.#onIdle?.();
    }
  }

  #opened(path: string, flags: number): OpenFile {
    const known = this.#files.get(path);
    if (known !== undefined) {
      this.#files.delete(path);
      this.#files.set(path, known);
      return known;
    }
    const handle = openFile(path, flags);
    const file: OpenFile = {
      path,
      handle,
      users: 0,
      writes: 0,
      syncedWrites: 0,
      syncing: undefined,
      failure: undefined,
      forgotten: false,
    };
    this.#files.set(path, file);
    return file;
  }

  async #sync(file: OpenFile): Promise<void> {
    while (file.syncedWrites < file.writes || file.failure !== undefined) {
      if (file.failure !== undefined) throw file.failure;
      file.syncing ??= this.#syncOnce(file);
      await file.syncing;
    }
  }

  async #syncOnce(file: OpenFile): Promise<void> {
    const covered = file.writes;
    try {
      // Not fdatasync alone: a segment grows, and its size must be on disk too. Both do that; this says it.
      await (await file.handle).sync();
      file.syncedWrites = covered;
    } catch (error) {
      file.failure = new SyncFailed(file.path, error);
    } finally {
      file.syncing = undefined;
    }
  }

  /** Closes a file that nobody uses, one that need not be synced if there is one. False if there is none to close. */
  async #closeOldest(): Promise<boolean> {
    const idle = [...this.#files.values()].filter((file) => file.users === 0 && file.failure === undefined);
    const clean = idle.filter((file) => file.syncedWrites === file.writes);
    for (const file of clean.length > 0 ? clean : idle) {
      if (file.users > 0 || this.#files.get(file.path) !== file) continue;
      file.users++;
      // A failure stays with the file, which stays open: whoever syncs it next meets it.
      const synced = await this.#sync(file).then(
        () => true,
        () => false,
      );
      file.users--;
      if (file.forgotten) {
        if (file.users === 0) await closeForgotten(file);
        return true;
      }
      if (!synced || file.users > 0 || file.syncedWrites < file.writes) continue;
      this.#files.delete(file.path);
      // All that was written to it is on disk.
      await (await file.handle).close().catch(() => undefined);
      return true;
    }
    return false;
  }
}

async function openFile(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    // A disk that failed may have been made read-only: what is on it can still be read.
    if ((flags & constants.O_CREAT) !== 0 || !hasCode(error, "EROFS")) throw error;
    return open(path, constants.O_RDONLY);
  }
}

async function closeForgotten(file: OpenFile): Promise<void> {
  // One that could not even be opened, or synced, is nobody's concern any more.
  const handle = await file.handle.catch(() => undefined);
  await handle?.close().catch(() => undefined);
}
