/**
 * The certificate authority: makes, issues, renews, revokes, lists and inspects. node-forge stays in this room, and it only
 * ever makes certificates; who a peer is, is decided by OpenSSL and by `identity/`.
 */

export type { AlternativeNames } from "./extensions.js";
export type { CheckFinding } from "./check-finding.js";
export { type CheckOptions, type ListFile, type Role, checkCertificate } from "./check.js";
export { type AuthorityHolding, type Holding, type Holdings, holdingsIn, whoIs } from "./holdings.js";
export { type CertificateSummary, inspectCertificate } from "./inspect.js";
export {
  type InitOptions,
  type Whose,
  authorityInTheWay,
  examplePrincipals,
  initAuthority,
  initCertificates,
} from "./init.js";
export { type Issuance, type IssueOptions, issueCertificate } from "./issue.js";
export { Likeness, type NamePlace, type Rewrite } from "./likeness.js";
export { certificatesIn } from "./pem.js";
export {
  type Renewal,
  type RenewalOutcome,
  type Renewed,
  type RenewOptions,
  expiring,
  renewCertificate,
  renewExpiring,
} from "./renew.js";
export type { Standing } from "./replaced.js";
export { type Reason, reasons } from "./reasons.js";
export { type Revocation, type Target, type WrittenList, renewLists, revokeCertificates } from "./revoke.js";
export { ShortLivedAuthority, type ShortLivedOptions, issueSelfSigned } from "./short-lived.js";
export { TrialAuthority, type TrialCertificate, type TrialContent, issueAlone } from "./trial.js";
