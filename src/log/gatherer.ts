import type { Lease } from "../buffer-pool.js";
import { frameEnd } from "../wire/records.js";
import type { ReadLimits, RecordFrames } from "./port.js";
import { type FramesHeader, isSparse, visitFrames } from "./record-frame.js";

/** Collects frames of commits that follow one another until a limit is reached, without copying them. */
export class Gatherer {
  readonly #from: bigint;
  readonly #limits: ReadLimits;
  readonly #parts: Buffer[] = [];
  #count = 0;
  #bytes = 0;
  /** Of the first record that was taken. */
  #offset: bigint;
  /** Behind the last one. */
  #next: bigint;
  #lease: Lease | undefined;

  constructor(from: bigint, limits: ReadLimits) {
    this.#from = from;
    this.#limits = limits;
    this.#offset = from;
    this.#next = from;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Behind the last record that was taken. */
  get next(): bigint {
    return this.#next;
  }

  /** The position in `buffer` behind the last frame, which must have been taken from there. */
  endIn(buffer: Buffer): number {
    const last = this.#parts.at(-1)!;
    return last.byteOffset - buffer.byteOffset + last.length;
  }

  /**
   * True if a commit is better left whole for the next read: it would be cut for its bytes, the rest would have to be read
   * and checked again, and there is a fair part of what is wanted already.
   */
  leaves({ count, framesBytes }: { readonly count: number; readonly framesBytes: number }): boolean {
    const { maxRecords, maxBytes } = this.#limits;
    if (this.#bytes <= maxBytes / 2 || this.#bytes + framesBytes <= maxBytes) return false;
    return this.#count + count <= maxRecords;
  }

  /**
   * Takes the frames at `[start, end)`, which are those of one commit, from the wanted offset on.
   *
   * @returns whether there is room for what follows; undefined when they cannot be the ones that the header announces
   */
  take(buffer: Buffer, start: number, end: number, header: FramesHeader): boolean | undefined {
    return isSparse(header)
      ? this.#takeSparse(buffer, start, end, header)
      : this.#takeDense(buffer, start, end, header);
  }

  /** Notes that frames that were taken are in this memory, and none in other memory that is lent. */
  tookFrom(lease: Lease): void {
    this.#lease = lease;
  }

  finish(): RecordFrames {
    const [offset, count, next, parts, lease] = [this.#offset, this.#count, this.#next, this.#parts, this.#lease];
    return { offset, count, next, parts, lease };
  }

  /** Without gaps, offsets are counted and nothing looks into the records. */
  #takeDense(buffer: Buffer, start: number, end: number, { base, count }: FramesHeader): boolean | undefined {
    let from = start;
    const unwanted = base < this.#from ? Number(this.#from - base) : 0;
    for (let skipped = 0; skipped < unwanted; skipped++) {
      const next = frameEnd(buffer, from, end);
      if (next === undefined) return undefined;
      from = next;
    }
    const offset = base + BigInt(unwanted);
    const left = count - unwanted;
    const room = this.#limits.maxRecords - this.#count;
    if (left <= room && this.#bytes + end - from <= this.#limits.maxBytes) {
      this.#add(buffer.subarray(from, end), left, offset, offset + BigInt(left));
      return left < room;
    }
    let to = from;
    let taken = 0;
    while (taken < Math.min(left, room)) {
      const next = frameEnd(buffer, to, end);
      if (next === undefined) return undefined;
      const first = this.#count + taken === 0;
      if (!first && this.#bytes + next - from > this.#limits.maxBytes) break;
      to = next;
      taken++;
    }
    if (taken > 0) this.#add(buffer.subarray(from, to), taken, offset, offset + BigInt(taken));
    return false;
  }

  /** With gaps, only the frames themselves know their offsets. */
  #takeSparse(buffer: Buffer, start: number, end: number, header: FramesHeader): boolean | undefined {
    const wanted = Number(this.#from);
    const run = { from: start, to: start, count: 0, offset: 0, next: 0, isFull: false };
    // To the last frame, whichever are wanted: a commit is what its header says as a whole, or it is damaged.
    const isWhole = visitFrames(buffer, start, end, header, (frame) => {
      if (frame.offset < wanted) {
        run.from = frame.end;
        return;
      }
      run.isFull ||= this.#isFull(run.count, frame.end - run.from);
      if (run.isFull) return;
      if (run.count === 0) run.offset = frame.offset;
      run.next = frame.offset + 1;
      run.to = frame.end;
      run.count++;
    });
    if (!isWhole) return undefined;
    if (run.count > 0) this.#add(buffer.subarray(run.from, run.to), run.count, BigInt(run.offset), BigInt(run.next));
    return !run.isFull && this.#count < this.#limits.maxRecords;
  }

  /** True if `taken` records are as many as there is room for, and the next one would make them `bytes` long. */
  #isFull(taken: number, bytes: number): boolean {
    const count = this.#count + taken;
    return count >= this.#limits.maxRecords || (count > 0 && this.#bytes + bytes > this.#limits.maxBytes);
  }

  #add(frames: Buffer, count: number, offset: bigint, next: bigint): void {
    if (this.#count === 0) this.#offset = offset;
    this.#next = next;
    this.#parts.push(frames);
    this.#count += count;
    this.#bytes += frames.length;
  }
}
