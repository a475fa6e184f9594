import { randomBytes } from "node:crypto";
import { OperatorError, PermissionDenied } from "../errors.js";
import type { TenantLimits } from "../tenant-limits.js";
import type { TenantStanding } from "../tenant-standing.js";
import { isTenantName, parsePrincipal, systemTenant } from "../names.js";
import { type Action, actionPhrases, isAction } from "./actions.js";
import type { AccessRequest, Authorizer, Denial } from "./authorizer.js";
import type { CompiledPolicy, Decision } from "./compiled-policy.js";
import { loadPolicy } from "./load.js";
import { PolicyFiles } from "./policy-files.js";
import { isRequestableTopic } from "./topic-pattern.js";

/** Told of what `authorize` answers. */
export interface DecisionObserver {
  /** Of every refusal, before its caller is; what it throws is dropped. */
  readonly onDenied: (denial: Denial) => void;
  /** Must not throw: the request would be refused. */
  readonly onAllowed?: (action: Action) => void;
}

/** Decides by one policy, which it holds in memory: requests never wait for the disk. */
export class CasbinAuthorizer implements Authorizer {
  readonly #observer: DecisionObserver;
  readonly #listeners = new Set<() => void>();
  /** Always one whole version: `activate` replaces the reference and touches nothing behind it. */
  #policy: CompiledPolicy;

  constructor(policy: CompiledPolicy, observer: DecisionObserver) {
    this.#policy = policy;
    this.#observer = observer;
  }

  /**
   * Over the files of one directory, as they are now.
   * @throws OperatorError with every mistake in them
   */
  static async open(directory: string, observer: DecisionObserver): Promise<CasbinAuthorizer> {
    const { policy, report } = await loadPolicy(await PolicyFiles.read(directory));
    if (policy !== undefined) return new CasbinAuthorizer(policy.compiled, observer);
    throw new OperatorError(`the policy in ${directory} cannot be used`, report.findings);
  }

  get version(): string {
    return this.#policy.version;
  }

  get tenants(): readonly string[] {
    return this.#policy.tenants;
  }

  isDeclaredTenant(name: string): boolean {
    return this.#policy.isDeclaredTenant(name);
  }

  standingOf(tenant: string): TenantStanding | undefined {
    return this.#policy.standingOf(tenant);
  }

  get boundAuthorities(): ReadonlyMap<string, readonly string[]> {
    return this.#policy.boundAuthorities;
  }

  authorize(request: AccessRequest): void {
    const policy = this.#policy;
    let decision: Decision;
    try {
      decision = policy.decide(request);
    } catch (error) {
      decision = { allowed: false, rule: undefined, reason: `the decision failed: ${String(error)}` };
    }
    if (!decision.allowed) throw this.#refusal(request, policy.version, decision);
    this.#observer.onAllowed?.(request.action);
  }

  permits(request: AccessRequest): boolean {
    try {
      return this.#policy.permits(request);
    } catch {
      return false;
    }
  }

  permitsSome(request: Omit<AccessRequest, "topic">): boolean {
    return this.#policy.permitsSome(request);
  }

  limitsOf(tenant: string): TenantLimits {
    return this.#policy.limitsOf(tenant);
  }

  onChange(listener: () => void): () => void {
    // Wrapped, so that the same function twice is two listeners, each with its own end.
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /**
   * Puts another policy in force, at once and whole, and tells the listeners.
   * @throws AggregateError when it is in force but a listener failed to act on it
   */
  activate(policy: CompiledPolicy): void {
    this.#policy = policy;
    const failures: unknown[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        failures.push(error);
      }
    }
    // Not to be passed over: a listener that failed may have left streams open that the new policy forbids.
    if (failures.length > 0)
      throw new AggregateError(failures, `policy ${policy.version} is in force, but not everywhere`);
  }

  #refusal(request: AccessRequest, policyVersion: string, { rule, reason }: Decision): PermissionDenied {
    const id = newDecisionId();
    const asked = readable(request);
    try {
      this.#observer.onDenied({
        id,
        ...asked,
        policyVersion,
        reason,
        rule: rule === undefined ? undefined : `${rule.place}: ${rule.text}`,
      });
    } catch {
      // A log that fails must not turn a refusal into something else.
    }
    return new PermissionDenied(`${inWords(asked)} (decision ${id})`, { decision: id });
  }
}

type Asked = Pick<Denial, "requestId" | "method" | "principal" | "tenant" | "topic" | "action">;

/** Reads whatever was passed as a request, without trusting its type: a refusal must come out in any case. */
function readable(request: unknown): Asked {
  try {
    const { requestId, method, principal, tenant, topic, action } = request as Record<string, unknown>;
    const { tenant: home, name } = (principal ?? {}) as Record<string, unknown>;
    return {
      requestId: requestId === undefined ? undefined : cut(requestId),
      method: cut(method),
      principal: `${cut(home)}/${cut(name)}`,
      tenant: cut(tenant),
      topic: cut(topic),
      action: cut(action),
    };
  } catch {
    return { requestId: undefined, method: "", principal: "/", tenant: "", topic: "", action: "" };
  }
}

/** An invalid name can be as long as a message. Valid ones are shorter than this, so none of them is ever cut. */
function cut(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : "";
}

/** `acme/nobody may not produce to acme/orders`: from the request alone, so it tells nothing about what exists. */
function inWords({ principal, tenant, topic, action }: Asked): string {
  const who = parsePrincipal(principal) === undefined ? "this caller" : principal;
  const what = isAction(action) ? actionPhrases[action] : "use";
  const whose = isTenantName(tenant) || tenant === systemTenant ? tenant : "(invalid name)";
  return `${who} may not ${what} ${whose}/${isRequestableTopic(topic) ? topic : "(invalid name)"}`;
}

/** In a command line, a text that begins with a hyphen would be an option. */
function newDecisionId(): string {
  let id: string;
  do id = randomBytes(9).toString("base64url");
  while (id.startsWith("-"));
  return id;
}
