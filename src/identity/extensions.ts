/** What the extensions say that decide anything here (RFC 5280, 4.2.1). Each function reads one whole value. */
import { type KeyUsage, keyUsages } from "../key-usages.js";
import {
  type DerElement,
  DerError,
  DerReader,
  decodeBoolean,
  decodeCount,
  decodeInteger,
  decodeNamedBits,
  decodeOid,
  hexByte,
  tags,
} from "./der.js";
import { type DistinguishedName, readName } from "./distinguished-name.js";

export interface BasicConstraints {
  readonly isCa: boolean;
  /** How many intermediates may follow below; undefined for any number. */
  readonly pathLength: number | undefined;
}

/** The bytes as they are written, which are ASCII if all is well: whoever takes a name from them looks. */
export interface AlternativeNames {
  readonly uris: readonly Buffer[];
  readonly dnsNames: readonly Buffer[];
  readonly emails: readonly Buffer[];
  /** These and those of kinds that nobody takes a name from, addresses, directory names, …, each with its tag. */
  readonly all: readonly DerElement[];
}

/** Which of the issuer's certificates it is that vouches for this one, as far as it says. */
export interface AuthorityKey {
  /** In hexadecimal. */
  readonly keyId: string | undefined;
  /** The name of whoever has issued that certificate. */
  readonly issuer: DistinguishedName | undefined;
  /** Its serial number, as `decodeInteger` writes it. */
  readonly serial: string | undefined;
}

export const extensionOids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

export interface Extension {
  readonly isCritical: boolean;
  readonly value: Buffer;
}

/**
 * The extensions by their OIDs.
 * @param wrapped the content of the element that holds them; undefined where there is none
 * @throws DerError also when one of them stands there twice
 */
export function readExtensions(wrapped: Buffer | undefined): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>();
  if (wrapped === undefined) return extensions;
  const list = only(wrapped, "the extensions");
  while (!list.atEnd) {
    const extension = list.enter(tags.sequence, "an extension");
    const oid = decodeOid(extension.expect(tags.oid, "an extension's type"));
    const critical = extension.optional(tags.boolean);
    // An explicit FALSE is not quite DER, but authorities in daily use write it, and it can mean nothing else.
    const isCritical = critical !== undefined && decodeBoolean(critical);
    const value = extension.expect(tags.octetString, "an extension's value");
    extension.end("an extension's value");
    // RFC 5280, 4.2. Which of the two would count is just what two readers can disagree about.
    if (extensions.has(oid)) throw new DerError(`extension ${oid} stands in it twice`);
    extensions.set(oid, { isCritical, value });
  }
  return extensions;
}

export function readExtendedKeyUsage(value: Buffer): string[] {
  const list = only(value, "the extended key usage");
  const usages: string[] = [];
  while (!list.atEnd) usages.push(decodeOid(list.expect(tags.oid, "a usage")));
  return usages;
}

export function readKeyUsage(value: Buffer): ReadonlySet<KeyUsage> {
  const reader = new DerReader(value);
  const bits = decodeNamedBits(reader.expect(tags.bitString, "the key usage"));
  reader.end("the key usage");
  return new Set(bits.flatMap((bit) => keyUsages[bit] ?? []));
}

export function readBasicConstraints(value: Buffer): BasicConstraints {
  const constraints = only(value, "the basic constraints");
  const isCa = constraints.optional(tags.boolean);
  const pathLength = constraints.optional(tags.integer);
  constraints.end("the path length");
  return {
    isCa: isCa !== undefined && decodeBoolean(isCa),
    pathLength: pathLength === undefined ? undefined : decodeCount(pathLength),
  };
}

/** In hexadecimal. */
export function readSubjectKeyIdentifier(value: Buffer): string {
  const reader = new DerReader(value);
  const keyId = reader.expect(tags.octetString, "the key identifier");
  reader.end("the key identifier");
  return keyId.toString("hex");
}

export function readAuthorityKeyIdentifier(value: Buffer): AuthorityKey {
  const what = "the authority's key identifier";
  const parts = only(value, what);
  const keyId = parts.optional(0x80);
  const issuers = parts.optional(0xa1);
  const serial = parts.optional(0x82);
  parts.end(what);
  return {
    keyId: keyId?.toString("hex"),
    issuer: issuers === undefined ? undefined : firstDirectoryName(new DerReader(issuers)),
    serial: serial === undefined ? undefined : decodeInteger(serial),
  };
}

export const directoryNameTag = 0xa4;

/** As OpenSSL: any behind the first does not count, nor a name of another kind. */
function firstDirectoryName(names: DerReader): DistinguishedName | undefined {
  while (!names.atEnd) {
    const { tag, content } = names.next();
    if (tag === directoryNameTag) return readName(content, "the name of the authority's issuer");
  }
  return undefined;
}

/** The kinds of a GeneralName that names are taken from: rfc822Name, dNSName, uniformResourceIdentifier. */
export const emailTag = 0x81;
export const dnsTag = 0x82;
export const uriTag = 0x86;
/** otherName, x400Address, directoryName, ediPartyName, iPAddress, registeredID. */
const otherTags: ReadonlySet<number> = new Set([0xa0, 0xa3, directoryNameTag, 0xa5, 0x87, 0x88]);

export function readAlternativeNames(value: Buffer): AlternativeNames {
  const list = only(value, "the alternative names");
  const uris: Buffer[] = [];
  const dnsNames: Buffer[] = [];
  const emails: Buffer[] = [];
  const all: DerElement[] = [];
  while (!list.atEnd) {
    const name = list.next();
    const { tag, content } = name;
    all.push(name);
    if (tag === uriTag) uris.push(content);
    else if (tag === dnsTag) dnsNames.push(content);
    else if (tag === emailTag) emails.push(content);
    else if (!otherTags.has(tag)) throw new DerError(`tag ${hexByte(tag)} in place of an alternative name`);
  }
  return { uris, dnsNames, emails, all };
}

/** A reader of the one sequence that the bytes must be. */
function only(bytes: Buffer, what: string): DerReader {
  const reader = new DerReader(bytes);
  const inner = reader.enter(tags.sequence, what);
  reader.end(what);
  return inner;
}
