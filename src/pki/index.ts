/**
 * The certificate authority: makes, issues and inspects. node-forge stays in this room, and it only ever makes
 * certificates; who a peer is, is decided by OpenSSL and by `identity/`.
 */

export { type CertificateSummary, inspectCertificate } from "./inspect.js";
export { examplePrincipals, initCertificates, issueCertificate } from "./issue.js";
export { certificatesIn } from "./pem.js";
export { ShortLivedAuthority, type ShortLivedOptions, issueSelfSigned } from "./short-lived.js";
