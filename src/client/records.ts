/** Records as callers write and read them, and as the wire has them. */
import { expected, isContent, requireContent } from "./misuse.js";
import type { Record as WireRecord } from "../wire/generated/log/v1/Record.js";

/** A name and a value beside a record's own. Text is sent as UTF-8. */
export interface HeaderInput {
  readonly name: string;
  readonly value: Uint8Array | string;
}

/** What to store: a value alone, or with a key and headers. Text is sent as UTF-8. */
export type RecordInput =
  | Uint8Array
  | string
  | {
      readonly value?: Uint8Array | string | undefined;
      readonly key?: Uint8Array | string | undefined;
      readonly headers?: readonly HeaderInput[] | undefined;
    };

/** A stored record. Its buffers share memory with the message that brought it: copy what is kept for long. */
export interface ConsumedRecord {
  readonly offset: bigint;
  /** When the server committed it, in milliseconds since 1970. */
  readonly timestampMs: number;
  readonly value: Buffer;
  /** Empty if it has none. */
  readonly key: Buffer;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}

/**
 * @param name what the record is called when it is none, such as `records[3]`
 * @throws TypeError for what is no record; an object with none of a record's fields would be stored as an empty one
 */
export function toWire(record: RecordInput, name: string): WireRecord {
  if (isContent(record)) return { value: bytes(record) };
  if (!looksLikeRecord(record)) throw expected(name, "text, bytes or { value, key, headers }", record);
  const { value = "", key = "", headers = [] } = record;
  requireContent(`${name}.value`, value);
  requireContent(`${name}.key`, key);
  if (!Array.isArray(headers)) throw expected(`${name}.headers`, "an array of { name, value }", headers);
  return {
    value: bytes(value),
    key: bytes(key),
    headers: headers.map((header: unknown, at) => toHeader(header, `${name}.headers[${at}]`)),
  };
}

function toHeader(header: unknown, place: string): { name: string; value: Uint8Array } {
  const { name, value } = (typeof header === "object" && header !== null ? header : {}) as Partial<HeaderInput>;
  if (typeof name !== "string") throw expected(`${place}.name`, "text", name);
  if (!isContent(value)) throw expected(`${place}.value`, "text or bytes", value);
  return { name, value: bytes(value) };
}

/** `{}` is a record without anything; a Date or an ArrayBuffer, which has no fields of its own either, is not. */
function looksLikeRecord(record: unknown): record is object {
  if (typeof record !== "object" || record === null) return false;
  if (["value", "key", "headers"].some((field) => field in record)) return true;
  return Object.getPrototypeOf(record) === Object.prototype && Object.keys(record).length === 0;
}

// A string must not reach the codec: it would be taken for base64.
function bytes(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? Buffer.from(content, "utf8") : content;
}
