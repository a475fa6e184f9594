import type { CommitHeader } from "./commit.js";
import type { Gatherer } from "./gatherer.js";
import { isSparse } from "./record-frame.js";

/** So many are kept; with what was read along with it, each is at most about a mebibyte. */
const kept = 8;

/**
 * The commits of which readers have lately had a part: whoever reads on finds the rest, without another look at the file,
 * and without another checksum over a quarter of a mebibyte for one record.
 */
export class CheckedCommits {
  /** The one that was used last comes last. */
  readonly #commits: CheckedCommit[] = [];

  /** The commit of the owner that has the offset. */
  find(owner: object, offset: bigint): CheckedCommit | undefined {
    const at = this.#commits.findLastIndex((commit) => commit.owner === owner && commit.has(offset));
    if (at < 0) return undefined;
    const [commit] = this.#commits.splice(at, 1);
    this.#commits.push(commit!);
    return commit;
  }

  /** Keeps a commit of which a read had everything before `next`. False if that is not worth it. */
  keep(commit: CheckedCommit, next: bigint): boolean {
    // Where most of it was read, little is saved; and only without gaps it needs no look into the records.
    if (isSparse(commit.header) || Number(commit.header.last + 1n - next) < commit.header.count / 2) return false;
    this.#commits.push(commit);
    if (this.#commits.length > kept) this.#commits.shift();
    return true;
  }
}

/** A commit that was read and found intact. Its memory is nobody's to give back. */
export class CheckedCommit {
  /** The file that it is in, as an object that no other file has. */
  readonly owner: object;
  readonly header: CommitHeader;
  /** Position in the file behind it. */
  readonly behind: number;
  readonly #bytes: Buffer;
  readonly #start: number;
  /** Where a read has ended: the next one mostly begins there, and has no frames to hop over. */
  #resume: { readonly base: bigint; readonly start: number };

  /** @param start of its first frame, in `bytes` */
  constructor(owner: object, header: CommitHeader, behind: number, bytes: Buffer, start: number) {
    this.owner = owner;
    this.header = header;
    this.behind = behind;
    this.#bytes = bytes;
    this.#start = start;
    this.#resume = { base: header.base, start };
  }

  has(offset: bigint): boolean {
    return this.header.base <= offset && offset <= this.header.last;
  }

  /** Gathers from `offset` on, which it must have. True if there is room for what follows. */
  gather(offset: bigint, gatherer: Gatherer): boolean {
    const { base: first, last } = this.header;
    const { base, start } = offset < this.#resume.base ? { base: first, start: this.#start } : this.#resume;
    const header = { base, last, count: Number(last - base) + 1 };
    const more = gatherer.take(this.#bytes, start, this.#start + this.header.framesBytes, header);
    if (gatherer.next <= last) this.#resume = { base: gatherer.next, start: gatherer.endIn(this.#bytes) };
    return more === true;
  }
}
