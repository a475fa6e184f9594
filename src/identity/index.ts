/** Who is calling: from a peer's certificate to a principal, once per connection. Certificates are the only source. */

export { type CertificateFacts, certificateFacts, fingerprint256 } from "./certificate.js";
export { formatName } from "./distinguished-name.js";
export { faultIn, vouchesForClients } from "./fitness.js";
export type { Connection } from "./connection.js";
export { type ConnectionInfo, Connections } from "./connections.js";
export {
  type Identity,
  type IdentityProblem,
  IdentityRefused,
  type Judge,
  type Presented,
  type TenantStanding,
  identityProblems,
} from "./identity.js";
export { remedies } from "./remedies.js";
export { type FingerprintsIn, maxRulesBytes, parseIdentityRules } from "./rules-yaml.js";
export { type IdentityRule, IdentityRules, type Named, type RuleStep } from "./rules.js";
export { Authority, findCircle } from "./chain.js";
export { type RevocationList, RevocationListError, readRevocationList } from "./revocation-list.js";
export { checkSignedBy, maySignLists } from "./revocation-lists.js";
export { type JudgeOptions, type TenantGate, Trust, type TrustParts } from "./trust.js";
export type { Question, Step } from "./walk.js";
