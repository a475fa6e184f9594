import { X509Certificate, generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";
import { OperatorError } from "../errors.js";
import type { Principal } from "../names.js";

/** What signs: an RSA certificate of an authority and its key, both PEM. */
export interface Authority {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A new certificate and its key (PKCS#8), both PEM. */
export interface Issued {
  readonly certificatePem: string;
  readonly keyPem: string;
}

interface Attribute {
  readonly shortName: "CN" | "O";
  readonly value: string;
}

const dayMs = 86_400_000;
const authorityDays = 3650;
// Some clients refuse more than 825 days, and count the last second too.
const leafDays = 824;
// A peer whose clock is a little slow must not refuse what was just made.
const clockSkewMs = 5 * 60_000;

/** A new authority. Its name carries a random part: two authorities are never taken for each other. */
export async function makeAuthority(): Promise<{ authority: Authority; issued: Issued }> {
  const keyPem = await makeKey();
  const certificate = draft(keyPem, authorityDays);
  const name = attributes([{ shortName: "CN", value: `aclog CA ${randomBytes(4).toString("hex")}` }]);
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    // No further authorities below this one.
    { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  const issued = { certificatePem: signed(certificate, keyPem), keyPem };
  return { authority: issued, issued };
}

/** A server that is reached as localhost, 127.0.0.1 or ::1. */
export async function issueServer(authority: Authority): Promise<Issued> {
  return issue(
    authority,
    [{ shortName: "CN", value: "localhost" }],
    [
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
        ],
      },
    ],
  );
}

/**
 * A client: its subject is O=tenant, CN=name and nothing else.
 *
 * @throws OperatorError when the authority's name or key identifier has a form that forge cannot reproduce
 */
export async function issueClient(authority: Authority, principal: Principal): Promise<Issued> {
  return issue(
    authority,
    [
      { shortName: "O", value: principal.tenant },
      { shortName: "CN", value: principal.name },
    ],
    [{ name: "extKeyUsage", clientAuth: true }],
  );
}

async function issue(
  authority: Authority,
  subject: readonly Attribute[],
  extensions: readonly object[],
): Promise<Issued> {
  const keyPem = await makeKey();
  const issuer = forge.pki.certificateFromPem(authority.certificatePem);
  const certificate = draft(keyPem, leafDays);
  // A chain is no longer valid than its authority, and a date beyond that would only mislead.
  if (certificate.validity.notAfter > issuer.validity.notAfter) {
    certificate.validity.notAfter = issuer.validity.notAfter;
  }
  certificate.setSubject(attributes(subject));
  certificate.setIssuer(issuer.subject.attributes);
  certificate.setExtensions([
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    ...extensions,
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  const certificatePem = signed(certificate, authority.keyPem);
  // forge writes the issuer's name and key identifier anew, and cannot reproduce every form that an authority made
  // elsewhere may have; a chain that OpenSSL does not follow is useless.
  if (!new X509Certificate(certificatePem).checkIssued(new X509Certificate(authority.certificatePem))) {
    throw new OperatorError(
      "only an authority whose name and key identifier are as `aclog certs init` makes them can issue here",
    );
  }
  return { certificatePem, keyPem };
}

async function makeKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return privateKey;
}

/** Version 3, a fresh serial, the public half of the key, and a validity that began a moment ago. */
function draft(keyPem: string, days: number): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  const { n, e } = forge.pki.privateKeyFromPem(keyPem);
  certificate.publicKey = forge.pki.setRsaPublicKey(n, e);
  certificate.serialNumber = makeSerial();
  const now = Date.now();
  certificate.validity.notBefore = new Date(now - clockSkewMs);
  certificate.validity.notAfter = new Date(now - clockSkewMs + days * dayMs);
  return certificate;
}

/** Sixteen bytes, of which 126 bits are random: the top bit clear for a positive number, the next set for a full length. */
function makeSerial(): string {
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  return serial.toString("hex");
}

function attributes(subject: readonly Attribute[]): forge.pki.CertificateField[] {
  const fields = subject.map((attribute) => ({ ...attribute, valueTagClass: forge.asn1.Type.UTF8 }));
  // The typings give the tag the wrong enumeration; what forge reads there is the type of the string.
  return fields as unknown as forge.pki.CertificateField[];
}

function signed(certificate: forge.pki.Certificate, keyPem: string): string {
  certificate.sign(forge.pki.privateKeyFromPem(keyPem), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate).replaceAll("\r", "");
}
