import { LRUCache } from "lru-cache";
import { formatPrincipal, isPrincipalName, isTenantName, systemTenant } from "../names.js";
import { type Action, isAction } from "./actions.js";
import type { AccessRequest } from "./authorizer.js";
import { breathe } from "./breathe.js";
import { CasbinEnforcer } from "./enforcer.js";
import { quote } from "./findings.js";
import { concernsTenant, type PolicyRows, type Rule } from "./policy-csv.js";
import { isRequestableTopic } from "./topic-pattern.js";

export interface Decision {
  readonly allowed: boolean;
  /** The rule that allowed or denied; undefined when none spoke of it. */
  readonly rule: Rule | undefined;
  /** For the server's log. */
  readonly reason: string;
}

const maxDecisions = 10_000;

/**
 * One version of the policy, built whole and never changed: the next version is another object, with a cache of its own.
 *
 * Each resource tenant has an enforcer with the rows that concern it. Casbin looks at every row for every decision, so the
 * size of one tenant's policy is nothing to the others; and no row of one tenant is ever weighed for another's topics.
 */
export class CompiledPolicy {
  readonly version: string;
  readonly tenants: readonly string[];
  readonly #enforcers: ReadonlyMap<string, CasbinEnforcer<Rule>>;
  readonly #decisions = new LRUCache<string, Decision>({ max: maxDecisions });

  private constructor(version: string, enforcers: ReadonlyMap<string, CasbinEnforcer<Rule>>) {
    this.version = version;
    this.tenants = [...enforcers.keys()].filter((tenant) => tenant !== systemTenant).toSorted();
    this.#enforcers = enforcers;
  }

  static async build(
    version: string,
    model: string,
    tenants: readonly string[],
    rows: PolicyRows,
  ): Promise<CompiledPolicy> {
    const enforcers = new Map<string, CasbinEnforcer<Rule>>();
    for (const tenant of [...tenants, systemTenant]) {
      const rules = rows.rules.filter((rule) => concernsTenant(rule, tenant));
      // Under the tenant's own name: Casbin knows no wildcard in a role's tenant.
      const roles = rows.assignments
        .filter((assignment) => concernsTenant(assignment, tenant))
        .map((assignment) => [assignment.member, assignment.role, tenant]);
      enforcers.set(tenant, await CasbinEnforcer.build(model, rules, roles));
      await breathe();
    }
    return new CompiledPolicy(version, enforcers);
  }

  isDeclaredTenant(name: string): boolean {
    return name !== systemTenant && this.#enforcers.has(name);
  }

  /** The same as `evaluate`, remembered. */
  decide({ principal, action, tenant, topic }: AccessRequest): Decision {
    // In a template, undefined would become the valid name "undefined".
    if (![principal.tenant, principal.name, action, tenant, topic].every((part) => typeof part === "string")) {
      return refused("the request is incomplete");
    }
    // Only decisions on valid names are kept, and no valid name has a slash or a newline: a key that hostile names make
    // up has more of them than any that is kept, so it is never another request's key.
    const key = `${principal.tenant}/${principal.name}\n${action}\n${tenant}\n${topic}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const problem = problemWith(principal.tenant, principal.name, action, topic);
    if (problem !== undefined) return refused(problem);
    if (!this.#enforcers.has(tenant)) return refused(`the tenant ${quote(tenant)} is not declared`);
    const decision = this.evaluate(formatPrincipal(principal), action, tenant, topic);
    this.#decisions.set(key, decision);
    return decision;
  }

  /**
   * Asks Casbin. All names must be valid, and the tenant declared or `_system`.
   * @throws Error when the matcher cannot be evaluated
   */
  evaluate(principal: string, action: Action, tenant: string, topic: string): Decision {
    const { allowed, rule } = this.#enforcers.get(tenant)!.decide(principal, tenant, topic, action);
    if (rule === undefined) return refused("no rule allows it");
    return { allowed, rule, reason: allowed ? "a rule allows it" : "a rule denies it" };
  }
}

function refused(reason: string): Decision {
  return { allowed: false, rule: undefined, reason };
}

function problemWith(home: string, name: string, action: string, topic: string): string | undefined {
  if (!isTenantName(home) || !isPrincipalName(name)) return "the principal is not a valid name";
  if (!isAction(action)) return `there is no action ${quote(action)}`;
  if (!isRequestableTopic(topic)) return "the topic is not a valid name";
  return undefined;
}
