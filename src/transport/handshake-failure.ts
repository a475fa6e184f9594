import { type IdentityProblem, identityProblems } from "../identity/index.js";

/**
 * Why a connection was refused, in one word to count by. Beside those of identity: `full`: the process has all the connections
 * that it may; `handshakes`: too many handshakes were under way, and this was the oldest; `timeout`: it took too long;
 * `protocol`: no TLS that is spoken here; `gave_up`: the client broke it off; `other`: see the reason.
 */
export type RefusalKind = IdentityProblem | "full" | "handshakes" | "timeout" | "protocol" | "gave_up" | "other";

export const refusalKinds: readonly RefusalKind[] = [
  ...identityProblems,
  "full",
  "handshakes",
  "timeout",
  "protocol",
  "gave_up",
  "other",
];

export interface HandshakeFailure {
  readonly kind: RefusalKind;
  /** In words for the server's log. The caller learns nothing but that it failed. */
  readonly reason: string;
}

/**
 * Why a handshake failed.
 * @param finding what OpenSSL has against the certificate, in its words, if that is known
 */
export function whyHandshakeFailed(
  error: Error & { readonly library?: unknown },
  socket: { readonly authorizationError?: unknown },
  finding?: string,
): HandshakeFailure {
  // What OpenSSL found wrong with the certificate. Node then closes the socket, and reports only that it was closed.
  // Its type says that it is an Error; it is a code, or nothing.
  const found = socket.authorizationError;
  if (typeof found === "string") {
    const [kind, reason] = certificateProblems[found] ?? [
      "untrusted",
      `OpenSSL does not accept the certificate: ${finding ?? found}`,
    ];
    return { kind, reason };
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const known = handshakeProblems[code];
  if (known !== undefined) return { kind: known[0], reason: known[1] };
  if (typeof error.library === "string" && readers.has(error.library)) {
    return { kind: "malformed", reason: `a certificate that was shown is malformed: ${wordsOf(error)}` };
  }
  return { kind: kindOf(code), reason: wordsOf(error) };
}

/** The parts of OpenSSL that read certificates and their keys; of a client's other messages they read nothing. */
const readers: ReadonlySet<string> = new Set(["asn1 encoding routines", "digital envelope routines"]);

/** What a client that breaks a handshake off says with it. */
const alert = /^ERR_SSL_(?:TLSV1_ALERT|SSLV3_ALERT|TLSV13_ALERT|TLSV1_UNRECOGNIZED)_/;
/** What comes of bytes that are no message of a handshake. */
const malformed =
  /^ERR_SSL_(?:.*(?:LENGTH|RECORD|MESSAGE|DIGEST|VERSION|PROTOCOL|CIPHER|GROUP|EXTENSION|PACKET|COMPRESSION|CONTEXT|POINT|DERIVATION).*)$/;
const tooWeak = /^ERR_SSL_(?:EE|CA)_(?:KEY|MD)_TOO_/;

function kindOf(code: string): RefusalKind {
  if (tooWeak.test(code)) return "weak";
  if (alert.test(code)) return "gave_up";
  return malformed.test(code) ? "protocol" : "other";
}

/** OpenSSL's whole message has addresses of its memory and of its source. */
function wordsOf(error: Error): string {
  return "reason" in error && typeof error.reason === "string" ? error.reason : error.message.trim();
}

type Explained = Readonly<Record<string, readonly [kind: RefusalKind, reason: string]>>;

const wronglySigned = [
  "untrusted",
  "the certificate is not signed by the authority that it names: another has the same name, or it was altered",
] as const;
const untrusted = ["untrusted", "the certificate's authority is not trusted here"] as const;
const gaveUp = "the client gave up the handshake; perhaps it does not trust the server's certificate";

/** Source: OpenSSL, X509_STORE_CTX_get_error; Node's names for them. */
const certificateProblems: Explained = {
  CA_KEY_TOO_SMALL: ["weak", "an authority of the certificate has a key that is too small"],
  CA_MD_TOO_WEAK: ["weak", "the certificate or one of its authorities is signed by a digest that is too weak"],
  CERT_CHAIN_TOO_LONG: ["chain_too_long", "too many certificates lead to the authority"],
  CERT_HAS_EXPIRED: ["expired", "the certificate has expired"],
  CERT_NOT_YET_VALID: ["not_yet_valid", "the certificate is not valid yet"],
  CERT_REVOKED: ["revoked", "the certificate was revoked"],
  CERT_SIGNATURE_FAILURE: wronglySigned,
  DEPTH_ZERO_SELF_SIGNED_CERT: ["untrusted", "the certificate is self-signed"],
  EE_KEY_TOO_SMALL: ["weak", "the certificate's key is too small"],
  INVALID_CA: ["untrusted", "the certificate was issued by one that is no authority"],
  INVALID_PURPOSE: [
    "wrong_usage",
    "the certificate, or an authority above it, lacks the clientAuth usage, or is no authority",
  ],
  PATH_LENGTH_EXCEEDED: ["chain_too_long", "more certificates lead to the authority than one of them allows"],
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
};

/** Source: Node's names for the reasons of OpenSSL; each was seen with such a client. */
const handshakeProblems: Explained = {
  ECONNRESET: ["gave_up", gaveUp],
  EPIPE: ["gave_up", gaveUp],
  ERR_SSL_HTTP_REQUEST: ["protocol", "the client speaks HTTP without TLS"],
  ERR_SSL_HTTPS_PROXY_REQUEST: ["protocol", "the client takes the server for an HTTP proxy"],
  ERR_SSL_WRONG_VERSION_NUMBER: ["protocol", "the client speaks no TLS, but HTTP/2 in the clear or something else"],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ["protocol", "the client's protocol is too old: it offers no TLS 1.3"],
  ERR_SSL_NO_SHARED_CIPHER: ["protocol", "the client offers no cipher that is allowed here"],
  ERR_SSL_BAD_SIGNATURE: ["untrusted", "the client did not prove that it has the certificate's key"],
  // What Node sees of CERT_SIGNATURE_FAILURE where the client's next bytes came together with its certificate.
  ERR_SSL_EVP_LIB: wronglySigned,
  ERR_SSL_CERT_LENGTH_MISMATCH: ["malformed", "something follows a certificate that was shown"],
  ERR_SSL_WRONG_SIGNATURE_TYPE: ["protocol", "the client signs in a way that is not allowed here"],
  ERR_SSL_NO_SUITABLE_KEY_SHARE: ["protocol", "the client offers no key exchange that is allowed here"],
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: ["protocol", "the client takes no signature that the server's key can make"],
  ERR_SSL_NO_APPLICATION_PROTOCOL: [
    "protocol",
    "the client has no application protocol in common with the server: it offers no HTTP/2 (h2)",
  ],
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: ["no_certificate", "the client did not return a certificate"],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: [
    "gave_up",
    "the client does not know the authority of the server's certificate, and gave up",
  ],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: [
    "gave_up",
    "the client does not accept the server's certificate, and gave up",
  ],
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ["gave_up", "the client does not accept the server's certificate, and gave up"],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: [
    "gave_up",
    "to the client the server's certificate has expired, and it gave up; perhaps its clock is wrong",
  ],
};
