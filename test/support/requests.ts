import { type KeyObject, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { der, derOid, derSequence, derTag } from "./der.js";

const algorithms = {
  ec: ["1.2.840.10045.4.3.2", "sha256"],
  rsa: ["1.2.840.113549.1.1.11", "sha256"],
  sha1: ["1.2.840.113549.1.1.5", "sha1"],
} as const;

/** A request for a certificate (PKCS#10, RFC 2986), PEM. @param signer another key than the one that it is for */
export function requestFor(
  key: KeyObject,
  { signer = key, algorithm = "ec" }: { signer?: KeyObject; algorithm?: keyof typeof algorithms } = {},
): Buffer {
  const subject = derSequence(
    der(derTag.set, derSequence(derOid("2.5.4.3"), der(derTag.utf8String, Buffer.from("globex root")))),
  );
  const information = derSequence(
    der(derTag.integer, Buffer.from([0])),
    subject,
    createPublicKey(key).export({ type: "spki", format: "der" }),
    der(0xa0),
  );
  const [oid, digest] = algorithms[algorithm];
  const request = derSequence(
    information,
    derSequence(derOid(oid)),
    der(derTag.bitString, Buffer.from([0]), sign(digest, information, signer)),
  );
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  return Buffer.from(
    ["-----BEGIN CERTIFICATE REQUEST-----", ...lines, "-----END CERTIFICATE REQUEST-----", ""].join("\n"),
  );
}

export function ecKey(namedCurve = "P-256"): KeyObject {
  return generateKeyPairSync("ec", { namedCurve }).privateKey;
}
