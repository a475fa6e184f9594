import { crc32 } from "node:zlib";
import { InvalidField, LimitExceeded } from "../errors.js";
import { WireReader, wireType } from "./reader.js";

/** What one request may bring. Published in docs/errors.md. */
export const limits = {
  /** A whole request, in bytes. */
  messageBytes: 4 * 1024 * 1024,
  /** Value, key, header names and header values of one record together, in bytes. */
  recordBytes: 1024 * 1024,
  headers: 64,
  /** Header names and values of one record together, in bytes. */
  headerBytes: 16 * 1024,
  /** An empty record is two bytes in a request and some fifteen on disk: without this, 4 MiB could become 30. */
  batchRecords: 65_536,
} as const;

/**
 * Records as a client sent them: for each one the bytes of its value, key and headers, untouched. Record i is
 * `source[bounds[2i], bounds[2i+1])`. One flat array, because an object for each record would be most of the cost.
 */
export interface RecordBatch {
  readonly source: Buffer;
  readonly bounds: readonly number[];
  readonly count: number;
  /** What lies between all bounds together. */
  readonly bodyBytes: number;
  readonly payload: PayloadSizes;
}

/** Value, key, header names and header values count, in bytes. */
export interface PayloadSizes {
  /** Of all records together. */
  readonly total: number;
  /** Of the record that has most. */
  readonly largest: number;
}

const recordTag = (1 << 3) | wireType.bytes;
const valueTag = (1 << 3) | wireType.bytes;
const keyTag = (5 << 3) | wireType.bytes;
const offsetTag = (2 << 3) | wireType.varint;
const timestampTag = (7 << 3) | wireType.varint;

/** Gathers the records of one request while it is walked. */
export class RecordCollector {
  readonly #source: Buffer;
  readonly #bounds: number[] = [];
  /** Client bytes of records that had a server field in their midst, put together again. */
  readonly #rejoined: Buffer[] = [];
  readonly #payload = { total: 0, largest: 0 };
  #bodyBytes = 0;
  #end: number;

  constructor(source: Buffer) {
    this.#source = source;
    this.#end = source.length;
  }

  get count(): number {
    return this.#bounds.length / 2;
  }

  /**
   * Takes the record whose tag the reader has just read, and those that follow it at once.
   * @throws ServiceError naming the field that is at fault
   */
  addRun(reader: WireReader): void {
    do {
      const length = reader.length();
      const start = reader.position;
      reader.position += length;
      this.#add(start, reader.position);
    } while (reader.takes(recordTag));
  }

