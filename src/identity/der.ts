/**
 * A strict reader for DER (X.690), as much of it as a certificate needs. Our own, because two readers that disagree
 * about a name are how one caller becomes another: what is not exactly as expected is refused, never guessed at.
 * Every length is checked against the bytes that are there, and nothing recurses.
 */

/** The bytes are not the DER that was expected. */
export class DerError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = "DerError";
  }
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One tag, one length, and the bytes between here and there; a view, never a copy. */
export interface DerElement {
  /** The whole identifier octet: class, constructed bit and number. */
  readonly tag: number;
  readonly content: Buffer;
}

/** Steps through the elements that stand side by side in `bytes`. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #position: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#position === this.#end;
  }

  /** @throws DerError at the end, or when the element is malformed or longer than what is left */
  next(): DerElement {
    const { tag, start } = this.#pass();
    return { tag, content: this.#bytes.subarray(start, this.#position) };
  }

  /**
   * The content of the next element.
   * @throws DerError as `next`, and when its tag is another
   */
  expect(tag: number, what: string): Buffer {
    const start = this.#passOnly(tag, what);
    return this.#bytes.subarray(start, this.#position);
  }

  /** As `expect`, with tag and length: all the bytes that the element has. */
  whole(tag: number, what: string): Buffer {
    const start = this.#position;
    this.#passOnly(tag, what);
    return this.#bytes.subarray(start, this.#position);
  }

  /** As `expect`, for a constructed element: a reader of what it holds. */
  enter(tag: number, what: string): DerReader {
    const start = this.#passOnly(tag, what);
    return new DerReader(this.#bytes, start, this.#position);
  }

  /** The content of the next element if it has this tag; otherwise undefined, and the reader stays where it is. */
  optional(tag: number): Buffer | undefined {
    return !this.atEnd && this.#bytes[this.#position] === tag ? this.next().content : undefined;
  }

  /** @throws DerError when something is left */
  end(what: string): void {
    if (!this.atEnd) throw new DerError(`something follows ${what}`);
  }

  #passOnly(tag: number, what: string): number {
    const found = this.#pass();
    if (found.tag !== tag) throw new DerError(`tag ${hexByte(found.tag)} in place of ${what}`);
    return found.start;
  }

  /** Goes behind the next element; its content starts at `start`. @throws DerError as `next` */
  #pass(): { readonly tag: number; readonly start: number } {
    const tag = this.#byte();
    // X.509 has no tag number above 30; the long form would only be a second way to write one.
    if ((tag & 0x1f) === 0x1f) throw new DerError("a tag in the long form");
    const length = this.#length();
    const start = this.#position;
    if (length > this.#end - start) throw new DerError("a length beyond the end");
    this.#position = start + length;
    return { tag, start };
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    // Four bytes would already be more than any certificate; none is the indefinite form, which is BER.
    if (count === 0 || count > 4) throw new DerError("a length that is indefinite or absurd");
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError("a length that is not minimal");
    return length;
  }

  #byte(): number {
    if (this.atEnd) throw new DerError("the bytes end too early");
    return this.#bytes[this.#position++]!;
  }
}

/**
 * `2.5.4.10` from the content of an OBJECT IDENTIFIER.
 * @throws DerError when it is empty, cut short, padded or absurdly long
 */
export function decodeOid(content: Buffer): string {
  // Arcs have no limit of their own, and a long one costs the square of its length.
  if (content.length === 0 || content.length > 64) throw new DerError("an object identifier that is empty or absurd");
  const arcs: bigint[] = [];
  let arc = 0n;
  let started = false;
  for (const byte of content) {
    if (!started && byte === 0x80) throw new DerError("an object identifier that is padded");
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    started = (byte & 0x80) !== 0;
    if (started) continue;
    arcs.push(arc);
    arc = 0n;
  }
  if (started) throw new DerError("an object identifier that is cut short");
  const [head = 0n, ...rest] = arcs;
  // The first two arcs share a number (X.690, 8.19.4).
  const first = head < 80n ? head / 40n : 2n;
  return [first, head - first * 40n, ...rest].join(".");
}

