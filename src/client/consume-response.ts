/**
 * Decodes what a read is answered with. By hand: a general decoder takes five times as long, and a reader of small records
 * spends most of its time there. The records are plain objects: getters that decode what is asked for are no faster for
 * who looks at value and offset, and would be in the way of who spreads or prints a record.
 */
import type { ConsumedRecord } from "./records.js";

export interface ConsumeResult {
  /** In offset order; may be empty. */
  readonly records: readonly ConsumedRecord[];
  /** The first offset that cannot be read yet. */
  readonly highWaterMark: bigint;
  /** The id of the topic that was read, 16 bytes. */
  readonly topicId: Buffer;
}

/**
 * The records share the message's memory; the topic id, which many keep, does not.
 * @throws MalformedResponse for what is no ConsumeResponse
 */
export function readConsumeResponse(message: Buffer): ConsumeResult {
  return new ResponseReader(message).response();
}

/** Bytes from a server that are not what the contract says. */
export class MalformedResponse extends Error {
  constructor(problem: string, position: number) {
    super(`${problem} at byte ${position}`);
    this.name = "MalformedResponse";
  }
}

const empty: Buffer = Buffer.alloc(0);

/** What `subarray` itself makes its result with. Without the detour it takes half the time, for every value that there is. */
const { [Symbol.species]: Part } = Buffer as unknown as {
  readonly [Symbol.species]: new (memory: ArrayBufferLike, position: number, length: number) => Buffer;
};

/** Tags: field number and wire type. A field that comes with another wire type than its own is an unknown field. */
const response = { records: 0x0a, topicId: 0x12, highWaterMark: 0x18 } as const;
const record = { value: 0x0a, offset: 0x10, key: 0x2a, headers: 0x32, timestampMs: 0x38 } as const;
const header = { name: 0x0a, value: 0x12 } as const;

/** A varint's first seven bytes hold 49 bits, which a number holds exactly. */
const lowBytes = 7;
const lowBits = 49n;
const mostBytes = 10;

class ResponseReader {
  readonly #bytes: Buffer;
  readonly #memory: ArrayBufferLike;
  /** Where the bytes begin in it. */
  readonly #base: number;
  #at = 0;
  /** What the last varint had beyond its low 49 bits. */
  #high = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#memory = bytes.buffer;
    this.#base = bytes.byteOffset;
  }

  response(): ConsumeResult {
    const end = this.#bytes.length;
    const records: ConsumedRecord[] = [];
    let highWaterMark = 0n;
    let topicId = empty;
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag === response.records) records.push(this.#record(this.#contentEnd(end)));
      else if (tag === response.highWaterMark) highWaterMark = this.#uint64(end);
      else if (tag === response.topicId) topicId = Buffer.from(this.#content(end));
      else this.#skip(tag, end);
    }
    return { records, highWaterMark, topicId };
  }

  #record(end: number): ConsumedRecord {
    let offset = 0n;
    let timestampMs = 0;
    let value = empty;
    let key = empty;
    const headers: { name: string; value: Buffer }[] = [];
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag === record.value) value = this.#content(end);
      else if (tag === record.offset) offset = this.#uint64(end);
      else if (tag === record.timestampMs) timestampMs = this.#int64(end);
      else if (tag === record.key) key = this.#content(end);
      else if (tag === record.headers) headers.push(this.#header(this.#contentEnd(end)));
      else this.#skip(tag, end);
    }
    return { offset, timestampMs, value, key, headers };
  }

  #header(end: number): { name: string; value: Buffer } {
    let name = "";
    let value = empty;
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag === header.name) name = this.#content(end).toString("utf8");
      else if (tag === header.value) value = this.#content(end);
      else this.#skip(tag, end);
    }
    return { name, value };
  }

  #content(end: number): Buffer {
    const to = this.#contentEnd(end);
    const content = new Part(this.#memory, this.#base + this.#at, to - this.#at);
    this.#at = to;
    return content;
  }

  /** Where the content ends whose length comes next. Nothing reaches beyond what it is a part of. */
  #contentEnd(end: number): number {
    const length = this.#varint(end);
    if (this.#high !== 0 || length > end - this.#at) throw this.#malformed("a field is cut short");
    return this.#at + length;
  }

  #uint64(end: number): bigint {
    const low = this.#varint(end);
    return this.#high === 0 ? BigInt(low) : BigInt.asUintN(64, this.#whole(low));
  }

  #int64(end: number): number {
    const low = this.#varint(end);
    return this.#high === 0 ? low : Number(BigInt.asIntN(64, this.#whole(low)));
  }

  #whole(low: number): bigint {
    return (BigInt(this.#high) << lowBits) | BigInt(low);
  }

  /** The low 49 bits of a varint. The others are in `#high`. */
  #varint(end: number): number {
    this.#high = 0;
    const first = this.#byte(end);
    return first < 0x80 ? first : this.#longVarint(first & 0x7f, end);
  }

  #longVarint(first: number, end: number): number {
    let low = first;
    let scale = 0x80;
    for (let index = 1; index < lowBytes; index++) {
      const byte = this.#byte(end);
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return low;
      scale *= 0x80;
    }
    scale = 1;
    for (let index = lowBytes; index < mostBytes; index++) {
      const byte = this.#byte(end);
      this.#high += (byte & 0x7f) * scale;
      if (byte < 0x80) return low;
      scale *= 0x80;
    }
    throw this.#malformed("a varint is longer than 64 bits");
  }

  #byte(end: number): number {
    if (this.#at >= end) throw this.#malformed("a field is cut short");
    return this.#bytes[this.#at++]!;
  }

  /** Whatever a later version of the contract may bring. */
  #skip(tag: number, end: number): void {
    if (tag < 8 || tag > 0xffff_ffff || this.#high !== 0) throw this.#malformed("there is no such field number");
    switch (tag & 7) {
      case 0:
        this.#varint(end);
        return;
      case 1:
        this.#advance(8, end);
        return;
      case 2:
        this.#at = this.#contentEnd(end);
        return;
      case 5:
        this.#advance(4, end);
        return;
      default:
        throw this.#malformed("there is no such wire type");
    }
  }

  #advance(bytes: number, end: number): void {
    if (bytes > end - this.#at) throw this.#malformed("a field is cut short");
    this.#at += bytes;
  }

  #malformed(problem: string): MalformedResponse {
    return new MalformedResponse(problem, this.#at);
  }
}
