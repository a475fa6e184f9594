/** May this principal do this? The policy files, what is wrong with them, and the answer. Casbin stays inside. */
export { type Action, actionPhrases, actions } from "./actions.js";
export type { AccessRequest, Authorizer, Denial } from "./authorizer.js";
export { CasbinAuthorizer } from "./casbin-authorizer.js";
export { type Effect, isRole, nameOfRole, roleOf, wildcard } from "./columns.js";
export { checkPolicy, type LoadedPolicy, loadPolicy, type PolicyReport } from "./load.js";
export { type Assignment, parsePolicy, type PolicyRows, Rule } from "./policy-csv.js";
export { type PolicyBytes, type PolicyFileName, PolicyFiles } from "./policy-files.js";
export { readRows } from "./rows.js";
export { sourceOf } from "./source-file.js";
export { readMatrix, type StatedCase, type StatedMatrix } from "./stated-matrix.js";
export { coversPattern, topicMatch } from "./topic-pattern.js";
