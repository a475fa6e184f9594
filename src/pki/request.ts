import { type KeyObject, createPublicKey, verify } from "node:crypto";
import { OperatorError } from "../errors.js";
import { childrenOf, readOid } from "./der.js";
import { weaknessOf } from "./keys.js";
import { digestOf } from "./signing.js";

/**
 * The public key of a request for a certificate (PKCS#10, RFC 2986), PEM or DER. Nothing else of it is used: who somebody is
 * and what for, the authority decides.
 *
 * @throws OperatorError when it is none, when whoever made it did not have the key, or when the key is weak
 */
export function keyOfRequest(bytes: Buffer): KeyObject {
  let request: { readonly publicKey: KeyObject; readonly isSigned: boolean };
  try {
    request = readRequest(derOf(bytes));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError("this is not a request for a certificate (PKCS#10) in PEM or DER", [], { cause: error });
  }
  if (!request.isSigned) {
    throw new OperatorError("the request is not signed with its own key, as whoever has the key would have done");
  }
  const weakness = weaknessOf(request.publicKey);
  if (weakness !== undefined) throw new OperatorError(`nobody could use what is requested: ${weakness}`);
  return request.publicKey;
}

function readRequest(der: Buffer): { readonly publicKey: KeyObject; readonly isSigned: boolean } {
  const [information, algorithm, signature] = childrenOf(der);
  // CertificationRequestInfo: version, subject, public key, attributes.
  const key = childrenOf(information!.whole)[2]!.whole;
  const publicKey = createPublicKey({ key, format: "der", type: "spki" });
  const oid = readOid(childrenOf(algorithm!.whole)[0]!.content);
  const digest = digestOf(oid);
  if (digest === undefined) {
    throw new OperatorError(
      `the request is signed by an algorithm that is weak or not known here (${oid}): use SHA-256`,
    );
  }
  return { publicKey, isSigned: verify(digest, information!.whole, publicKey, signature!.content.subarray(1)) };
}

function derOf(bytes: Buffer): Buffer {
  const [, body] = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([^-]+)-----END/.exec(bytes.toString("latin1")) ?? [];
  return body === undefined ? bytes : Buffer.from(body, "base64");
}
