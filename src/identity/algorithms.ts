/** Which key a certificate certifies, and by which algorithm something is signed. */
import { DerError, DerReader, decodeOid, tags } from "./der.js";

export interface KeyFacts {
  readonly kind: "rsa" | "rsa-pss" | "ec" | "ed25519" | "ed448" | "dsa" | "other";
  /** Of the key's algorithm. */
  readonly oid: string;
  /** Of an RSA or DSA modulus, or of an elliptic curve's field; 0 where the kind alone says it, or is not known. */
  readonly bits: number;
  /** OID of an elliptic curve. Undefined for other kinds, and for a curve that the certificate describes by itself. */
  readonly curve: string | undefined;
  /** RSA: an exponent with which anybody can sign, or nobody. */
  readonly hasBadExponent: boolean;
}

export interface SignatureFacts {
  readonly oid: string;
  /** "built in" where the algorithm leaves no choice (Ed25519, Ed448). Undefined for an algorithm that is not known here. */
  readonly hash: Hash | "built in" | undefined;
}

export type Hash = "MD2" | "MD5" | "SHA-1" | "SHA-224" | "SHA-256" | "SHA-384" | "SHA-512" | "SHA3";

const keyKinds: Readonly<Record<string, KeyFacts["kind"]>> = {
  "1.2.840.113549.1.1.1": "rsa",
  "1.2.840.113549.1.1.10": "rsa-pss",
  "1.2.840.10045.2.1": "ec",
  "1.2.840.10040.4.1": "dsa",
  "1.3.101.112": "ed25519",
  "1.3.101.113": "ed448",
};

const p521 = "1.3.132.0.35";

const pss = "1.2.840.113549.1.1.10";

const signatureHashes: Readonly<Record<string, SignatureFacts["hash"]>> = {
  "1.2.840.113549.1.1.2": "MD2",
  "1.2.840.113549.1.1.4": "MD5",
  "1.2.840.113549.1.1.5": "SHA-1",
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
  "1.2.840.113549.1.1.14": "SHA-224",
  "1.3.14.3.2.15": "SHA-1",
  "1.3.14.3.2.27": "SHA-1",
  "1.3.14.3.2.29": "SHA-1",
  "1.2.840.10040.4.3": "SHA-1",
  "2.16.840.1.101.3.4.3.1": "SHA-224",
  "2.16.840.1.101.3.4.3.2": "SHA-256",
  "1.2.840.10045.4.1": "SHA-1",
  "1.2.840.10045.4.3.1": "SHA-224",
  "1.2.840.10045.4.3.2": "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
  "2.16.840.1.101.3.4.3.9": "SHA3",
  "2.16.840.1.101.3.4.3.10": "SHA3",
  "2.16.840.1.101.3.4.3.11": "SHA3",
  "2.16.840.1.101.3.4.3.12": "SHA3",
  "2.16.840.1.101.3.4.3.13": "SHA3",
  "2.16.840.1.101.3.4.3.14": "SHA3",
  "2.16.840.1.101.3.4.3.15": "SHA3",
  "2.16.840.1.101.3.4.3.16": "SHA3",
  "1.3.101.112": "built in",
  "1.3.101.113": "built in",
};

const hashes: Readonly<Record<string, Hash>> = {
  "1.2.840.113549.2.2": "MD2",
  "1.2.840.113549.2.5": "MD5",
  "1.3.14.3.2.26": "SHA-1",
  "2.16.840.1.101.3.4.2.4": "SHA-224",
  "2.16.840.1.101.3.4.2.1": "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};

/** @throws DerError when it is not a SubjectPublicKeyInfo. A key of a kind that is not known here is "other" */
export function readKey(element: Buffer): KeyFacts {
  const info = new DerReader(element).enter(tags.sequence, "the public key");
  const algorithm = info.enter(tags.sequence, "the key's algorithm");
  const oid = decodeOid(algorithm.expect(tags.oid, "the key's algorithm"));
  const parameters = algorithm.atEnd ? undefined : algorithm.next();
  algorithm.end("the key's parameters");
  const bits = info.expect(tags.bitString, "the key");
  info.end("the key");
  if (bits[0] !== 0) throw new DerError("a key of broken bytes");
  const key = bits.subarray(1);
  const facts = { kind: keyKinds[oid] ?? "other", oid, bits: 0, curve: undefined, hasBadExponent: false } as const;
  switch (facts.kind) {
    case "rsa":
    case "rsa-pss":
      return { ...facts, ...readRsa(key) };
    case "ec": {
      const curve = parameters?.tag === tags.oid ? decodeOid(parameters.content) : undefined;
      return { ...facts, curve, bits: curve === p521 ? 521 : fieldBits(key) };
    }
    case "dsa":
      return { ...facts, bits: parameters === undefined ? 0 : modulusBits(new DerReader(parameters.content)) };
    default:
      return facts;
  }
}

function readRsa(key: Buffer): Pick<KeyFacts, "bits" | "hasBadExponent"> {
  const outer = new DerReader(key);
  const numbers = outer.enter(tags.sequence, "the RSA key");
  outer.end("the RSA key");
  const bits = modulusBits(numbers);
  const exponent = numbers.expect(tags.integer, "the exponent");
  numbers.end("the exponent");
  const isOne = exponent.length === 1 && exponent[0] === 1;
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1;
  return { bits, hasBadExponent: isOne || !isOdd || exponent[0]! >= 0x80 };
}

/** Of a positive number; 0 for any other, which is no modulus. */
function modulusBits(numbers: DerReader): number {
  const modulus = numbers.expect(tags.integer, "the modulus");
  if ((modulus[0] ?? 0x80) >= 0x80) return 0;
  const start = modulus.findIndex((byte) => byte !== 0);
  return start === -1 ? 0 : 8 * (modulus.length - start) - (Math.clz32(modulus[start]!) - 24);
}

/** In whole bytes, of a point (SEC 1, 2.3.3): one number where it is compressed, two where it is not. */
function fieldBits(point: Buffer): number {
  const coordinates = point.length - 1;
  if (point[0] === 0x02 || point[0] === 0x03) return 8 * coordinates;
  return point[0] === 0x04 && coordinates % 2 === 0 ? 4 * coordinates : 0;
}

/** @throws DerError when it is not an AlgorithmIdentifier of a signature */
export function readSignatureAlgorithm(element: Buffer): SignatureFacts {
  const algorithm = new DerReader(element).enter(tags.sequence, "the signature's algorithm");
  const oid = decodeOid(algorithm.expect(tags.oid, "the signature's algorithm"));
  if (oid === pss) return { oid, hash: readPssHash(algorithm) };
  return { oid, hash: signatureHashes[oid] };
}

/** RFC 4055, 3.1: what is not said is SHA-1. */
function readPssHash(algorithm: DerReader): Hash | undefined {
  if (algorithm.atEnd) return "SHA-1";
  const parameters = algorithm.enter(tags.sequence, "the parameters of the signature");
  const said = parameters.optional(0xa0);
  if (said === undefined) return "SHA-1";
  const hash = new DerReader(said).enter(tags.sequence, "the hash of the signature");
  return hashes[decodeOid(hash.expect(tags.oid, "the hash of the signature"))];
}
