/**
 * Produce requests as bytes, written once into one buffer. The general codec wants an object for each record first, and
 * takes three times as long for a batch of small ones.
 */
import { limits, varintSize, writeVarint } from "../wire/records.js";
import { expected, isContent, requireContent } from "./misuse.js";
import type { HeaderInput, RecordInput } from "./records.js";
import type { Numbering } from "./producer-ids.js";
import { named, uint64, type TopicOptions } from "./requests.js";

/** Records as the first fields of a request. */
export interface EncodedRecords {
  readonly bytes: Buffer;
  readonly count: number;
  /** One of them is beyond what any server takes, by its size or by its headers: it would be refused, and what it came with. */
  readonly isBeyondLimits: boolean;
}

/** Field numbers and wire types of ProduceRequest, Producer, Record and Header, as the first byte of each field has them. */
const tag = {
  records: 0x0a,
  topic: 0x12,
  tenant: 0x1a,
  expectedOffset: 0x20,
  producer: 0x2a,
  requestId: 0x30,
  topicId: 0x3a,
};
const producerTag = { id: 0x0a, epoch: 0x10, sequence: 0x18 };
const recordTag = { value: 0x0a, key: 0x2a, header: 0x32 };
const headerTag = { name: 0x0a, value: 0x12 };

type Content = string | Uint8Array;

/** A larger request would be refused before anybody looks at it. The names and numbers of one take less than the rest. */
const maxRecordsBytes = limits.messageBytes - 512;

const none: readonly Uint8Array[] = [];

/** What of a record is written. Read from the caller's object once: its getters may give something else the next time. */
interface Prepared {
  readonly value: Content;
  readonly valueSize: number;
  readonly key: Content;
  readonly keySize: number;
  readonly headers: readonly PreparedHeader[];
}

interface PreparedHeader {
  readonly name: string;
  readonly nameSize: number;
  readonly value: Content;
  readonly valueSize: number;
}

/**
 * @param tail fields to write behind the records
 * @throws TypeError for what is no record, or none at all; RangeError for more than fits one request
 */
export function encodeRecords(
  records: RecordInput | readonly RecordInput[],
  tail: readonly Uint8Array[] = none,
): EncodedRecords {
  if (isContent(records)) return encodeOne(records, tail);
  if (!isList(records)) return encodeEach([records], () => "records", tail);
  if (records.length === 0) throw new TypeError("records: expected at least one record, got an empty array");
  return encodeEach(records, (at) => `records[${at}]`, tail);
}

/** The fields that say which topic is meant. @throws TypeError for names or an id that are none */
export function encodeTarget(options: TopicOptions): Buffer {
  const { topic, tenant, topicId } = named(options);
  return Buffer.concat([
    bytesField(tag.topic, Buffer.from(topic)),
    bytesField(tag.tenant, Buffer.from(tenant)),
    bytesField(tag.topicId, topicId ?? Buffer.alloc(0)),
  ]);
}

/** @throws TypeError for what is no bigint; RangeError for what is no uint64 */
export function encodeExpectedOffset(offset: bigint): Buffer {
  return Buffer.from([tag.expectedOffset, ...varint(uint64("expectedOffset", offset))]);
}

/**
 * Which of its producer's batches this is.
 * @param sequence of its first record, a safe integer
 * @param requestId a safe integer; undefined for a request without one
 */
export function encodeProducer({ id, epoch }: Numbering, sequence: number, requestId?: number): Buffer {
  const body = 1 + varintSize(id.length) + id.length + 1 + varintSize(epoch) + 1 + varintSize(sequence);
  const end = 1 + varintSize(body) + body;
  const fields = Buffer.allocUnsafe(end + (requestId === undefined ? 0 : 1 + varintSize(requestId)));
  fields[0] = tag.producer;
  let at = writeVarint(fields, 1, body);
  fields[at] = producerTag.id;
  at = writeVarint(fields, at + 1, id.length);
  fields.set(id, at);
  at += id.length;
  fields[at] = producerTag.epoch;
  at = writeVarint(fields, at + 1, epoch);
  fields[at] = producerTag.sequence;
  writeVarint(fields, at + 1, sequence);
  if (requestId === undefined) return fields;
  fields[end] = tag.requestId;
  writeVarint(fields, end + 1, requestId);
  return fields;
}

/** What the codec of a message is where it has been serialised here. */
export function alreadyEncoded(message: Buffer): Buffer {
  return message;
}

/** A single record of a value alone, which is what most calls have, without what a list of others needs. */
function encodeOne(value: Content, tail: readonly Uint8Array[]): EncodedRecords {
  const size = sizeOf(value);
  const body = fieldSize(size);
  const total = 1 + varintSize(body) + body;
  requireRoom(total);
  const bytes = Buffer.allocUnsafe(total + totalOf(tail));
  bytes[0] = tag.records;
  const end = writeField(bytes, writeVarint(bytes, 1, body), recordTag.value, value, size);
  writeTail(bytes, end, tail);
  return { bytes, count: 1, isBeyondLimits: size > limits.recordBytes };
}

