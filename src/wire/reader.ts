import { MalformedMessage } from "../errors.js";

/** Protobuf wire types that a request may hold; groups (3, 4) are refused. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Reads one stretch of protobuf bytes, strictly: nothing truncated, no varint longer than it needs to be, no groups.
 * Lenient parsers disagree with each other about such bytes, and what is checked must be what is stored.
 *
 * Every method throws MalformedMessage naming `path`, the field that is being read.
 */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  readonly end: number;
  readonly path: string;

  constructor(buffer: Buffer, start: number, end: number, path: string) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
    this.path = path;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  /** The next field's number and wire type, as protobuf packs them: `number << 3 | type`. */
  tag(): number {
    const first = this.buffer[this.position]!;
    if (this.position < this.end && first < 0x80) {
      this.position++;
      return this.#checkedTag(first);
    }
    return this.#checkedTag(this.#uint32("a field number"));
  }

  /** Moves behind the tag if it comes next and is a single byte. */
  takes(tag: number): boolean {
    if (this.position >= this.end || this.buffer[this.position] !== tag) return false;
    this.position++;
    return true;
  }

  /** The length of a length-delimited field's content, all of which is there. Leaves the position before the content. */
  length(): number {
    const length = this.#uint32("a length");
    if (length > this.end - this.position) throw this.malformed("is truncated");
    return length;
  }

  /** @throws MalformedMessage also when the value needs more than 64 bits */
  uint64(): bigint {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#byte("a varint");
      const bits = byte & 0x7f;
      // Four 7-bit groups fill the low 28 bits; the rest goes to `high`, which stays within 36 bits: exact in a double.
      if (index < 4) low |= bits << (7 * index);
      else high += bits * 2 ** (7 * (index - 4));
      if (byte < 0x80) {
        if (index > 0 && bits === 0) throw this.malformed("has an overlong varint");
        if (high >= 2 ** 36) throw this.malformed("has a varint of more than 64 bits");
        return BigInt(high) * 0x1000_0000n + BigInt(low);
      }
    }
    throw this.malformed("has a varint of more than 64 bits");
  }

  /** Moves past a field whose content does not matter here. */
  skip(type: number): void {
    switch (type) {
      case wireType.varint:
        this.uint64();
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.bytes:
        this.#advance(this.length());
        return;
      case wireType.fixed32:
        this.#advance(4);
        return;
      default:
        throw this.malformed("has a group or an unknown wire type");
    }
  }

  malformed(problem: string): MalformedMessage {
    return new MalformedMessage(this.path, problem);
  }

  #checkedTag(tag: number): number {
    if (tag < 8) throw this.malformed("has field number 0");
    return tag;
  }

  #uint32(what: string): number {
    let value = 0;
    for (let index = 0, scale = 1; index < 5; index++, scale *= 0x80) {
      const byte = this.#byte(what);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (index > 0 && byte === 0) throw this.malformed(`has ${what} in an overlong encoding`);
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw this.malformed(`has ${what} of more than 32 bits`);
  }

  #byte(what: string): number {
    if (this.position >= this.end) throw this.malformed(`ends within ${what}`);
    return this.buffer[this.position++]!;
  }

  #advance(bytes: number): void {
    if (bytes > this.end - this.position) throw this.malformed("is truncated");
    this.position += bytes;
  }
}
