/** A record as one line of JSON: what `consume --json` prints and `import --format json` reads. */
import { isUtf8 } from "node:buffer";
import type { ConsumedRecord, RecordInput } from "../client/index.js";
import { didYouMean } from "../suggest.js";

/** Bytes are text if all of the record's are UTF-8, else all of them are base64 and `encoding` says so. */
export function recordToJson({ offset, timestampMs, key, value, headers }: ConsumedRecord): string {
  const isText = [key, value, ...headers.map((header) => header.value)].every((bytes) => isUtf8(bytes));
  const encoding = isText ? "utf8" : "base64";
  return JSON.stringify({
    offset: `${offset}`,
    timestamp: new Date(timestampMs).toISOString(),
    key: key.toString(encoding),
    value: value.toString(encoding),
    headers: headers.map((header) => ({ name: header.name, value: header.value.toString(encoding) })),
    ...(isText ? {} : { encoding }),
  });
}

/** A line is no record; the message says why. */
export class NotARecord extends Error {}

/**
 * The record of a line of JSON. `offset` and `timestamp` are for the server to give and are not looked at; `key` and
 * `headers` may be missing.
 * @throws NotARecord
 */
export function recordFromJson(line: Buffer): RecordInput {
  if (!isUtf8(line)) throw new NotARecord("it is not UTF-8");
  const { key = "", value, headers = [], encoding } = fieldsOf(parse(line), known, "a record");
  if (encoding !== undefined && encoding !== "base64") throw new NotARecord('encoding: only "base64" can stand there');
  const bytes = encoding === "base64" ? fromBase64 : fromText;
  if (!Array.isArray(headers)) throw new NotARecord('headers: expected an array of {"name", "value"}');
  return {
    key: bytes("key", key),
    value: bytes("value", value),
    headers: headers.map((header: unknown, at) => {
      const place = `headers[${at}]`;
      const fields = fieldsOf(header, headerFields, place);
      return { name: text(`${place}.name`, fields["name"]), value: bytes(`${place}.value`, fields["value"]) };
    }),
  };
}

const known = ["offset", "timestamp", "key", "value", "headers", "encoding"] as const;
const headerFields = ["name", "value"] as const;

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch {
    // Its message quotes the line, which may be long and anything.
    throw new NotARecord("it is not JSON");
  }
}

/** A field that nobody knows would be lost without a word. */
function fieldsOf<Field extends string>(
  json: unknown,
  fields: readonly Field[],
  place: string,
): Partial<Record<Field, unknown>> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new NotARecord(`${place} is an object with ${fields.map((field) => `"${field}"`).join(", ")}`);
  }
  for (const name of Object.keys(json)) {
    if (!fields.some((field) => field === name)) {
      throw new NotARecord(`unknown field ${JSON.stringify(name.slice(0, 40))}${didYouMean(name, fields)}`);
    }
  }
  return json;
}

function text(place: string, value: unknown): string {
  if (typeof value !== "string") throw new NotARecord(`${place}: expected text`);
  // Half a surrogate pair has no UTF-8: it would be stored as another character.
  if (/\p{Cs}/u.test(value)) throw new NotARecord(`${place}: half a surrogate pair is no text`);
  return value;
}

function fromText(place: string, value: unknown): Buffer {
  return Buffer.from(text(place, value), "utf8");
}

function fromBase64(place: string, value: unknown): Buffer {
  const decoded = Buffer.from(text(place, value), "base64");
  // Node skips what is no base64.
  if (decoded.toString("base64") !== value) throw new NotARecord(`${place}: it is not base64`);
  return decoded;
}
