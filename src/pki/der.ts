/** Writes DER (X.690), and takes apart what was written by others without changing a byte of it. */
import forge from "node-forge";

/** The bytes are not the DER that was expected. */
export class MalformedDer extends Error {}

/** One element of DER. */
export interface Element {
  /** The whole identifier octet: class, constructed bit and number. */
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content, as they were read. */
  readonly whole: Buffer;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag, length, content. */
export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...sizeOf(content.length)]), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return der(tags.sequence, ...parts);
}

/** Of a number that is not negative, however long: whole bytes, the first one first. */
export function integer(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const digits = bytes.subarray(at);
  // A top bit that is set would make it negative.
  return der(tags.integer, ...((digits[0] ?? 0) >= 0x80 ? [Buffer.from([0])] : []), digits);
}

/** @param text such as `2.5.4.10` */
export function oidOf(text: string): Buffer {
  return der(tags.oid, Buffer.from(forge.asn1.oidToDer(text).getBytes(), "latin1"));
}

/** UTCTime, which ends with the year 2049 (RFC 5280, 4.1.2.5). To the second. */
export function timeOf(date: Date): Buffer {
  const digits = date.toISOString().replace(/\D/g, "").slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? der(tags.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : der(tags.generalizedTime, Buffer.from(`${digits}Z`));
}

/**
 * The elements that stand side by side in `bytes`.
 * @throws MalformedDer unless they fill it
 */
export function elementsIn(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; at += elements.at(-1)!.whole.length) elements.push(elementAt(bytes, at));
  return elements;
}

/**
 * What the one element that `bytes` are holds.
 * @throws MalformedDer when it is something else, or something follows
 */
export function childrenOf(bytes: Buffer, tag: number = tags.sequence): Element[] {
  const [element, ...others] = elementsIn(bytes);
  if (element?.tag !== tag || others.length > 0) throw new MalformedDer("another element was expected");
  return elementsIn(element.content);
}

/** `2.5.4.10`, from the content of an object identifier. */
export function readOid(content: Buffer): string {
  return forge.asn1.derToOid(content.toString("latin1"));
}

function sizeOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  return [0x80 | bytes.length, ...bytes];
}

function elementAt(bytes: Buffer, start: number): Element {
  const [tag, first] = [bytes[start], bytes[start + 1]];
  if (tag === undefined || first === undefined) throw new MalformedDer("the bytes end too early");
  const digits = first < 0x80 ? 0 : first & 0x7f;
  const from = start + 2 + digits;
  // No digit is BER's indefinite length, and four are more than there ever is.
  if (first === 0x80 || digits > 4 || from > bytes.length) throw new MalformedDer("a length that cannot be");
  const length = digits === 0 ? first : bytes.readUIntBE(start + 2, digits);
  if (length > bytes.length - from) throw new MalformedDer("a length beyond the end");
  return { tag, content: bytes.subarray(from, from + length), whole: bytes.subarray(start, from + length) };
}
