import { crc32 } from "node:zlib";

/**
 * JSON for a file: its last field is a checksum of every byte before it. Without one, a bit that flips on the disk is mostly
 * nonsense, but in a number it is another number.
 *
 * @param value an object with at least one field, and none called `checksum`
 */
export function writeCheckedJson(value: object): string {
  const asText = (_key: string, field: unknown): unknown => (typeof field === "bigint" ? `${field}` : field);
  const fields = JSON.stringify(value, asText, 2).slice(0, -"\n}".length);
  const summed = `${fields},\n  "checksum": "`;
  return `${summed}${checksumOf(summed)}${ending}`;
}

/**
 * What `writeCheckedJson` was given, with text in the place of large numbers. A file from before there were checksums is
 * taken as it is.
 *
 * @throws Error when it is no JSON or the checksum is wrong
 */
export function readCheckedJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("checksum" in value)) return value;
  const { checksum, ...fields } = value;
  if (!isChecked(text)) throw new Error(`checksum ${String(checksum)} is wrong`);
  return fields;
}

/** True if the text ends with the checksum of what is before it. */
export function isChecked(text: string): boolean {
  const summed = text.slice(0, -(checksumLength + ending.length));
  return text === `${summed}${checksumOf(summed)}${ending}`;
}

const ending = '"\n}\n';
const checksumLength = 8;

/** CRC-32, as in zlib, in hexadecimal. */
function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(checksumLength, "0");
}
