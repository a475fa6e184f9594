/** What stands in a name under one attribute: exactly one plain value, or nothing that anybody is called by. */
import { hexByte, tags } from "./der.js";
import { attributeOids, type DistinguishedName, type NameAttribute } from "./distinguished-name.js";
import type { Reading } from "./reading.js";
import { counted, decodeUtf8, shown } from "./shown.js";

/** Those that rules can speak of. */
export const subjectAttributes = [
  "O",
  "OU",
  "CN",
  "C",
  "ST",
  "L",
] as const satisfies readonly (keyof typeof attributeOids)[];

export type AttributeName = (typeof subjectAttributes)[number];

// All three write ASCII as ASCII, so one sequence of bytes is one name whichever of them is used.
const plainStringTags: ReadonlySet<number> = new Set([tags.utf8String, tags.printableString, tags.ia5String]);

const otherStringNames: Readonly<Record<number, string>> = {
  0x12: "NumericString",
  0x14: "TeletexString",
  0x15: "VideotexString",
  0x19: "GraphicString",
  0x1a: "VisibleString",
  0x1b: "GeneralString",
  0x1c: "UniversalString",
  0x1e: "BMPString",
};

interface Placed {
  readonly attribute: NameAttribute;
  /** Whether others share its RDN. */
  readonly hasCompany: boolean;
}

/** The attributes of one name, looked through once however often it is asked. */
export class Attributes {
  readonly #byOid = new Map<string, Placed[]>();

  constructor(name: DistinguishedName) {
    for (const rdn of name) {
      for (const attribute of rdn) {
        const placed = { attribute, hasCompany: rdn.length > 1 };
        const known = this.#byOid.get(attribute.oid);
        if (known === undefined) this.#byOid.set(attribute.oid, [placed]);
        else known.push(placed);
      }
    }
  }

  has(name: AttributeName): boolean {
    return this.#byOid.has(attributeOids[name]);
  }

  /** The only value, as text; only what is ASCII can be a name, but a map may know other values too. */
  textOf(name: AttributeName): Reading {
    const values = this.#byOid.get(attributeOids[name]) ?? [];
    const [first, ...others] = values;
    if (first === undefined || others.length > 0) {
      return { problem: `the subject has ${counted(values.length, `${name} value`)}` };
    }
    if (first.hasCompany) return { problem: `${name} is in a multi-valued RDN` };
    const { tag, bytes } = first.attribute;
    if (!plainStringTags.has(tag)) {
      return { problem: `${name} is encoded as ${otherStringNames[tag] ?? `tag ${hexByte(tag)}`}` };
    }
    const text = tag === tags.utf8String ? decodeUtf8(bytes) : asciiOf(bytes);
    return text === undefined
      ? { problem: `${name} is no text of its kind: ${shown(bytes, 64, tag)}` }
      : { value: text };
  }
}

function asciiOf(bytes: Buffer): string | undefined {
  return bytes.every((byte) => byte < 0x80) ? bytes.toString("latin1") : undefined;
}
