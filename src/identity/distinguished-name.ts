import type { NameAttribute } from "../same-name.js";
import { DerReader, decodeOid, tags } from "./der.js";

export type { NameAttribute };

/** Relative distinguished names in order, each with all its attributes. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** OIDs of the attributes that have a short name here (RFC 4514, 3, and those that authorities like to use beside). */
export const attributeOids = {
  CN: "2.5.4.3",
  L: "2.5.4.7",
  ST: "2.5.4.8",
  O: "2.5.4.10",
  OU: "2.5.4.11",
  C: "2.5.4.6",
  STREET: "2.5.4.9",
  DC: "0.9.2342.19200300.100.1.25",
  UID: "0.9.2342.19200300.100.1.1",
  serialNumber: "2.5.4.5",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;

const shortNames = new Map<string, string>(Object.entries(attributeOids).map(([name, oid]) => [oid, name]));

/** @throws DerError when it is not the DER of one name */
export function readName(element: Buffer, what: string): DistinguishedName {
  const outer = new DerReader(element);
  const name = outer.enter(tags.sequence, what);
  outer.end(what);
  const rdns: NameAttribute[][] = [];
  while (!name.atEnd) {
    const set = name.enter(tags.set, "a relative distinguished name");
    const attributes: NameAttribute[] = [];
    do {
      const attribute = set.enter(tags.sequence, "an attribute");
      const oid = decodeOid(attribute.expect(tags.oid, "an attribute's type"));
      const { tag, content } = attribute.next();
      attribute.end("an attribute's value");
      attributes.push({ oid, tag, bytes: content });
    } while (!set.atEnd);
    rdns.push(attributes);
  }
  return rdns;
}

/** What is behind this many bytes of a value, or characters of a whole name, is not shown. */
const maxShown = 512;

/**
 * As RFC 4514 writes it, the last part first: `CN=billing,O=acme`. On one line and in ASCII alone, so that nothing in it
 * can look like something else: every other byte is escaped, as `\D0`. Cut where it is far longer than a name can be.
 */
export function formatName(name: DistinguishedName): string {
  const parts: string[] = [];
  let length = 0;
  for (const rdn of name.toReversed()) {
    const part = rdn.slice(0, maxShown).map(formatAttribute).join("+");
    parts.push(part);
    length += part.length;
    if (length > maxShown) break;
  }
  const text = parts.join(",");
  return length > maxShown ? `${text.slice(0, maxShown)}...` : text;
}

function formatAttribute({ oid, bytes }: NameAttribute): string {
  const text = bytes.toString("latin1", 0, maxShown).replace(/[^\x20-\x7e]|["+,;<>\\]|^[ #]| $/g, (character) => {
    const code = character.charCodeAt(0);
    return code >= 0x20 && code < 0x7f ? `\\${character}` : `\\${code.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return `${shortNames.get(oid) ?? oid}=${text}`;
}
