import { type FramesHeader, isSparse } from "./record-frame.js";
import type { ReadLimits } from "./port.js";

/** A commit that was read and found intact. Its memory is nobody's to give back. */
export interface CheckedCommit {
  /** The file that it is in, as an object that no other file has. */
  readonly owner: object;
  readonly header: FramesHeader;
  /** Its frames are at `[start, end)`. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** So many are kept; with what was read along with it, each is at most about a mebibyte. */
const kept = 8;

/**
 * The commits of which readers have lately had a part: whoever reads on finds the rest, without another look at the file,
 * and without another checksum over a quarter of a mebibyte for one record.
 */
export class CheckedCommits {
  /** The one that was asked for last comes last. */
  readonly #commits: CheckedCommit[] = [];

  /** The commit with that offset, if what it has from there on fills a read. */
  find(owner: object, offset: bigint, limits: ReadLimits): CheckedCommit | undefined {
    const at = this.#commits.findIndex(({ owner: own, header }) => own === owner && isWithin(offset, header));
    if (at < 0) return undefined;
    const [commit] = this.#commits.splice(at, 1);
    this.#commits.push(commit!);
    const { header, start, end } = commit!;
    const left = Number(header.last - offset) + 1;
    const bytesLeft = ((end - start) * left) / header.count;
    return left >= limits.maxRecords || bytesLeft >= limits.maxBytes ? commit : undefined;
  }

  /** Keeps a commit of which a read had everything before `next`, if it is worth it. Gives whether it is. */
  keep(commit: CheckedCommit, next: bigint): boolean {
    const { header } = commit;
    const left = Number(header.last + 1n - next);
    // Where most of it was read, the rest hardly fills a read; and only without gaps is it known how much it is.
    if (isSparse(header) || left < header.count / 2) return false;
    this.#commits.push(commit);
    if (this.#commits.length > kept) this.#commits.shift();
    return true;
  }
}

function isWithin(offset: bigint, { base, last }: FramesHeader): boolean {
  return base <= offset && offset <= last;
}
