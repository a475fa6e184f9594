import { frameEnd } from "../wire/records.js";
import type { ReadLimits, RecordFrames } from "./port.js";

/** Collects frames of consecutive commits until a limit is reached, without copying them. */
export class Gatherer {
  readonly #from: bigint;
  readonly #limits: ReadLimits;
  readonly #parts: Buffer[] = [];
  #count = 0;
  #bytes = 0;

  constructor(from: bigint, limits: ReadLimits) {
    this.#from = from;
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes the frames at `[start, end)`, which begin with offset `base`, from the wanted offset on.
   *
   * @returns whether there is room for what follows; undefined when the bytes are not frames
   */
  take(buffer: Buffer, start: number, end: number, base: bigint, count: number): boolean | undefined {
    let from = start;
    const unwanted = base < this.#from ? Number(this.#from - base) : 0;
    for (let skipped = 0; skipped < unwanted; skipped++) {
      const next = frameEnd(buffer, from, end);
      if (next === undefined) return undefined;
      from = next;
    }
    const left = count - unwanted;
    const room = this.#limits.maxRecords - this.#count;
    if (left <= room && this.#bytes + end - from <= this.#limits.maxBytes) {
      this.#add(buffer.subarray(from, end), left);
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
    if (taken > 0) this.#add(buffer.subarray(from, to), taken);
    return false;
  }

  finish(): RecordFrames {
    return { offset: this.#from, count: this.#count, parts: this.#parts };
  }

  #add(frames: Buffer, count: number): void {
    this.#parts.push(frames);
    this.#count += count;
    this.#bytes += frames.length;
  }
}
