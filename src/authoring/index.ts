/** Editing a policy's files: their usual form, and giving and taking rights, as a person would do it in an editor. */
export { formatPolicy, type Reformatted } from "./format-policy.js";
export { planGrant } from "./grant.js";
export type { EditPlan } from "./plan.js";
export { replaceFile } from "./replace-file.js";
export { planRevoke } from "./revoke.js";
export type { Wanted } from "./asked.js";