function encodeEach(
  records: readonly RecordInput[],
  nameOf: (at: number) => string,
  tail: readonly Uint8Array[],
): EncodedRecords {
  const count = records.length;
  const contents = new Array<Content | Prepared>(count);
  /** Of bytes and texts what they take themselves, of other records all that is in them. */
  const sizes = new Array<number>(count);
  let isBeyondLimits = false;
  let total = 0;
  for (let at = 0; at < count; at++) {
    const record = records[at]!;
    let body: number;
    if (isContent(record)) {
      contents[at] = record;
      const size = (sizes[at] = sizeOf(record));
      body = fieldSize(size);
      isBeyondLimits ||= size > limits.recordBytes;
    } else {
      const prepared = prepare(record, nameOf(at));
      contents[at] = prepared;
      body = sizes[at] = bodySize(prepared);
      isBeyondLimits ||= isTooLarge(prepared);
    }
    total += 1 + varintSize(body) + body;
  }
  requireRoom(total);
  const bytes = Buffer.allocUnsafe(total + totalOf(tail));
  let position = 0;
  for (let at = 0; at < count; at++) {
    const content = contents[at]!;
    const size = sizes[at]!;
    bytes[position++] = tag.records;
    if (isContent(content)) {
      position = writeVarint(bytes, position, fieldSize(size));
      position = writeField(bytes, position, recordTag.value, content, size);
    } else {
      position = writeVarint(bytes, position, size);
      position = writeBody(bytes, position, content);
    }
  }
  writeTail(bytes, position, tail);
  return { bytes, count, isBeyondLimits };
}

function requireRoom(bytes: number): void {
  if (bytes > maxRecordsBytes) {
    throw new RangeError(
      `records: ${bytes} bytes, of which a request holds ${maxRecordsBytes}: send them as several batches`,
    );
  }
}

function totalOf(parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const { length } of parts) total += length;
  return total;
}

function writeTail(target: Buffer, position: number, tail: readonly Uint8Array[]): void {
  let at = position;
  for (const part of tail) {
    target.set(part, at);
    at += part.length;
  }
}

/** @throws TypeError for what is no record; an object with none of a record's fields would be stored as an empty one */
function prepare(record: unknown, name: string): Prepared {
  if (!looksLikeRecord(record)) throw expected(name, "text, bytes or { value, key, headers }", record);
  const { value = "", key = "", headers = [] } = record as Exclude<RecordInput, Content>;
  requireContent(`${name}.value`, value);
  requireContent(`${name}.key`, key);
  if (!Array.isArray(headers)) throw expected(`${name}.headers`, "an array of { name, value }", headers);
  return {
    value,
    valueSize: sizeOf(value),
    key,
    keySize: sizeOf(key),
    headers: headers.map((header: unknown, at) => prepareHeader(header, `${name}.headers[${at}]`)),
  };
}

function prepareHeader(header: unknown, place: string): PreparedHeader {
  const { name, value } = (typeof header === "object" && header !== null ? header : {}) as Partial<HeaderInput>;
  if (typeof name !== "string") throw expected(`${place}.name`, "text", name);
  if (!isContent(value)) throw expected(`${place}.value`, "text or bytes", value);
  return { name, nameSize: sizeOf(name), value, valueSize: sizeOf(value) };
}

/** `{}` is a record without anything; a Date or an ArrayBuffer, which has no fields of its own either, is not. */
function looksLikeRecord(record: unknown): record is object {
  if (typeof record !== "object" || record === null) return false;
  if (["value", "key", "headers"].some((field) => field in record)) return true;
  return Object.getPrototypeOf(record) === Object.prototype && Object.keys(record).length === 0;
}

function isTooLarge({ valueSize, keySize, headers }: Prepared): boolean {
  let headerBytes = 0;
  for (const header of headers) headerBytes += header.nameSize + header.valueSize;
  return (
    headers.length > limits.headers ||
    headerBytes > limits.headerBytes ||
    valueSize + keySize + headerBytes > limits.recordBytes
  );
}

function bodySize({ valueSize, keySize, headers }: Prepared): number {
  let size = fieldSize(valueSize) + fieldSize(keySize);
  for (const header of headers) {
    const inner = headerSize(header);
    size += 1 + varintSize(inner) + inner;
  }
  return size;
}

function headerSize({ nameSize, valueSize }: PreparedHeader): number {
  return fieldSize(nameSize) + fieldSize(valueSize);
}

function writeBody(target: Buffer, position: number, { value, valueSize, key, keySize, headers }: Prepared): number {
  let at = writeField(target, position, recordTag.value, value, valueSize);
  at = writeField(target, at, recordTag.key, key, keySize);
  for (const header of headers) {
    target[at++] = recordTag.header;
    at = writeVarint(target, at, headerSize(header));
    at = writeField(target, at, headerTag.name, header.name, header.nameSize);
    at = writeField(target, at, headerTag.value, header.value, header.valueSize);
  }
  return at;
}

/** What a field takes; empty ones are left out. */
function fieldSize(contentSize: number): number {
  return contentSize === 0 ? 0 : 1 + varintSize(contentSize) + contentSize;
}

function writeField(target: Buffer, position: number, fieldTag: number, content: Content, size: number): number {
  if (size === 0) return position;
  target[position] = fieldTag;
  const at = writeVarint(target, position + 1, size);
  if (typeof content === "string") target.write(content, at, size, "utf8");
  else target.set(content, at);
  return at + size;
}

function sizeOf(content: Content): number {
  return typeof content === "string" ? Buffer.byteLength(content, "utf8") : content.length;
}

function bytesField(fieldTag: number, content: Buffer): Buffer {
  const field = Buffer.allocUnsafe(fieldSize(content.length));
  writeField(field, 0, fieldTag, content, content.length);
  return field;
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

// Array.isArray does not narrow a readonly array away.
function isList(records: RecordInput | readonly RecordInput[]): records is readonly RecordInput[] {
  return Array.isArray(records);
}
