import { tags } from "./der.js";

/** In quotes, on one line, in ASCII, and cut behind so many characters. */
export function shown(bytes: Buffer, maxCharacters = 64, tag: number = tags.utf8String): string {
  const text = tag === tags.utf8String ? decodeUtf8(bytes) : undefined;
  const escaped =
    text === undefined
      ? Array.from(bytes.subarray(0, maxCharacters), (byte) => escape(byte, "\\x", 2))
      : Array.from(text.slice(0, maxCharacters).split(""), (unit) => escape(unit.charCodeAt(0), "\\u", 4));
  const cut = (text ?? bytes).length > maxCharacters ? "..." : "";
  return `"${escaped.join("")}"${cut}`;
}

function escape(code: number, prefix: string, digits: number): string {
  const isPlain = code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
  return isPlain ? String.fromCharCode(code) : prefix + code.toString(16).padStart(digits, "0");
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined when it is not UTF-8. A byte order mark is a character like any other. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** `no URI`, `two URIs`, `3 URIs` */
export function counted(number: number, one: string, many = `${one}s`): string {
  if (number === 0) return `no ${one}`;
  return number === 2 ? `two ${many}` : `${number} ${number === 1 ? one : many}`;
}
