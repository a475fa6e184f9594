import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { type FileHandle, constants, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { JournalFailed } from "../errors.js";
import { Closers } from "../lifecycle.js";
import { syncDirectory, writeFully } from "./durable-files.js";
import {
  type Sequence,
  blockBytes,
  encodeEnd,
  encodeFileHeader,
  journalFileName,
  nextBlock,
  sealGroup,
  sequenceOfName,
} from "./journal-format.js";

const sparePrefix = "spare-";
/** So little is written by the event loop itself: to hand it to the thread pool and back takes longer. */
const directBytes = 64 * 1024;
/** A write that takes longer has waited for the disk, for which the event loop must not wait again soon. */
const directMs = 2;
const indirectMs = 1000;

export interface JournalOptions {
  /** Size of each journal file, in bytes; the largest group must fit. */
  readonly fileBytes: number;
  /** How many files may hold groups above the checkpoint; then appends wait for the next one. */
  readonly maxFiles: number;
}

interface JournalFile {
  readonly first: Sequence;
  readonly path: string;
}

/** A place in the journal: in the file whose first group is `file`, at `position` bytes. */
export interface JournalPlace {
  readonly file: Sequence;
  readonly position: number;
}

interface Spare {
  readonly handle: FileHandle;
  readonly path: string;
  readonly nonce: Buffer;
}

/**
 * The files where everything that is acknowledged becomes durable. A group is durable when append() resolves, and not
 * before: callers are answered after it, readers see it after it. One append at a time.
 *
 * Files are filled with zeros and synced off the hot path, so that a group's fdatasync has no new blocks to record. A
 * file gets its name only when everything before it is durable: the name vouches for that.
 */
export class Journal implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: JournalOptions;
  readonly #files: JournalFile[] = [];
  readonly #spares: Promise<Spare>[] = [];
  #spareNumber = 0;
  #file: FileHandle | undefined;
  #nonce: Buffer = Buffer.alloc(0);
  #position = blockBytes;
  #next: Sequence;
  #failure: JournalFailed | undefined;
  #syncSeconds = 0;
  /** Until when groups are written by the thread pool, on the clock of performance.now(). */
  #indirectUntil = 0;

  private constructor(directory: string, next: Sequence, options: JournalOptions) {
    this.#directory = directory;
    this.#next = next;
    this.#options = options;
  }

  /**
   * A journal whose first group will be `next`, in a new file. Older files are removed: the caller has replayed them
   * and its checkpoint covers them.
   */
  static async open(directory: string, next: Sequence, options: JournalOptions): Promise<Journal> {
    const journal = new Journal(directory, next, options);
    const entries = await readdir(directory, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    // A link would be followed to a file that is not ours.
    const left = entries
      .filter((entry) => entry.isFile() && entry.name.startsWith(sparePrefix))
      .map(({ name }) => name);
    left.sort();
    for (const name of left.slice(1)) await unlink(join(directory, name));
    if (left[0] !== undefined) await rename(join(directory, left[0]), join(directory, `${sparePrefix}0`));
    try {
      await journal.#rotate();
      for (const name of names) {
        const first = sequenceOfName(name);
        if (first !== undefined && first !== next) await unlink(join(directory, name));
      }
      // Back after a power cut, they would hide that the new file is missing.
      await syncDirectory(directory);
      return journal;
    } catch (error) {
      await journal[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The sequence of the last group that is durable. */
  get durable(): Sequence {
    return this.#next - 1n;
  }

  /** Where the next group will be, unless it starts a file of its own. */
  get place(): JournalPlace {
    return { file: this.#files.at(-1)!.first, position: this.#position };
  }

  /** How many files hold groups. */
  get fileCount(): number {
    return this.#files.length;
  }

  get failure(): JournalFailed | undefined {
    return this.#failure;
  }

  /** What the last group's sync took. */
  get syncSeconds(): number {
    return this.#syncSeconds;
  }

  /** The largest group that fits a file, header included. */
  get maxGroupBytes(): number {
    return this.#options.fileBytes - 2 * blockBytes;
  }

  /** True if a group of this size must wait until release() frees a file. */
  needsRelease(groupBytes: number): boolean {
    return !this.#fits(groupBytes) && this.#files.length >= this.#options.maxFiles;
  }

  /** Goes on in a new file if the group would not fit. An error here has lost nothing: the call may be repeated. */
  async makeRoom(groupBytes: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#fits(groupBytes)) await this.#rotate();
  }

  /**
   * Appends the group at `[start, end)` of the buffer, for which there is room: its first `groupHeaderBytes` are the
   * journal's to fill, the entries follow. The rest of its last block, in the buffer as well, is overwritten.
   *
   * @throws JournalFailed the first time and ever after, once a write or sync has failed
   */
  async append(buffer: Buffer, start: number, end: number, entries: number): Promise<Sequence> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const sequence = this.#next;
      sealGroup(buffer.subarray(start, end), sequence, sequence - 1n, entries, this.#nonce);
      // Whole blocks: to write a part of one, the kernel may have to read it first.
      const next = nextBlock(this.#position + end - start);
      const whole = buffer.subarray(start, start + next - this.#position);
      await this.#write(whole.fill(0, end - start));
      const written = performance.now();
      await this.#file!.datasync();
      this.#syncSeconds = (performance.now() - written) / 1000;
      this.#position = next;
      this.#next = sequence + 1n;
      return sequence;
    } catch (error) {
      // After a failed sync the kernel may have dropped the pages and call them clean: trying again would lie.
      throw this.fail(error);
    }
  }

  /**
   * Frees the files that hold nothing above `checkpoint`, which must be durable. They serve again as spares. One that the disk
   * does not let go of is left to the next start: nobody reads it any more.
   */
  async release(checkpoint: Sequence): Promise<void> {
    while (this.#files.length > 1 && this.#files[1]!.first <= checkpoint + 1n) {
      const { path } = this.#files.shift()!;
      if (this.#spares.length >= 2) await unlink(path).catch(() => undefined);
      else {
        const spare = this.#sparePath();
        // Under its old name, with another header, it could not say any more that a file came after it.
        const renamed = rename(path, spare).then(() => syncDirectory(this.#directory));
        const isSpare = await renamed.then(
          () => true,
          () => false,
        );
        if (isSpare) this.#prepare(spare);
      }
    }
  }

  /** Makes every further append fail, and returns the error that they get. */
  fail(cause: unknown): JournalFailed {
    this.#failure ??= cause instanceof JournalFailed ? cause : new JournalFailed(cause);
    return this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error("the journal is closed"));
    const file = this.#file;
    this.#file = undefined;
    const closers = new Closers();
    closers.defer(() => file?.close());
    for (const spare of this.#spares.splice(0)) {
      closers.defer(() =>
        spare.then(
          ({ handle }) => handle.close(),
          () => undefined,
        ),
      );
    }
    // Every one of them, also where a disk that fails lets none be closed without an error.
    await closers[Symbol.asyncDispose]();
  }

  async #write(group: Buffer): Promise<void> {
    const started = performance.now();
    if (group.length > directBytes || started < this.#indirectUntil) {
      await writeFully(this.#file!, group, this.#position);
      return;
    }
    const done = writeSync(this.#file!.fd, group, 0, group.length, this.#position);
    const ended = performance.now();
    if (ended - started > directMs) this.#indirectUntil = ended + indirectMs;
    if (done < group.length) await writeFully(this.#file!, group.subarray(done), this.#position + done);
  }

  #fits(groupBytes: number): boolean {
    // One block is kept for the end mark.
    return this.#position + groupBytes <= this.#options.fileBytes - blockBytes;
  }

  /** Goes on in a new file. Everything before it is durable: there is one append at a time. */
  async #rotate(): Promise<void> {
    if (this.#spares.length === 0) this.#prepare(this.#sparePath());
    // Taken out first: if it could not be prepared, the next attempt makes another.
    const spare = await this.#spares.shift()!;
    const path = join(this.#directory, journalFileName(this.#next));
    try {
      await rename(spare.path, path);
      await syncDirectory(this.#directory);
      // The next file is there, and from now on its absence shows.
      await this.#markEnd();
    } catch (error) {
      // Under either name it holds nothing, and the next attempt takes its name.
      await spare.handle.close().catch(() => undefined);
      throw error;
    }
    // All of it is on disk.
    await this.#file?.close().catch(() => undefined);
    this.#file = spare.handle;
    this.#nonce = spare.nonce;
    this.#position = blockBytes;
    this.#files.push({ first: this.#next, path });
    if (this.#spares.length === 0) this.#prepare(this.#sparePath());
  }

  async #markEnd(): Promise<void> {
    if (this.#file === undefined) return;
    try {
      await writeFully(this.#file, encodeEnd(this.#next, this.#nonce), this.#position);
      await this.#file.datasync();
    } catch (error) {
      // Whatever it is: a file that could not be synced is not tried again.
      throw this.fail(error);
    }
  }

  #sparePath(): string {
    return join(this.#directory, `${sparePrefix}${this.#spareNumber++}`);
  }

  #prepare(path: string): void {
    const spare = prepareSpare(path, this.#options.fileBytes);
    // Whoever needs the spare meets its error; until then it is nobody's.
    spare.catch(() => undefined);
    this.#spares.push(spare);
  }
}

/** A journal file without a sequence yet: of full size and on disk, with a nonce that nothing in it carries. */
async function prepareSpare(path: string, fileBytes: number): Promise<Spare> {
  const nonce = randomBytes(16);
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    // What an earlier use left behind may stay: groups with another nonce are nothing. Only what is missing is filled.
    const { size } = await handle.stat();
    const zeros = Buffer.alloc(Math.min(1024 * 1024, fileBytes));
    for (let at = size; at < fileBytes; at += zeros.length) {
      await writeFully(handle, zeros.subarray(0, Math.min(zeros.length, fileBytes - at)), at);
    }
    await handle.truncate(fileBytes);
    await writeFully(handle, encodeFileHeader({ nonce, fileBytes }), 0);
    await handle.sync();
    return { handle, path, nonce };
  } catch (error) {
    await handle.close().catch(() => undefined);
    // With a full disk there are many attempts, and each would leave its part behind.
    await unlink(path).catch(() => undefined);
    throw error;
  }
}
