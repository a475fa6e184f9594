import { type KeyObject, type KeyPairKeyObjectResult, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { OperatorError } from "../errors.js";

/** Sizes of an RSA key that are made here. */
export const rsaBits = [2048, 3072] as const;
export type RsaBits = (typeof rsaBits)[number];

const curves: readonly (string | undefined)[] = ["prime256v1", "secp384r1", "secp521r1"];
const largestRsaBits = 8192;

export async function makeRsaKey(bits: RsaBits): Promise<KeyPairKeyObjectResult> {
  return promisify(generateKeyPair)("rsa", { modulusLength: bits });
}

/**
 * A new key of the kind, and the size, that this one has.
 * @throws OperatorError for a kind that is not made here
 */
export async function makeKeyLike(publicKey: KeyObject): Promise<KeyPairKeyObjectResult> {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  const weakness = weaknessOf(publicKey);
  if (weakness !== undefined) throw new OperatorError(`no key like the old one is made: ${weakness}`);
  if (type === "rsa") return promisify(generateKeyPair)("rsa", { modulusLength: details!.modulusLength! });
  if (type === "ec") return promisify(generateKeyPair)("ec", { namedCurve: details!.namedCurve! });
  if (type === "ed25519") return promisify(generateKeyPair)("ed25519", {});
  throw new OperatorError(`no keys of the kind ${type ?? "unknown"} are made here: bring a request with --csr`);
}

/** PKCS#8. */
export function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Why nobody gets in here with this key, as a sentence without its end; undefined where it will do. */
export function weaknessOf(publicKey: KeyObject): string | undefined {
  const { asymmetricKeyType: type = "unknown", asymmetricKeyDetails: details } = publicKey;
  switch (type) {
    case "rsa":
    case "rsa-pss":
      return rsaWeakness(details?.modulusLength ?? 0, details?.publicExponent ?? 0n);
    case "ec":
      return curves.includes(details?.namedCurve)
        ? undefined
        : `TLS 1.3 has no signatures on the curve ${details?.namedCurve ?? "that it has"}; P-256, P-384 and P-521 will do`;
    case "ed25519":
    case "ed448":
      return undefined;
    default:
      return `its key is of the kind ${type}, with which nobody can sign in TLS 1.3`;
  }
}

function rsaWeakness(bits: number, exponent: bigint): string | undefined {
  if (bits < 2048) return `its RSA key has ${bits} bits, and 2048 are the least`;
  if (bits > largestRsaBits) return `its RSA key has ${bits} bits, and ${largestRsaBits} are the most`;
  // With an exponent of 1 everybody could sign.
  if (exponent < 3n || exponent % 2n === 0n) return `its RSA key has the exponent ${exponent}`;
  return undefined;
}
