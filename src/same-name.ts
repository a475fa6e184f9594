/**
 * When two distinguished names are the same (RFC 5280, 7.1), as OpenSSL decides it: whatever kind of string a value is written
 * as, small and capital letters of ASCII are the same, blanks at the ends do not count, and several within are one. This
 * is for finding an issuer by its name. Whose name a caller has is decided by the exact bytes, elsewhere.
 */

/** One attribute of a name: its type, and the value as it is written, with the tag that says how. */
export interface NameAttribute {
  readonly oid: string;
  readonly tag: number;
  readonly bytes: Buffer;
}

/** @param name relative distinguished names in order. @returns the same text for the same names, and for no others */
export function comparableName(name: readonly (readonly NameAttribute[])[]): string {
  return name.map((rdn) => rdn.map(comparableAttribute).sort().join("")).join("/");
}

/** The length keeps what somebody has put into a value from looking like the next one. */
function comparableAttribute({ oid, tag, bytes }: NameAttribute): string {
  const text = textOf(tag, bytes);
  const [kind, value] = text === undefined ? [`#${tag}`, bytes.toString("latin1")] : ["", folded(text)];
  return `${oid}${kind}:${value.length}:${value}`;
}

/** Beyond ASCII, letters are folded by nobody. */
function folded(text: string): string {
  return lowerCase(text.replace(/[\t-\r ]+/g, " ").replace(/^ | $/g, ""));
}

/** Of ASCII alone. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase());
}

const [utf8, printable, teletex, ia5, visible, universal, bmp] = [0x0c, 0x13, 0x14, 0x16, 0x1a, 0x1c, 0x1e];

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A value as text. Undefined for what is none, and for bytes that are none of their kind: those are compared as they are. */
export function textOf(tag: number, bytes: Buffer): string | undefined {
  switch (tag) {
    case utf8:
      try {
        return strictUtf8.decode(bytes);
      } catch {
        return undefined;
      }
    case printable:
    case teletex:
    case ia5:
    case visible:
      return bytes.toString("latin1");
    case bmp:
      return bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString("utf16le") : undefined;
    case universal:
      return bytes.length % 4 === 0 ? fromCodePoints(bytes) : undefined;
    default:
      return undefined;
  }
}

function fromCodePoints(bytes: Buffer): string | undefined {
  const points = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readUInt32BE(4 * at));
  return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points) : undefined;
}
