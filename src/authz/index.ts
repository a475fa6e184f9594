/** May this principal do this? The policy files, what is wrong with them, and the answer. Casbin stays inside. */
export { type Action, actions } from "./actions.js";
export type { AccessRequest, Authorizer, Denial } from "./authorizer.js";
export { CasbinAuthorizer } from "./casbin-authorizer.js";
export { checkPolicy, type PolicyReport } from "./load.js";
export { readMatrix, type StatedCase, type StatedMatrix } from "./stated-matrix.js";
