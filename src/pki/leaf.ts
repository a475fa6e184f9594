import type { KeyObject, X509Certificate } from "node:crypto";
import type { Principal } from "../names.js";
import type { Signer } from "./authorities.js";
import { makeCertificate, nameOf, partsOf } from "./certificate.js";
import type { IndexEntry } from "./certificate-index.js";
import { type AlternativeNames, leafExtensions, type Usage } from "./extensions.js";
import type { NewFile } from "./files.js";
import { distinguishedName } from "./inspect.js";
import { pemOf } from "./keys.js";
import { validFor } from "./validity.js";

/** Whom a certificate is for, and for which end of a connection. */
export interface LeafContent {
  /** DER of a name. */
  readonly subject: Buffer;
  readonly usage: Usage;
  readonly names: AlternativeNames;
}

const longestCommonName = 64;

/** A client: its subject is O=tenant, CN=name and nothing else. */
export function clientContent({ tenant, name }: Principal, names: AlternativeNames = {}): LeafContent {
  return { subject: nameOf(["O", tenant], ["CN", name]), usage: "clientAuth", names };
}

/** A server that is reached by these names. */
export function serverContent(names: AlternativeNames): LeafContent {
  const [name = "server"] = [...(names.dns ?? []), ...(names.ip ?? [])];
  // Clients look at the names alone; a common name has its own limit (RFC 5280, ub-common-name).
  const commonName = name.length <= longestCommonName ? name : "server";
  return { subject: nameOf(["CN", commonName]), usage: "serverAuth", names };
}

/** A certificate that ends with its authority at the latest: a date beyond that would only mislead. */
export function issueLeaf(
  signer: Signer,
  { subject, usage, names }: LeafContent,
  publicKey: KeyObject,
  days: number,
): X509Certificate {
  return signLeaf(signer, subject, leafExtensions(usage, names, publicKey, signer.certificate), publicKey, days);
}

/** As `issueLeaf`, for extensions that are whole already. */
export function signLeaf(
  { certificate, key }: Signer,
  subject: Buffer,
  extensions: readonly Buffer[],
  publicKey: KeyObject,
  days: number,
): X509Certificate {
  const validity = validFor(days, new Date(certificate.validTo));
  return makeCertificate({ issuer: partsOf(certificate).subject, subject, ...validity, publicKey, extensions }, key);
}

/** `STEM.key`, where it was made here, and `STEM.crt` with what leads to the authority behind it. */
export function leafFiles(
  stem: string,
  chain: readonly X509Certificate[],
  key: KeyObject | undefined,
  replaces: boolean,
): NewFile[] {
  const text = chain.map((each) => each.toString()).join("");
  return [
    ...(key === undefined ? [] : [{ path: `${stem}.key`, text: pemOf(key), secret: true, replaces }]),
    { path: `${stem}.crt`, text, secret: false, replaces },
  ];
}

/** What the index says of a certificate that is not revoked. @param file undefined: only its owner has it */
export function entryOf(certificate: X509Certificate, file: string | undefined): IndexEntry {
  return {
    serial: certificate.serialNumber,
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    revoked: undefined,
    file,
    issuer: distinguishedName(certificate.issuer),
    subject: distinguishedName(certificate.subject),
  };
}
