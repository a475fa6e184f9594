import type { Principal } from "../names.js";
import type { TenantLimits } from "../tenant-limits.js";
import type { TenantStanding } from "../tenant-standing.js";
import type { Action } from "./actions.js";

/** One question to the policy. `tenant` is the tenant whose topic it is, not the caller's. */
export interface AccessRequest {
  readonly principal: Principal;
  readonly action: Action;
  readonly tenant: string;
  readonly topic: string;
  /** Of the call that asks, so that the log can name it. No part of the decision. */
  readonly requestId?: string | undefined;
  /** The path of the method that asks, such as `/log.v1.Log/Produce`; as little a part of the decision. */
  readonly method?: string | undefined;
}

/**
 * What the server's log and the audit learn about a refusal. The caller gets the id alone.
 * `tenant`, `topic` and `action` are as the caller sent them, cut to a bounded length: escape them when printing.
 */
export interface Denial {
  readonly id: string;
  /** Of the call that asked, if it was one. */
  readonly requestId: string | undefined;
  /** `/log.v1.Log/Produce`; empty if it was no call that asked. */
  readonly method: string;
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

  /** Undefined for a tenant that is not declared. */
  standingOf(tenant: string): TenantStanding | undefined;

  /** The authorities that tenants are bound to, each with these tenants, sorted: fingerprints `AB:CD:…` and names of files. */
  readonly boundAuthorities: ReadonlyMap<string, readonly string[]>;

  /**
   * Returns if it is allowed; there is no boolean for a caller to forget.
   * @throws PermissionDenied for every other outcome, including a malformed request and a failure inside
   */
  authorize(request: AccessRequest): void;

  /**
   * The same question about what a list may show: an answer, and no denial to report. Never to let a call through.
   * False for every outcome that `authorize` would throw for.
   */
  permits(request: AccessRequest): boolean;

  /**
   * False: `permits` is, for every topic of the tenant. A list that can show nothing is then made without a look at what
   * there is, and takes no longer where there is much. True says nothing.
   */
  permitsSome(request: Omit<AccessRequest, "topic">): boolean;

  /** What the tenant may use, as the files in force state it; the defaults for a tenant that is not declared. */
  limitsOf(tenant: string): TenantLimits;

  /** Calls `listener` each time after another policy came into force. Returns what takes it off again. */
  onChange(listener: () => void): () => void;
}
