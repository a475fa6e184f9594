import { type KeyObject, type X509Certificate, randomBytes } from "node:crypto";
import { x509Of } from "../x509.js";
import { childrenOf, der, type Element, elementsIn, integer, oidOf, readOid, sequence, tags, timeOf } from "./der.js";
import { signed } from "./signing.js";

/** A new certificate and its key (PKCS#8), both PEM. */
export interface Issued {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a certificate is to say, beside its serial number. */
export interface CertificateContent {
  /** DER of the name of the authority, as it stands in the authority's own certificate. */
  readonly issuer: Buffer;
  /** DER of a name. */
  readonly subject: Buffer;
  /** To the second, as `notAfter`. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** A public key. */
  readonly publicKey: KeyObject;
  /** Whole extensions, as `extension` makes them. */
  readonly extensions: readonly Buffer[];
}

/** One extension of a certificate, as it stands there. */
export interface Extension {
  /** The content of its octet string. */
  readonly value: Buffer;
  readonly isCritical: boolean;
  /** With its identifier and whether it is critical. */
  readonly whole: Buffer;
}

/** The parts of a certificate that Node does not give byte for byte. */
export interface CertificateParts {
  /** From 1. */
  readonly version: number;
  /** DER of a name, whatever kinds of strings it is made of: written anew it could come out otherwise. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  /** Dotted, the algorithm of its signature. */
  readonly signatureOid: string;
  /** By dotted identifier. */
  readonly extensions: ReadonlyMap<string, Extension>;
}

/** Signs a certificate of version 3 with a fresh serial number. */
export function makeCertificate(content: CertificateContent, issuerKey: KeyObject): X509Certificate {
  // RFC 5280, 4.1: version 3, serial number, algorithm, issuer, validity, subject, public key, extensions.
  const certificate = signed(issuerKey, (algorithm) =>
    sequence(
      der(0xa0, integer(Buffer.from([2]))),
      integer(makeSerial()),
      algorithm,
      content.issuer,
      sequence(timeOf(content.notBefore), timeOf(content.notAfter)),
      content.subject,
      content.publicKey.export({ type: "spki", format: "der" }),
      der(0xa3, sequence(...content.extensions)),
    ),
  );
  return x509Of(certificate);
}

/** One extension. @param value DER, what its octet string holds */
export function extension(oid: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(tags.boolean, Buffer.from([0xff]))] : [];
  return sequence(oidOf(oid), ...flag, der(tags.octetString, value));
}

/** DER of a name of one value for each part, in this order. */
export function nameOf(...attributes: readonly (readonly [type: keyof typeof attributeOids, value: string])[]): Buffer {
  return sequence(
    ...attributes.map(([type, value]) =>
      der(tags.set, sequence(oidOf(attributeOids[type]), der(tags.utf8String, Buffer.from(value)))),
    ),
  );
}

/** @throws MalformedDer when OpenSSL read it all the same, which it does not */
export function partsOf(certificate: X509Certificate): CertificateParts {
  const [toBeSigned, algorithm] = childrenOf(certificate.raw);
  const fields = childrenOf(toBeSigned!.whole);
  // The version comes first, unless it is the first one.
  const version = fields[0]?.tag === 0xa0 ? elementsIn(fields[0].content)[0]!.content.at(-1)! + 1 : 1;
  if (fields[0]?.tag !== 0xa0) fields.unshift(toBeSigned!);
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  return {
    version,
    subject: fields[5]!.whole,
    issuer: fields[3]!.whole,
    signatureOid: readOid(childrenOf(algorithm!.whole)[0]!.content),
    extensions: new Map(extensions === undefined ? [] : childrenOf(extensions.content).map(extensionIn)),
  };
}

const attributeOids = { CN: "2.5.4.3", O: "2.5.4.10" } as const;

function extensionIn({ whole }: Element): [string, Extension] {
  const parts = childrenOf(whole);
  const isCritical = parts.length > 2 && parts[1]!.content[0] !== 0;
  return [readOid(parts[0]!.content), { value: parts.at(-1)!.content, isCritical, whole }];
}

/** Sixteen bytes, of which 126 bits are random: the top bit clear for a positive number, the next set for a full length. */
function makeSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial;
}
