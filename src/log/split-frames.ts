import { frameEnd } from "../wire/records.js";
import type { RecordFrames } from "./port.js";
import { RecordFrame } from "./record-frame.js";

/** Cuts frames into pieces of at most `maxRecords` records, in order, without copying them. */
export function* splitFrames(frames: RecordFrames, maxRecords: number): Generator<RecordFrames> {
  if (frames.count <= maxRecords) {
    yield frames;
    return;
  }
  const offsets =
    frames.next - frames.offset === BigInt(frames.count) ? new DenseOffsets(frames.offset) : new OwnOffsets();
  let parts: Buffer[] = [];
  let count = 0;
  for (const part of frames.parts) {
    let start = 0;
    for (let at = 0; at < part.length;) {
      at = offsets.pass(part, at);
      if (++count === maxRecords) {
        yield { ...offsets.take(count), count, parts: [...parts, part.subarray(start, at)] };
        parts = [];
        count = 0;
        start = at;
      }
    }
    if (start < part.length) parts.push(part.subarray(start));
  }
  if (count > 0) yield { ...offsets.take(count), count, parts };
}

type OffsetsOfPiece = Pick<RecordFrames, "offset" | "next">;

/** Without gaps, offsets are counted and nothing looks into the records. */
class DenseOffsets {
  #next: bigint;

  constructor(offset: bigint) {
    this.#next = offset;
  }

  /** The position behind the frame at `position`: the log has checked that there is one. */
  pass(part: Buffer, position: number): number {
    return frameEnd(part, position, part.length)!;
  }

  /** Of the `count` frames that were passed since the last time. */
  take(count: number): OffsetsOfPiece {
    const offset = this.#next;
    this.#next += BigInt(count);
    return { offset, next: this.#next };
  }
}

class OwnOffsets {
  readonly #frame = new RecordFrame();
  #first: number | undefined;

  pass(part: Buffer, position: number): number {
    if (!this.#frame.read(part, position, part.length)) throw new TypeError("these are not frames of records");
    this.#first ??= this.#frame.offset;
    return this.#frame.end;
  }

  take(): OffsetsOfPiece {
    const offset = BigInt(this.#first!);
    this.#first = undefined;
    return { offset, next: BigInt(this.#frame.offset) + 1n };
  }
}
