import type { Principal } from "../names.js";
import type { Action } from "./actions.js";

/** One question to the policy. `tenant` is the tenant whose topic it is, not the caller's. */
export interface AccessRequest {
  readonly principal: Principal;
  readonly action: Action;
  readonly tenant: string;
  readonly topic: string;
}

/**
 * What the server's log and the audit learn about a refusal. The caller gets the id alone.
 * `tenant`, `topic` and `action` are as the caller sent them, cut to a bounded length: escape them when printing.
 */
export interface Denial {
  readonly id: string;
  /** `acme/billing` */
  readonly principal: string;
  readonly tenant: string;
  readonly topic: string;
  readonly action: string;
  readonly policyVersion: string;
  /** Why, as a sentence for an administrator; always there, also when the authorizer itself failed. */
  readonly reason: string;
  /** The deny rule that decided, with its place: `policy/policy.csv:7: p, …`. Undefined when no rule allowed it. */
  readonly rule: string | undefined;
}

/** May this principal do this? Answers at once, from memory. */
export interface Authorizer {
  /** Content hash of the files in force. The same files give the same version on every machine. */
  readonly version: string;
  /** The declared tenants, sorted. The platform's own `_system` is not among them. */
  readonly tenants: readonly string[];
  isDeclaredTenant(name: string): boolean;

  /**
   * Returns if it is allowed; there is no boolean for a caller to forget.
   * @throws PermissionDenied for every other outcome, including a malformed request and a failure inside
   */
  authorize(request: AccessRequest): void;

  /** Calls `listener` each time after another policy came into force. Returns what takes it off again. */
  onChange(listener: () => void): () => void;

  /**
   * Reads the files again and puts them in force whole, or not at all. Calls may overlap: they run one by one.
   * @throws OperatorError with every mistake in the files; the policy that was in force stays
   * @throws AggregateError when the new policy is in force but a listener failed to act on it
   */
  reload(): Promise<{ changed: boolean; version: string }>;
}
