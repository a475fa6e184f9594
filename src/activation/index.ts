/** Which policy is in force: how another one gets there, what is kept of earlier ones, and what the files have to do with it. */
export type { ActivationObserver, RefusedFiles } from "./observer.js";
export { PolicyActivation } from "./policy-activation.js";
export type { ActivateOptions, ActivationOptions, PolicyStatus } from "./terms.js";
export { type PolicyVersion, keptVersions } from "./history.js";
