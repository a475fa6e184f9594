import type { TLSSocket } from "node:tls";

/** Why a handshake failed, in words for the server's log. The caller learns nothing but that it failed. */
export function whyHandshakeFailed(error: Error, socket: TLSSocket): string {
  // What OpenSSL found wrong with the certificate. Node then closes the socket, and reports only that it was closed.
  // The types say that it is an Error; it is a code, or nothing.
  const code = socket.authorizationError as unknown;
  if (typeof code === "string") return certificateProblems[code] ?? `the certificate was not accepted: ${code}`;
  if ("code" in error && error.code === "ECONNRESET") {
    return "the client gave up the handshake; perhaps it does not trust the server's certificate";
  }
  // OpenSSL's whole message has addresses of its memory and of its source.
  return "reason" in error && typeof error.reason === "string" ? error.reason : error.message.trim();
}

/** Source: OpenSSL, X509_STORE_CTX_get_error; Node's names for them. */
const certificateProblems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  CERT_SIGNATURE_FAILURE: "the certificate is not signed by the authority that it names: another has the same name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  INVALID_CA: "the certificate was issued by one that is no authority",
  INVALID_PURPOSE: "the certificate lacks the clientAuth usage",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's authority is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's authority is not trusted here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is not trusted here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate's authority is not trusted here",
};
