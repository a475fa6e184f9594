/** May this principal do this? The policy files, what is wrong with them, and the answer. Casbin stays inside. */
export { type Action, actionPhrases, actions, isAction } from "./actions.js";
export type { AccessRequest, Authorizer, Denial } from "./authorizer.js";
export { assignmentAsWritten, nameAsWritten, principalNamed } from "./as-written.js";
export { BreakGlass, type Judge } from "./break-glass.js";
export { Pace } from "./breathe.js";
export { isSurplus } from "./findings.js";
export { CasbinAuthorizer, type DecisionObserver } from "./casbin-authorizer.js";
export { type Effect, isRole, nameOfRole, roleOf, wildcard } from "./columns.js";
export type { CompiledPolicy, Decision } from "./compiled-policy.js";
export { checkPolicy, type LoadedPolicy, loadPolicy, type PolicyReport } from "./load.js";
export { type MatrixCase, type MatrixRow, parseMatrix, spelledOut } from "./matrix-csv.js";
export { type Assignment, parsePolicy, type PolicyRows, Rule } from "./policy-csv.js";
export {
  type PolicyBytes,
  policyFileLimits,
  type PolicyFileName,
  policyFileNames,
  PolicyFiles,
} from "./policy-files.js";
export { type Refusal, Refusals } from "./refusals.js";
export { columnsFor, entry, RoleIndex } from "./role-index.js";
export { readRows } from "./rows.js";
export { connectionsTopic, policyTopic } from "./server-topics.js";
export { readSource, sourceOf } from "./source-file.js";
export { readMatrix, type StatedCase, type StatedMatrix } from "./stated-matrix.js";
export { coversPattern, isRequestableTopic, isTopicPattern, topicMatch } from "./topic-pattern.js";
export { whyUnusable } from "./unusable-policy.js";
