const recordTag = (1 << 3) | 2;
const offsetTag = (2 << 3) | 0;
const keyTag = (5 << 3) | 2;

/**
 * What the log itself needs to know of a stored record: its offset, its key, and where its frame ends; everything else
 * is passed over. One object serves for many frames, because one for each would be most of the cost.
 */
export class RecordFrame {
  /** Below 2^53; 0 also if the record does not say. */
  offset = 0;
  /** The key is at `[keyStart, keyEnd)` of the buffer; empty if there is none. */
  keyStart = 0;
  keyEnd = 0;
  /** Position behind the frame. */
  end = 0;
  #position = 0;

  /** Reads the frame that begins at `position`; false unless there is a whole record before `limit`. */
  read(buffer: Buffer, position: number, limit: number): boolean {
    if (position >= limit || buffer[position] !== recordTag) return false;
    this.#position = position + 1;
    const length = this.#varint(buffer, limit);
    const end = this.#position + length;
    // Put like this, because a length that is not there is NaN, and nothing compares with it.
    if (!(end <= limit)) return false;
    this.offset = this.keyStart = this.keyEnd = 0;
    while (this.#position < end) {
      const tag = this.#varint(buffer, end);
      if (tag === offsetTag) {
        this.offset = this.#varint(buffer, end);
        continue;
      }
      const start = this.#skip(tag % 8, buffer, end);
      if (start === undefined) return false;
      if (tag === keyTag) {
        this.keyStart = start;
        this.keyEnd = this.#position;
      }
    }
    this.end = end;
    return this.#position === end && Number.isSafeInteger(this.offset);
  }

  /** Moves behind a field's content and returns where it began; undefined for what has no known end. */
  #skip(wireType: number, buffer: Buffer, end: number): number | undefined {
    let start = this.#position;
    switch (wireType) {
      case 0:
        this.#varint(buffer, end);
        return start;
      case 1:
        this.#position += 8;
        return start;
      case 2: {
        const length = this.#varint(buffer, end);
        start = this.#position;
        this.#position += length;
        return this.#position <= end ? start : undefined;
      }
      case 5:
        this.#position += 4;
        return start;
      default:
        return undefined;
    }
  }

  /** NaN unless it ends before `end`; exact up to 2^53. */
  #varint(buffer: Buffer, end: number): number {
    let value = 0;
    for (let scale = 1; this.#position < end; scale *= 0x80) {
      const byte = buffer[this.#position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return NaN;
  }
}

/** What a commit's header says of its frames. */
export interface FramesHeader {
  /** Offset of the first record. */
  readonly base: bigint;
  /** Offset of the last record. */
  readonly last: bigint;
  /** As many as the offsets from first to last in a dense commit; fewer in one that compaction left. */
  readonly count: number;
}

/** True if there is no record for some of the offsets from the first to the last. */
export function isSparse({ base, last, count }: FramesHeader): boolean {
  return last - base >= BigInt(count);
}

/**
 * Visits the frames at `[start, end)` one after the other; each is at its position until the visit is over.
 *
 * @returns false when they are not those of the header, which may show only after some were visited
 */
export function visitFrames(
  buffer: Buffer,
  start: number,
  end: number,
  header: FramesHeader,
  visit: (frame: RecordFrame, position: number) => void,
): boolean {
  const frame = new RecordFrame();
  const base = Number(header.base);
  const last = Number(header.last);
  let before = base - 1;
  let at = start;
  for (let index = 0; index < header.count; index++) {
    if (!frame.read(buffer, at, end) || frame.offset <= before) return false;
    if (index === 0 && frame.offset !== base) return false;
    visit(frame, at);
    before = frame.offset;
    at = frame.end;
  }
  return at === end && before === last;
}