/** @throws DerError unless it is one byte, 00 or FF */
export function decodeBoolean(content: Buffer): boolean {
  if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) throw new DerError("a malformed boolean");
  return content[0] === 0xff;
}

/**
 * Upper-case hexadecimal of an INTEGER as OpenSSL writes serial numbers: `0`, `1F`, `-01`.
 * @throws DerError when it is empty, padded or absurdly long
 */
export function decodeInteger(content: Buffer): string {
  // RFC 5280, 4.1.2.2, wants readers to bear with 20 bytes.
  if (content.length === 0 || content.length > 64) throw new DerError("a number that is empty or absurd");
  const [first = 0, second = 0] = content;
  const isPadded = (first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80);
  if (content.length > 1 && isPadded) throw new DerError("a number that is padded");
  if (content.length === 1 && first === 0x00) return "0";
  // A revocation list has hundreds of thousands of them.
  if (first < 0x80) return content.toString("hex", first === 0x00 ? 1 : 0).toUpperCase();
  const digits = (-BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString("hex")}`)))
    .toString(16)
    .toUpperCase();
  return `-${digits.length % 2 === 0 ? "" : "0"}${digits}`;
}

/**
 * A small count, such as a path length.
 * @throws DerError unless it is from 0 to 32767
 */
export function decodeCount(content: Buffer): number {
  if (content.length > 2) throw new DerError("a number that is too large");
  const number = Number.parseInt(decodeInteger(content), 16);
  if (number < 0) throw new DerError("a number below zero");
  return number;
}

/**
 * The bits of a BIT STRING whose bits have names: which are set, counted from 0.
 * @throws DerError when it is empty, says something impossible of its unused bits, or is absurdly long
 */
export function decodeNamedBits(content: Buffer): number[] {
  const [unused, ...bytes] = content.subarray(0, 9);
  const last = bytes.at(-1) ?? 0;
  if (unused === undefined || unused > 7 || content.length > 8 || (bytes.length === 0 && unused > 0)) {
    throw new DerError("a malformed bit string");
  }
  if ((last & ((1 << unused) - 1)) !== 0) throw new DerError("a bit string whose unused bits are set");
  return bytes.flatMap((byte, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => (byte & (0x80 >> bit) ? [8 * at + bit] : [])),
  );
}

const yearDigits: Readonly<Record<number, number>> = { [tags.utcTime]: 2, [tags.generalizedTime]: 4 };

/**
 * A time as certificates write it (RFC 5280, 4.1.2.5: seconds and `Z`, no fractions), in milliseconds since 1970.
 * @throws DerError
 */
export function decodeTime({ tag, content }: DerElement): number {
  const digits = yearDigits[tag] ?? 0;
  if (digits === 0 || content.length !== digits + 11 || content[content.length - 1] !== 0x5a)
    throw new DerError("a malformed time");
  const written = decimal(content, 0, digits);
  const year = digits === 4 ? written : written < 50 ? 2000 + written : 1900 + written;
  const month = decimal(content, digits, 2);
  const day = decimal(content, digits + 2, 2);
  const hour = decimal(content, digits + 4, 2);
  const minute = decimal(content, digits + 6, 2);
  const second = decimal(content, digits + 8, 2);
  const isTime = year >= 0 && day >= 1 && day <= daysIn(year, month) && hour <= 23 && minute <= 59 && second <= 59;
  if (!isTime) throw new DerError("a malformed time");
  // By itself Date.UTC takes the year 50 for 1950. Every 400 years the calendar begins anew.
  return Date.UTC(year + 400, month - 1, day, hour, minute, second) - msIn400Years;
}

const msIn400Years = 146_097 * 24 * 3_600_000;
const daysInMonths: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** None in a month that there is not. */
function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return isLeap && month === 2 ? 29 : (daysInMonths[month - 1] ?? 0);
}

/** NaN where there is something other than digits. */
function decimal(content: Buffer, start: number, length: number): number {
  let value = 0;
  for (let at = start; at < start + length; at++) {
    const digit = content[at]! - 0x30;
    value = digit >= 0 && digit <= 9 ? 10 * value + digit : NaN;
  }
  return value;
}

/** `0x1e` */
export function hexByte(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
