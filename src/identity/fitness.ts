/**
 * Whether a certificate is fit for what it is shown for. OpenSSL has its own opinion, by a security level that a build or
 * a setting of the system can lower; this one stays.
 */
import type { KeyFacts } from "./algorithms.js";
import { type CertificateFacts, certificateFacts } from "./certificate.js";
import { IdentityRefused } from "./identity.js";

const minRsaBits = 2048;
const minCurveBits = 224;

/** The curves that TLS 1.3 can sign with (RFC 8446, 4.2.3): P-256, P-384, P-521. */
const signingCurves: ReadonlySet<string> = new Set(["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"]);

const clientAuthOid = "1.3.6.1.5.5.7.3.2";

/** Those that OpenSSL understands: a certificate with any other gets past neither of us. */
const understood: ReadonlySet<string> = new Set([
  "2.5.29.15", // keyUsage
  "2.5.29.17", // subjectAltName
  "2.5.29.19", // basicConstraints
  "2.5.29.30", // nameConstraints
  "2.5.29.31", // cRLDistributionPoints
  "2.5.29.32", // certificatePolicies
  "2.5.29.33", // policyMappings
  "2.5.29.36", // policyConstraints
  "2.5.29.37", // extendedKeyUsage
  "2.5.29.54", // inhibitAnyPolicy
]);

/**
 * What is wrong with a certificate that OpenSSL refused, whoever issued it; undefined if nothing is.
 * @param problem what it was refused for: for its usage, or for what OpenSSL has no word of its own for
 */
export function faultIn(der: Buffer, problem: "untrusted" | "wrong_usage"): IdentityRefused | undefined {
  try {
    const facts = certificateFacts(der);
    if (problem === "wrong_usage") {
      requireClient(facts);
    } else {
      requireStrength(facts);
      requireUnderstood(facts);
    }
    return undefined;
  } catch (error) {
    if (error instanceof IdentityRefused) return error;
    throw error;
  }
}

/**
 * For the certificate itself and every intermediate above it; what an authority that is trusted has signed itself with
 * proves nothing, so it is not for those.
 *
 * @param what what the certificate is called in the refusal
 * @throws IdentityRefused ("weak") by its key, or by the algorithm that it is signed with
 */
export function requireStrength(facts: CertificateFacts, what = "the certificate"): void {
  requireStrongKey(facts, what);
  const { signature } = facts;
  switch (signature.hash) {
    case undefined:
      throw new IdentityRefused("weak", `${what} is signed by an unknown algorithm (${signature.oid})`);
    case "MD2":
    case "MD5":
    case "SHA-1":
      throw new IdentityRefused("weak", `${what} is signed with ${signature.hash}`);
  }
}

/**
 * Also for an authority that is trusted: whoever finds out its key can sign anything.
 * @throws IdentityRefused ("weak")
 */
export function requireStrongKey({ key }: CertificateFacts, what: string): void {
  const weakness = weaknessOf(key);
  if (weakness !== undefined) throw new IdentityRefused("weak", `${what} has ${weakness}`);
}

/** Undefined: it is strong enough. */
function weaknessOf({ kind, oid, bits, curve, hasBadExponent }: KeyFacts): string | undefined {
  switch (kind) {
    case "rsa":
    case "rsa-pss":
      if (bits < minRsaBits) return `an RSA key of ${bits} bits: at least ${minRsaBits} are needed`;
      return hasBadExponent ? "an RSA key with a bad exponent" : undefined;
    case "ec":
      if (curve === undefined) return "a key on a curve without a name";
      return bits < minCurveBits ? `an EC key of ${bits} bits: at least ${minCurveBits} are needed` : undefined;
    case "ed25519":
    case "ed448":
      return undefined;
    case "dsa":
      return "a DSA key";
    case "other":
      return `a key of an unknown kind (${oid})`;
  }
}

/**
 * For the certificate itself and every intermediate above it.
 * @param what what the certificate is called in the refusal
 * @throws IdentityRefused ("untrusted") when it says something that must be understood, and is not (RFC 5280, 4.2)
 */
export function requireUnderstood({ criticalExtensions }: CertificateFacts, what = "the certificate"): void {
  const strange = criticalExtensions.find((oid) => !understood.has(oid));
  if (strange !== undefined) {
    throw new IdentityRefused("untrusted", `${what} has a critical extension that is unknown here (${strange})`);
  }
}

/**
 * For the certificate itself: it must be a client's, and no authority's, with a key that proves in a handshake whose it is.
 * @throws IdentityRefused ("weak", "authority_as_client", "wrong_usage")
 */
export function requireClient({ key, basicConstraints, keyUsage, extendedKeyUsage }: CertificateFacts): void {
  if (key.curve !== undefined && !signingCurves.has(key.curve)) {
    const problem = `has a key on a curve with which nobody signs in TLS 1.3 (${key.curve}): P-256, P-384 and P-521 will do`;
    throw new IdentityRefused("weak", `the certificate ${problem}`);
  }
  if (basicConstraints?.isCa === true) {
    throw new IdentityRefused("authority_as_client", "the certificate is an authority's, not a client's");
  }
  if (keyUsage?.has("keyCertSign") === true || keyUsage?.has("cRLSign") === true) {
    throw new IdentityRefused("authority_as_client", "the certificate's key usage is an authority's, not a client's");
  }
  if (extendedKeyUsage?.includes(clientAuthOid) !== true) {
    throw new IdentityRefused("wrong_usage", "the certificate lacks the clientAuth usage");
  }
  if (keyUsage?.has("digitalSignature") === false) {
    throw new IdentityRefused("wrong_usage", "the certificate's key usage lacks digitalSignature");
  }
}

/** What an authority's certificate says of usages is said of all that it vouches for. OpenSSL judges the same. */
export function vouchesForClients({ extendedKeyUsage }: CertificateFacts): boolean {
  return extendedKeyUsage?.includes(clientAuthOid) !== false;
}

/**
 * For every authority above it, the highest one too.
 * @param what what the authority is called in the refusal
 * @throws IdentityRefused ("wrong_usage")
 */
export function requireForClients(facts: CertificateFacts, what: string): void {
  if (!vouchesForClients(facts)) {
    throw new IdentityRefused("wrong_usage", `${what} vouches for no clients: it lacks the clientAuth usage`);
  }
}
