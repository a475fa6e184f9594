/** Which policy is in force: how another one gets there, what is kept of earlier ones, and what the files have to do with it. */
export type { ActivationObserver, RefusedFiles } from "./observer.js";
export {
  PolicyActivation,
  type ActivateOptions,
  type ActivationOptions,
  type PolicyStatus,
} from "./policy-activation.js";
export { type PolicyVersion, keptVersions } from "./history.js";
