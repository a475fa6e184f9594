import { createHash } from "node:crypto";
import type { KeyUsage } from "../key-usages.js";
import { type KeyFacts, readKey, readSignatureAlgorithm, type SignatureFacts } from "./algorithms.js";
import { DerError, DerReader, decodeCount, decodeInteger, decodeTime, tags } from "./der.js";
import { type DistinguishedName, readName } from "./distinguished-name.js";
import {
  type AlternativeNames,
  type AuthorityKey,
  type BasicConstraints,
  extensionOids,
  readAlternativeNames,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from "./extensions.js";
import { IdentityRefused } from "./identity.js";
import { type NameConstraints, readNameConstraints } from "./name-constraints.js";

/** What a certificate says. Buffers are views into its bytes. */
export interface CertificateFacts {
  /** Upper-case hexadecimal, as OpenSSL writes it. */
  readonly serial: string;
  readonly signature: SignatureFacts;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** The whole element. */
  readonly subjectBytes: Buffer;
  /** First and last moment in which it is valid, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly key: KeyFacts;
  /** What it calls its own key, in hexadecimal; undefined when it calls it nothing. A name for the key, which proves nothing. */
  readonly keyId: string | undefined;
  /** Undefined when the certificate does not say. */
  readonly authorityKey: AuthorityKey | undefined;
  /** Undefined when the certificate does not restrict its use. */
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** OIDs; undefined when the certificate has no such extension. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Undefined when the certificate has no such extension. */
  readonly basicConstraints: BasicConstraints | undefined;
  /** Undefined when the certificate has no such extension. */
  readonly nameConstraints: NameConstraints | undefined;
  /** All empty when the certificate has no such extension. */
  readonly alternativeNames: AlternativeNames;
  /** OIDs of the extensions that whoever does not understand them must refuse, in the order of the certificate. */
  readonly criticalExtensions: readonly string[];
}

/** More than any certificate has: OpenSSL takes chains of 100 KiB. */
const maxBytes = 64 * 1024;

const versionTag = 0xa0;
const issuerUniqueIdTag = 0x81;
const subjectUniqueIdTag = 0x82;
const extensionsTag = 0xa3;

const noNames: AlternativeNames = { uris: [], dnsNames: [], emails: [], all: [] };

/**
 * As `readCertificate`, for a certificate that somebody showed.
 * @param what what it is called in the refusal
 * @throws IdentityRefused ("malformed")
 */
export function certificateFacts(der: Buffer, what = "the certificate"): CertificateFacts {
  try {
    return readCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new IdentityRefused("malformed", `${what} is malformed: ${error.message}`, { cause: error });
  }
}

/**
 * Walks an X.509 certificate (RFC 5280, 4.1) with a key of any kind. Nothing is judged: not the signature, not the days
 * on which it is valid, not what it may be used for.
 *
 * @throws DerError when it is not the DER of one certificate, or an extension stands in it twice
 */
export function readCertificate(der: Buffer): CertificateFacts {
  if (der.length > maxBytes) throw new DerError("more bytes than any certificate has");
  const outer = new DerReader(der);
  const certificate = outer.enter(tags.sequence, "the certificate");
  outer.end("the certificate");

  const signed = certificate.enter(tags.sequence, "the signed part");
  const algorithm = certificate.whole(tags.sequence, "the signature's algorithm");
  certificate.expect(tags.bitString, "the signature");
  certificate.end("the signature");

  const version = readVersion(signed);
  const serial = decodeInteger(signed.expect(tags.integer, "the serial number"));
  // RFC 5280, 4.1.1.2. Only this one is covered by the signature.
  if (!signed.whole(tags.sequence, "the algorithm").equals(algorithm)) {
    throw new DerError("two different algorithms of the signature");
  }
  const issuer = readName(signed.whole(tags.sequence, "the issuer"), "the issuer");
  const validity = signed.enter(tags.sequence, "the validity");
  const notBeforeMs = decodeTime(validity.next());
  const notAfterMs = decodeTime(validity.next());
  validity.end("the validity");
  const subjectBytes = signed.whole(tags.sequence, "the subject");
  const subject = readName(subjectBytes, "the subject");
  const key = readKey(signed.whole(tags.sequence, "the public key"));
  signed.optional(issuerUniqueIdTag);
  signed.optional(subjectUniqueIdTag);
  const wrapped = signed.optional(extensionsTag);
  // RFC 5280, 4.1.2.1. Whoever goes by the version alone takes it for one that restricts nothing.
  if (wrapped !== undefined && version !== 3) throw new DerError(`extensions in a certificate of version ${version}`);
  const extensions = readExtensions(wrapped);
  signed.end("the extensions");

  const read = <T>(oid: string, reader: (value: Buffer) => T): T | undefined => {
    const extension = extensions.get(oid);
    return extension === undefined ? undefined : reader(extension.value);
  };
  return {
    serial,
    signature: readSignatureAlgorithm(algorithm),
    issuer,
    subject,
    subjectBytes,
    notBeforeMs,
    notAfterMs,
    key,
    keyId: read(extensionOids.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKey: read(extensionOids.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    keyUsage: read(extensionOids.keyUsage, readKeyUsage),
    extendedKeyUsage: read(extensionOids.extendedKeyUsage, readExtendedKeyUsage),
    basicConstraints: read(extensionOids.basicConstraints, readBasicConstraints),
    nameConstraints: read(extensionOids.nameConstraints, readNameConstraints),
    alternativeNames: read(extensionOids.subjectAltName, readAlternativeNames) ?? noNames,
    criticalExtensions: [...extensions].flatMap(([oid, { isCritical }]) => (isCritical ? [oid] : [])),
  };
}

/** From 1; written as one less. */
function readVersion(signed: DerReader): number {
  const wrapped = signed.optional(versionTag);
  if (wrapped === undefined) return 1;
  const reader = new DerReader(wrapped);
  const version = decodeCount(reader.expect(tags.integer, "the version")) + 1;
  reader.end("the version");
  return version;
}

/** SHA-256 of a whole certificate, as `AB:CD:…`. */
export function fingerprint256(der: Buffer): string {
  const digest = createHash("sha256").update(der).digest("hex").toUpperCase();
  return digest.match(/../g)!.join(":");
}
