import { type KeyObject, type X509Certificate, createHash } from "node:crypto";
import forge from "node-forge";
import { type CertificateParts, extension, partsOf } from "./certificate.js";
import { childrenOf, der, elementsIn, sequence, tags } from "./der.js";

export type Usage = "clientAuth" | "serverAuth";

/** What a certificate is for beside its subject, as people write it; each must have been checked. */
export interface AlternativeNames {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
  readonly uri?: readonly string[];
}

export const oids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  reasonCode: "2.5.29.21",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** Of an authority. @param issuer undefined: itself */
export function authorityExtensions(
  publicKey: KeyObject,
  pathLenConstraint: number,
  issuer: X509Certificate | undefined,
): Buffer[] {
  return [
    ...encoded([
      { name: "basicConstraints", cA: true, pathLenConstraint, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ]),
    subjectKeyIdentifier(publicKey),
    ...(issuer === undefined ? [] : [authorityKeyIdentifier(issuer)]),
  ];
}

/** Of a client or a server. */
export function leafExtensions(
  usage: Usage,
  names: AlternativeNames,
  publicKey: KeyObject,
  issuer: X509Certificate,
): Buffer[] {
  // RFC 5246 had RSA keys encipher; no other kind of key can.
  const keyEncipherment = publicKey.asymmetricKeyType === "rsa";
  const altNames = alternativeNames(names);
  return [
    ...encoded([
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment, critical: true },
      { name: "extKeyUsage", [usage]: true },
      ...(altNames.length === 0 ? [] : [{ name: "subjectAltName", altNames }]),
    ]),
    ...keyIdentifiers(publicKey, issuer),
  ];
}

/** What says in a certificate that is made anew what the one before it was for: the same bytes, whoever issued that. */
export function renewedExtensions(
  { extensions }: CertificateParts,
  publicKey: KeyObject,
  issuer: X509Certificate,
): Buffer[] {
  const kept = [oids.basicConstraints, oids.keyUsage, oids.extendedKeyUsage, oids.subjectAltName];
  return [
    ...kept.flatMap((oid) => extensions.get(oid)?.whole ?? []),
    // Everything else is about the issuer of the one before, or about how that one came to be.
    ...keyIdentifiers(publicKey, issuer),
  ];
}

/** Which key of the issuer it was, in the words that the issuer's own certificate has for it. */
export function authorityKeyIdentifier(issuer: X509Certificate): Buffer {
  const stated = partsOf(issuer).extensions.get(oids.subjectKeyIdentifier);
  const identifier = stated === undefined ? identifierOf(issuer.publicKey) : elementsIn(stated.value)[0]!.content;
  return extension(oids.authorityKeyIdentifier, sequence(der(0x80, identifier)));
}

function keyIdentifiers(publicKey: KeyObject, issuer: X509Certificate): Buffer[] {
  return [subjectKeyIdentifier(publicKey), authorityKeyIdentifier(issuer)];
}

function subjectKeyIdentifier(publicKey: KeyObject): Buffer {
  return extension(oids.subjectKeyIdentifier, der(tags.octetString, identifierOf(publicKey)));
}

/** RFC 5280, 4.2.1.2, method 1: of the bits of the key alone. A name for it, which proves nothing. */
function identifierOf(publicKey: KeyObject): Buffer {
  const bits = childrenOf(publicKey.export({ type: "spki", format: "der" }))
    .at(-1)!
    .content.subarray(1);
  return createHash("sha1").update(bits).digest();
}

/** GeneralName (RFC 5280, 4.2.1.6) has these numbers for its kinds. */
function alternativeNames({ dns = [], ip = [], email = [], uri = [] }: AlternativeNames): object[] {
  return [
    ...dns.map((value) => ({ type: 2, value })),
    ...ip.map((address) => ({ type: 7, ip: address })),
    ...email.map((value) => ({ type: 1, value })),
    ...uri.map((value) => ({ type: 6, value })),
  ];
}

/** What forge writes for extensions that it knows by name. */
function encoded(extensions: readonly object[]): Buffer[] {
  const certificate = forge.pki.createCertificate();
  certificate.setExtensions([...extensions]);
  return (certificate.extensions as { id: string; critical?: boolean; value: forge.asn1.Asn1 }[]).map(
    ({ id, critical, value }) =>
      extension(id, Buffer.from(forge.asn1.toDer(value).getBytes(), "latin1"), critical === true),
  );
}
