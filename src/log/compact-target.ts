import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory, writeFully } from "./durable-files.js";
import { indexPathOf } from "./segment.js";
import { SparseIndex, writeIndex } from "./sparse-index.js";

/** So much is synced at a time: what a disk is given all at once, the journal's next sync would wait for. */
const syncBytes = 16 * 1024 * 1024;

/** Writes the file of a segment that is compacted, from its first byte to its last. */
export class CompactTarget {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #index = new SparseIndex();
  #written = 0;
  #synced = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** What an earlier attempt left there goes first: it may be a file whose sync has failed, and no such file is tried again. */
  static async create(path: string): Promise<CompactTarget> {
    for (const left of [indexPathOf(path), path]) await rm(left, { force: true });
    return new CompactTarget(path, await open(path, "wx", 0o600));
  }

  get bytes(): number {
    return this.#written;
  }

  /** Appends whole commits. */
  async write(commits: readonly TargetCommit[]): Promise<void> {
    let position = this.#written;
    for (const { base, timeMs, bytes } of commits) {
      this.#index.add({ base, position, timeMs });
      position += bytes.length;
    }
    await writeFully(this.#file, Buffer.concat(commits.map(({ bytes }) => bytes)), this.#written);
    this.#written = position;
    if (this.#written - this.#synced < syncBytes) return;
    await this.#file.datasync();
    this.#synced = this.#written;
  }

  /** Resolves when the file and its name are on disk. */
  async finish(topicId: string): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
    // Only a hint.
    await writeIndex(indexPathOf(this.#path), topicId, this.#index.entries).catch(() => undefined);
    await syncDirectory(dirname(this.#path));
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    for (const path of [this.#path, indexPathOf(this.#path)]) await rm(path, { force: true });
  }
}

export interface TargetCommit {
  readonly base: bigint;
  readonly timeMs: number;
  /** Header and frames. */
  readonly bytes: Buffer;
}
