import { type KeyObject, sign } from "node:crypto";
import { der, oidOf, sequence, tags } from "./der.js";

/** How a key signs: the algorithm as certificates name it, and the digest that goes with it. */
interface Signature {
  readonly algorithm: Buffer;
  /** Null where the algorithm has its own. */
  readonly digest: string | null;
}

/** The curves that TLS 1.3 can sign with (RFC 8446, 4.2.3), by OpenSSL's names. */
const ecSignatures: Readonly<Record<string, readonly [oid: string, digest: string]>> = {
  prime256v1: ["1.2.840.10045.4.3.2", "sha256"],
  secp384r1: ["1.2.840.10045.4.3.3", "sha384"],
  secp521r1: ["1.2.840.10045.4.3.4", "sha512"],
};

/** Digests of the signatures of others that are read here. SHA-1 is not among them. */
const digests: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
  "1.3.101.113": null,
};

/** The digest of a signature with this algorithm; null where it has its own, undefined where it is weak or not known here. */
export function digestOf(oid: string): string | null | undefined {
  return digests[oid];
}

/** How this private key signs (RFC 4055, 5758, 8410); undefined for a kind that is not known here. */
export function signatureOf(key: KeyObject): Signature | undefined {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { algorithm: sequence(oidOf("1.2.840.113549.1.1.11"), der(tags.null)), digest: "sha256" };
    case "ec": {
      const [oid, digest] = ecSignatures[key.asymmetricKeyDetails?.namedCurve ?? ""] ?? [];
      return oid === undefined || digest === undefined ? undefined : { algorithm: sequence(oidOf(oid)), digest };
    }
    case "ed25519":
      return { algorithm: sequence(oidOf("1.3.101.112")), digest: null };
    case "ed448":
      return { algorithm: sequence(oidOf("1.3.101.113")), digest: null };
    default:
      return undefined;
  }
}

/**
 * A certificate or a revocation list: what is signed, how, and the signature.
 * @param write gives what is to be signed, in which the algorithm stands, too
 * @throws TypeError for a key of a kind that `signatureOf` does not know
 */
export function signed(key: KeyObject, write: (algorithm: Buffer) => Buffer): Buffer {
  const signature = signatureOf(key);
  if (signature === undefined) throw new TypeError("this key cannot sign here");
  const toBeSigned = write(signature.algorithm);
  const bits = sign(signature.digest, toBeSigned, key);
  return sequence(toBeSigned, signature.algorithm, der(tags.bitString, Buffer.from([0]), bits));
}
