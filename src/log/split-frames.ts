import { frameEnd } from "../wire/records.js";
import type { RecordFrames } from "./port.js";

/** Cuts frames into pieces of at most `maxRecords` records, in order, without copying them. */
export function* splitFrames(frames: RecordFrames, maxRecords: number): Generator<RecordFrames> {
  if (frames.count <= maxRecords) {
    yield frames;
    return;
  }
  let offset = frames.offset;
  let parts: Buffer[] = [];
  let count = 0;
  for (const part of frames.parts) {
    let start = 0;
    for (let at = 0; at < part.length;) {
      // The log has checked that these are whole frames.
      at = frameEnd(part, at, part.length)!;
      if (++count === maxRecords) {
        yield { offset, count, parts: [...parts, part.subarray(start, at)] };
        offset += BigInt(count);
        parts = [];
        count = 0;
        start = at;
      }
    }
    if (start < part.length) parts.push(part.subarray(start));
  }
  if (count > 0) yield { offset, count, parts };
}