  #add(start: number, end: number): void {
    const index = this.count;
    if (index >= limits.batchRecords) {
      throw new LimitExceeded("records", "the most records of a request", limits.batchRecords, index + 1, "records");
    }
    const payload = plainPayload(this.#source, start, end);
    if (payload >= 0 && payload <= limits.recordBytes) {
      this.#payload.total += payload;
      if (payload > this.#payload.largest) this.#payload.largest = payload;
      this.#note(start, end);
      return;
    }
    const spans = clientSpans(new WireReader(this.#source, start, end, `records[${index}]`), this.#payload);
    if (spans.length <= 2) {
      this.#note(spans[0] ?? start, spans[1] ?? start);
      return;
    }
    const parts: Buffer[] = [];
    for (let at = 0; at < spans.length; at += 2) parts.push(this.#source.subarray(spans[at], spans[at + 1]));
    const whole = Buffer.concat(parts);
    this.#rejoined.push(whole);
    this.#note(this.#end, this.#end + whole.length);
    this.#end += whole.length;
  }

  #note(start: number, end: number): void {
    this.#bounds.push(start, end);
    this.#bodyBytes += end - start;
  }

  finish(): RecordBatch {
    if (this.count === 0) throw new InvalidField("records", "at least one record is needed");
    const source = this.#rejoined.length === 0 ? this.#source : Buffer.concat([this.#source, ...this.#rejoined]);
    return { source, bounds: this.#bounds, count: this.count, bodyBytes: this.#bodyBytes, payload: this.#payload };
  }
}

/**
 * Bytes of value and key of a record that holds nothing else; -1 for any that must be looked at more closely, the wrong
 * ones among them. Nearly every record is of this kind, and a reader for each would be most of the cost.
 */
function plainPayload(buffer: Buffer, start: number, end: number): number {
  let payload = 0;
  let seen = 0;
  for (let at = start; at < end;) {
    const tag = buffer[at++];
    const bit = tag === valueTag ? 1 : tag === keyTag ? 2 : 0;
    if (bit === 0 || (seen & bit) !== 0) return -1;
    seen |= bit;
    let length = buffer[at++]!;
    if (length >= 0x80) {
      const second = buffer[at++]!;
      length += (second - 1) * 0x80;
      if (second === 0) return -1;
      if (second >= 0x80) {
        const third = buffer[at++]!;
        length += (third - 1) * 0x4000;
        if (third === 0 || third >= 0x80) return -1;
      }
    }
    at += length;
    // Put like this, because a length that is not there is NaN, and nothing compares with it.
    if (!(at <= end)) return -1;
    payload += length;
  }
  return payload;
}

/**
 * Starts and ends of the stretches that hold what the client may set; what it sent as offset or timestamp is left out.
 * Notes in `sizes` what they carry.
 */
function clientSpans(reader: WireReader, sizes: { total: number; largest: number }): number[] {
  const spans: number[] = [];
  let seen = 0;
  let bytes = 0;
  let headers = 0;
  let headerBytes = 0;
  while (!reader.done) {
    const fieldStart = reader.position;
    const tag = reader.tag();
    const field = tag >>> 3;
    const type = tag & 7;
    switch (field) {
      case 1:
      case 5: {
        expectType(reader, field, type, wireType.bytes);
        seen = once(reader, seen, field);
        const length = reader.length();
        reader.position += length;
        bytes += length;
        break;
      }
      case 6: {
        expectType(reader, field, type, wireType.bytes);
        const length = reader.length();
        headerBytes += headerSize(
          new WireReader(
            reader.buffer,
            reader.position,
            reader.position + length,
            `${reader.path}.headers[${headers}]`,
          ),
        );
        headers++;
        if (headers > limits.headers) {
          throw new InvalidField(`${reader.path}.headers`, `more than the ${limits.headers} headers that are allowed`);
        }
        reader.position += length;
        break;
      }
      case 2:
      case 7:
        expectType(reader, field, type, wireType.varint);
        seen = once(reader, seen, field);
        reader.uint64();
        continue;
      default:
        // Stored unread, it would come back to a reader who knows what it means.
        throw new InvalidField(reader.path, `field ${field} is not a field of a record`);
    }
    if (spans.length > 0 && spans[spans.length - 1] === fieldStart) spans[spans.length - 1] = reader.position;
    else spans.push(fieldStart, reader.position);
  }
  if (headerBytes > limits.headerBytes) {
    throw new InvalidField(
      `${reader.path}.headers`,
      `${headerBytes} bytes of headers, and at most ${limits.headerBytes} are allowed`,
    );
  }
  if (bytes + headerBytes > limits.recordBytes) {
    throw new LimitExceeded(reader.path, "the largest record", limits.recordBytes, bytes + headerBytes, "bytes");
  }
  sizes.total += bytes + headerBytes;
  sizes.largest = Math.max(sizes.largest, bytes + headerBytes);
  return spans;
}

function headerSize(reader: WireReader): number {
  let seen = 0;
  let bytes = 0;
  while (!reader.done) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field !== 1 && field !== 2) throw new InvalidField(reader.path, `field ${field} is not a field of a header`);
    expectType(reader, field, tag & 7, wireType.bytes);
    seen = once(reader, seen, field);
    const length = reader.length();
    if (field === 1) utf8(reader, length, "name");
    reader.position += length;
    bytes += length;
  }
  return bytes;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of the next `length` bytes; leaves the position before them. @throws MalformedMessage for invalid UTF-8 */
export function utf8(reader: WireReader, length: number, field: string): string {
  if (isAscii(reader.buffer, reader.position, reader.position + length)) {
    return reader.buffer.toString("latin1", reader.position, reader.position + length);
  }
  try {
    return strictUtf8.decode(reader.buffer.subarray(reader.position, reader.position + length));
  } catch {
    throw reader.malformed(`${field} is not valid UTF-8`);
  }
}

/** Names are, and a decoder takes longer than all the rest of a small request. */
function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (buffer[at]! >= 0x80) return false;
  return true;
}

/** Refuses a field that comes with another wire type than its own. */
export function expectType(reader: WireReader, field: number, type: number, expected: number): void {
  if (type !== expected) throw reader.malformed(`field ${field} has wire type ${type} instead of ${expected}`);
}

/** Refuses a singular field that comes twice: parsers disagree on which one counts. Gives the new set of fields seen. */
export function once(reader: WireReader, seen: number, field: number): number {
  const bit = 1 << field;
  if ((seen & bit) !== 0) throw reader.malformed(`field ${field} comes twice`);
  return seen | bit;
}

/** Tag and length of a record. */
const prefix = Buffer.alloc(8);

/**
 * CRC-32 of the records as a client wrote them, each with its length: the same for the same records, whatever else is
 * in the requests that bring them, and wherever.
 */
export function checksumOf({ source, bounds, count }: RecordBatch): number {
  prefix[0] = recordTag;
  let checksum = 0;
  let from = 0;
  let to = 0;
  for (let index = 0; index < count; index++) {
    const start = bounds[2 * index]!;
    const end = bounds[2 * index + 1]!;
    const prefixBytes = writeVarint(prefix, 1, end - start);
    // Nearly all records lie in the request as they are summed up, one behind the other: those need one look.
    if (start - prefixBytes === to && prefix.compare(source, to, start, 0, prefixBytes) === 0) {
      to = end;
      continue;
    }
    checksum = crc32(source.subarray(from, to), checksum);
    checksum = crc32(prefix.subarray(0, prefixBytes), checksum);
    from = start;
    to = end;
  }
  return crc32(source.subarray(from, to), checksum);
}

/**
 * Which records of a batch, from `from` on, take at most `mostBytes` as frames when the first of them gets `offset`:
 * those before `to`. At least one if `whole`, however large it is.
 *
 * A frame is field 1 of a ConsumeResponse: tag, length, the client's bytes, then offset and timestamp.
 */
export function framesThatFit(
  { bounds, count }: RecordBatch,
  from: number,
  offset: number,
  timestampMs: number,
  mostBytes = Infinity,
  whole = false,
): { readonly to: number; readonly bytes: number } {
  const offsetSize = varintSize(offset);
  let ownSize = 1 + offsetSize + 1 + varintSize(timestampMs);
  // The first one whose offset takes a byte more.
  let longer = from + 2 ** (7 * offsetSize) - offset;
  let bytes = 0;
  let to = from;
  for (; to < count; to++) {
    if (to >= longer) {
      ownSize++;
      longer += (longer - from + offset) * 0x7f;
    }
    const content = bounds[2 * to + 1]! - bounds[2 * to]! + ownSize;
    const size = 1 + varintSize(content) + content;
    if (bytes + size > mostBytes && !(whole && to === from)) break;
    bytes += size;
  }
  return { to, bytes };
}

/** Writes the frames that framesThatFit measured to `target` at `position`; returns the position behind them. */
export function writeFrames(
  { source, bounds }: RecordBatch,
  from: number,
  to: number,
  offset: number,
  timestampMs: number,
  target: Buffer,
  position: number,
): number {
  const timestampSize = 1 + varintSize(timestampMs);
  let at = position;
  for (let index = from; index < to; index++) {
    const start = bounds[2 * index]!;
    const length = bounds[2 * index + 1]! - start;
    const own = offset + index - from;
    target[at++] = recordTag;
    at = writeVarint(target, at, length + 1 + varintSize(own) + timestampSize);
    // Half of what Buffer.copy takes.
    target.set(new Uint8Array(source.buffer, source.byteOffset + start, length), at);
    at += length;
    target[at++] = offsetTag;
    at = writeVarint(target, at, own);
    target[at++] = timestampTag;
    at = writeVarint(target, at, timestampMs);
  }
  return at;
}

/** The position behind the frame that begins at `position`; undefined if there is no whole frame before `end`. */
export function frameEnd(frames: Buffer, position: number, end: number): number | undefined {
  if (position >= end || frames[position] !== recordTag) return undefined;
  let length = 0;
  let at = position + 1;
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= end) return undefined;
    const byte = frames[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length <= end - at ? at + length : undefined;
  }
  return undefined;
}

/** Bytes that an unsigned integer up to 2^53 takes as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  return 4 + varintSize(Math.floor(value / 0x1000_0000));
}

/** Writes an unsigned integer up to 2^53; returns the position behind it. */
export function writeVarint(target: Buffer, position: number, value: number): number {
  let at = position;
  let rest = value;
  // Bit operations stop at 32 bits, division does not.
  for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}
