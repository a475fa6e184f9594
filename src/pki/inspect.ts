import type { X509Certificate } from "node:crypto";
// Node 20 lacks createSecureContext for good where toLegacyObject() is what loads this.
import "node:tls";
import forge from "node-forge";
import { OperatorError } from "../errors.js";
import { keyUsages } from "../key-usages.js";
import { x509In } from "../x509.js";

/** What a certificate says about itself. Nothing in here has been verified. */
export interface CertificateSummary {
  /** As RFC 4514 writes it, the last part first: `CN=billing,O=acme`. */
  readonly subject: string;
  readonly issuer: string;
  /** Upper-case hexadecimal. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whole days until notAfter, rounded down; negative once it is past. */
  readonly daysLeft: number;
  /** `rsa`, `ec`, `ed25519`, … */
  readonly keyType: string;
  /** Undefined where the type alone says it, as for ed25519. */
  readonly keyBits: number | undefined;
  /** RFC 5280 names such as `digitalSignature`; undefined when the certificate does not restrict its use. */
  readonly keyUsage: readonly string[] | undefined;
  /** Names such as `clientAuth`, an OID where none is known; undefined when the certificate does not restrict its use. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** `DNS:localhost`, `IP Address:127.0.0.1`, … */
  readonly subjectAltNames: readonly string[];
  readonly isCa: boolean;
  /** SHA-256 of the whole certificate, as `AB:CD:…`. */
  readonly fingerprint256: string;
}

const extendedKeyUsageNames: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "serverAuth",
  "1.3.6.1.5.5.7.3.2": "clientAuth",
  "1.3.6.1.5.5.7.3.3": "codeSigning",
  "1.3.6.1.5.5.7.3.4": "emailProtection",
  "1.3.6.1.5.5.7.3.8": "timeStamping",
  "1.3.6.1.5.5.7.3.9": "OCSPSigning",
  "2.5.29.37.0": "anyExtendedKeyUsage",
};

const keyUsageOid = "2.5.29.15";
const dayMs = 86_400_000;

/**
 * Reads one certificate, PEM or DER, with a key of any type that OpenSSL knows; the first one of a PEM file with several.
 *
 * @throws OperatorError when it is not a certificate
 */
export function inspectCertificate(pem: string | Buffer): CertificateSummary {
  const certificate = parse(pem);
  const notAfter = new Date(certificate.validTo);
  const { publicKey } = certificate;
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    serial: certificate.serialNumber,
    notBefore: new Date(certificate.validFrom),
    notAfter,
    daysLeft: Math.floor((notAfter.getTime() - Date.now()) / dayMs),
    keyType: publicKey.asymmetricKeyType ?? "unknown",
    keyBits: certificate.toLegacyObject().bits,
    keyUsage: keyUsageOf(certificate.raw),
    // Node calls the extended usages by the name of the other extension.
    extendedKeyUsage: (certificate.keyUsage as string[] | undefined)?.map((oid) => extendedKeyUsageNames[oid] ?? oid),
    // A comma within a name is escaped (Node, since CVE-2021-44532).
    subjectAltNames: certificate.subjectAltName?.split(", ") ?? [],
    isCa: certificate.ca,
    fingerprint256: certificate.fingerprint256,
  };
}

function parse(pem: string | Buffer): X509Certificate {
  try {
    return x509In(Buffer.from(pem));
  } catch (error) {
    throw new OperatorError("this is not a certificate in PEM or DER", [], { cause: error });
  }
}

/** Node gives one RDN a line in the order of the certificate, already escaped by RFC 2253; of an empty name, nothing at all. */
export function distinguishedName(lines: string | undefined): string {
  return (lines ?? "").replaceAll(" + ", "+").split("\n").reverse().join(",");
}

/** Node has no accessor for the plain key usage, so the extension is looked up in the bytes. */
function keyUsageOf(der: Buffer): string[] | undefined {
  const certificate = forge.asn1.fromDer(der.toString("latin1"));
  const [toBeSigned] = children(certificate);
  const extensions = children(toBeSigned).find(
    (part) => part.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && (part.type as number) === 3,
  );
  const usage = children(children(extensions)[0]).find((extension) => {
    const oid = children(extension)[0]?.value;
    return typeof oid === "string" && forge.asn1.derToOid(oid) === keyUsageOid;
  });
  const bitString = children(usage).at(-1)?.value;
  if (typeof bitString !== "string") return undefined;
  // Tag, length, and the count of unused bits come before the bits themselves.
  const bits = Buffer.from(bitString, "latin1").subarray(3);
  return keyUsages.filter((_, bit) => ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

function children(element: forge.asn1.Asn1 | undefined): readonly forge.asn1.Asn1[] {
  return Array.isArray(element?.value) ? element.value : [];
}
