import { DerError, DerReader, decodeBoolean, decodeOid, tags } from "./der.js";

/** One attribute of a name: its type, and the value as it is written, with the tag that says how. */
export interface NameAttribute {
  readonly oid: string;
  readonly tag: number;
  readonly bytes: Buffer;
}

/** What a certificate says that decides who its bearer is. */
export interface CertificateFacts {
  /** Relative distinguished names in order, each with all its attributes. */
  readonly subject: readonly (readonly NameAttribute[])[];
  /** OIDs; undefined when the certificate has no such extension. */
  readonly extendedKeyUsages: readonly string[] | undefined;
  /** What basicConstraints says; undefined when the certificate has no such extension. */
  readonly isCa: boolean | undefined;
}

const versionTag = 0xa0;
const issuerUniqueIdTag = 0x81;
const subjectUniqueIdTag = 0x82;
const extensionsTag = 0xa3;

const basicConstraintsOid = "2.5.29.19";
const extendedKeyUsageOid = "2.5.29.37";

/**
 * Walks an X.509 certificate (RFC 5280, 4.1) with a key of any kind. Signature and validity are not looked at: TLS has
 * judged them before anybody asks for this.
 *
 * @throws DerError when it is not the DER of one certificate, or an extension stands in it twice
 */
export function readCertificate(der: Buffer): CertificateFacts {
  const outer = new DerReader(der);
  const certificate = outer.enter(tags.sequence, "the certificate");
  outer.end("the certificate");

  const signed = certificate.enter(tags.sequence, "the signed part");
  certificate.expect(tags.sequence, "the signature's algorithm");
  certificate.expect(tags.bitString, "the signature");
  certificate.end("the signature");

  skipVersion(signed);
  signed.expect(tags.integer, "the serial number");
  signed.expect(tags.sequence, "the algorithm");
  signed.expect(tags.sequence, "the issuer");
  signed.expect(tags.sequence, "the validity");
  const subject = readName(signed.enter(tags.sequence, "the subject"));
  signed.expect(tags.sequence, "the public key");
  signed.optional(issuerUniqueIdTag);
  signed.optional(subjectUniqueIdTag);
  const extensions = readExtensions(signed.optional(extensionsTag));
  signed.end("the extensions");

  const usages = extensions.get(extendedKeyUsageOid);
  const constraints = extensions.get(basicConstraintsOid);
  return {
    subject,
    extendedKeyUsages: usages === undefined ? undefined : readUsages(usages),
    isCa: constraints === undefined ? undefined : readConstraints(constraints),
  };
}

/** Whatever version it says: only version 3 has extensions, and without them nobody is a client. */
function skipVersion(signed: DerReader): void {
  const wrapped = signed.optional(versionTag);
  if (wrapped === undefined) return;
  const reader = new DerReader(wrapped);
  reader.expect(tags.integer, "the version");
  reader.end("the version");
}

function readName(name: DerReader): NameAttribute[][] {
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

function readExtensions(wrapped: Buffer | undefined): ReadonlyMap<string, Buffer> {
  const extensions = new Map<string, Buffer>();
  if (wrapped === undefined) return extensions;
  const reader = new DerReader(wrapped);
  const list = reader.enter(tags.sequence, "the extensions");
  reader.end("the extensions");
  while (!list.atEnd) {
    const extension = list.enter(tags.sequence, "an extension");
    const oid = decodeOid(extension.expect(tags.oid, "an extension's type"));
    const critical = extension.optional(tags.boolean);
    // An explicit FALSE is not quite DER, but authorities in daily use write it, and it can mean nothing else.
    if (critical !== undefined) decodeBoolean(critical);
    const value = extension.expect(tags.octetString, "an extension's value");
    extension.end("an extension's value");
    // RFC 5280, 4.2. Which of the two would count is just what two readers can disagree about.
    if (extensions.has(oid)) throw new DerError(`extension ${oid} stands in it twice`);
    extensions.set(oid, value);
  }
  return extensions;
}

function readUsages(value: Buffer): string[] {
  const reader = new DerReader(value);
  const list = reader.enter(tags.sequence, "the extended key usage");
  reader.end("the extended key usage");
  const usages: string[] = [];
  while (!list.atEnd) usages.push(decodeOid(list.expect(tags.oid, "a usage")));
  return usages;
}

function readConstraints(value: Buffer): boolean {
  const reader = new DerReader(value);
  const constraints = reader.enter(tags.sequence, "the basic constraints");
  reader.end("the basic constraints");
  const isCa = constraints.optional(tags.boolean);
  constraints.optional(tags.integer);
  constraints.end("the path length");
  return isCa !== undefined && decodeBoolean(isCa);
}
