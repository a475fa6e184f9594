import type { Gatherer } from "./gatherer.js";
import { lastIndexWhere } from "./search.js";
import type { Slab } from "./slabs.js";

/** A commit that is durable in the journal. */
export interface DurableCommit {
  readonly segmentBase: bigint;
  /** In that segment. */
  readonly position: number;
  readonly base: bigint;
  readonly count: number;
  readonly timeMs: number;
  /** Bytes in front of the first frame. */
  readonly headerBytes: number;
  /** Header and frames. */
  readonly bytes: Buffer;
  /** Where these bytes are. */
  readonly slab: Pick<Slab, "lend" | "release">;
}

/** What is written with one call, unless one commit is larger. */
const maxWriteBytes = 4 * 1024 * 1024;

/** What of one topic is durable, but not in a segment yet, in offset order. Until it is there, readers find it here. */
export class PendingCommits {
  readonly #commits: DurableCommit[] = [];
  #bytes = 0;

  /** Bytes of all commits. */
  get bytes(): number {
    return this.#bytes;
  }

  add(commit: DurableCommit): void {
    this.#commits.push(commit);
    this.#bytes += commit.bytes.length;
  }

  /** The first offset; undefined if there is none. */
  get base(): bigint | undefined {
    return this.#commits[0]?.base;
  }

  find(matches: (commit: DurableCommit) => boolean): DurableCommit | undefined {
    return this.#commits.find(matches);
  }

  /** Gathers records from `offset` on, which must be here. */
  read(offset: bigint, gatherer: Gatherer): void {
    const first = lastIndexWhere(this.#commits, (commit) => commit.base <= offset);
    for (let index = first; index < this.#commits.length; index++) {
      const { bytes, headerBytes, base, count, slab } = this.#commits[index]!;
      const last = base + BigInt(count) - 1n;
      slab.lend();
      if (!gatherer.take(bytes, headerBytes, bytes.length, { base, last, count })) return;
    }
  }

  /** The first commits of one segment, as many as are written with one call; undefined if there is none. */
  get firstRun(): { readonly segmentBase: bigint; readonly commits: readonly Buffer[] } | undefined {
    const segmentBase = this.#commits[0]?.segmentBase;
    if (segmentBase === undefined) return undefined;
    const commits: Buffer[] = [];
    let bytes = 0;
    for (const commit of this.#commits) {
      if (commit.segmentBase !== segmentBase || (bytes > 0 && bytes + commit.bytes.length > maxWriteBytes)) break;
      commits.push(commit.bytes);
      bytes += commit.bytes.length;
    }
    return { segmentBase, commits };
  }

  /** Takes the first `count` out: their bytes are read here no more. */
  remove(count: number): void {
    for (const { bytes, slab } of this.#commits.splice(0, count)) {
      this.#bytes -= bytes.length;
      slab.release();
    }
  }

  /** Takes those before `next` out; no commit reaches across it. */
  removeBefore(next: bigint): void {
    const from = this.#commits.findIndex(({ base }) => base >= next);
    this.remove(from < 0 ? this.#commits.length : from);
  }

  /** Takes all out. */
  clear(): void {
    this.remove(this.#commits.length);
  }
}
