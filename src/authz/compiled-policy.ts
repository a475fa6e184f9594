import { LRUCache } from "lru-cache";
import { formatPrincipal, isPrincipalName, isTenantName, systemTenant } from "../names.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import { type Action, isAction } from "./actions.js";
import type { AccessRequest } from "./authorizer.js";
import { breathe } from "./breathe.js";
import { CasbinEnforcer } from "./enforcer.js";
import { wildcard } from "./columns.js";
import { quote } from "./findings.js";
import { concernsTenant, type PolicyRows, type Rule } from "./policy-csv.js";
import { rolesOf } from "./roles.js";
import { isRequestableTopic, topicMatch } from "./topic-pattern.js";

export interface Decision {
  readonly allowed: boolean;
  /** The rule that allowed or denied; undefined when none spoke of it. */
  readonly rule: Rule | undefined;
  /** For the server's log. */
  readonly reason: string;
}

const maxDecisions = 10_000;
/** Lists ask about very many topics: their decisions must not crowd out those of calls. */
const maxListedDecisions = 50_000;
const maxAllowingPatterns = 1_000;

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
  readonly #limits: ReadonlyMap<string, TenantLimits>;
  readonly #rows: PolicyRows;
  readonly #decisions = new LRUCache<string, Decision>({ max: maxDecisions });
  readonly #listedDecisions = new LRUCache<string, Decision>({ max: maxListedDecisions });
  readonly #allowingPatterns = new LRUCache<string, ReadonlySet<string>>({ max: maxAllowingPatterns });

  private constructor(
    version: string,
    enforcers: ReadonlyMap<string, CasbinEnforcer<Rule>>,
    limits: ReadonlyMap<string, TenantLimits>,
    rows: PolicyRows,
  ) {
    this.version = version;
    this.tenants = [...enforcers.keys()].filter((tenant) => tenant !== systemTenant).toSorted();
    this.#enforcers = enforcers;
    this.#limits = limits;
    this.#rows = rows;
  }

  static async build(
    version: string,
    model: string,
    tenants: ReadonlyMap<string, TenantLimits>,
    rows: PolicyRows,
  ): Promise<CompiledPolicy> {
    const enforcers = new Map<string, CasbinEnforcer<Rule>>();
    for (const tenant of [...tenants.keys(), systemTenant]) {
      const rules = rows.rules.filter((rule) => concernsTenant(rule, tenant));
      // Under the tenant's own name: Casbin knows no wildcard in a role's tenant.
      const roles = rows.assignments
        .filter((assignment) => concernsTenant(assignment, tenant))
        .map((assignment) => [assignment.member, assignment.role, tenant]);
      enforcers.set(tenant, await CasbinEnforcer.build(model, rules, roles));
      await breathe();
    }
    return new CompiledPolicy(version, enforcers, tenants, rows);
  }

  isDeclaredTenant(name: string): boolean {
    return name !== systemTenant && this.#enforcers.has(name);
  }

  limitsOf(tenant: string): TenantLimits {
    return this.#limits.get(tenant) ?? defaultTenantLimits;
  }

  /** Whether there is a topic of the tenant that the principal may be allowed. */
  permitsSome(request: Omit<AccessRequest, "topic">): boolean {
    return this.#enforcers.has(request.tenant) && this.#patternsAllowing(request).size > 0;
  }

  /** For lists: the same as `decide(request).allowed`, but that topics that no rule speaks of cost next to nothing. */
  permits(request: AccessRequest): boolean {
    for (const pattern of this.#patternsAllowing(request)) {
      if (topicMatch(request.topic, pattern)) return this.decide(request, this.#listedDecisions).allowed;
    }
    return false;
  }

  /** The same as `evaluate`, remembered. */
  decide({ principal, action, tenant, topic }: AccessRequest, known = this.#decisions): Decision {
    // In a template, undefined would become the valid name "undefined".
    if (![principal.tenant, principal.name, action, tenant, topic].every((part) => typeof part === "string")) {
      return refused("the request is incomplete");
    }
    // Only decisions on valid names are kept, and no valid name has a slash or a newline: a key that hostile names make
    // up has more of them than any that is kept, so it is never another request's key.
    const key = `${principal.tenant}/${principal.name}\n${action}\n${tenant}\n${topic}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const problem = problemWith(principal.tenant, principal.name, action, topic);
    if (problem !== undefined) return refused(problem);
    if (!this.#enforcers.has(tenant)) return refused(`the tenant ${quote(tenant)} is not declared`);
    const decision = this.evaluate(formatPrincipal(principal), action, tenant, topic);
    known.set(key, decision);
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

  /** Topics that some rule might allow the principal: no other is allowed, whatever the matcher says. */
  #patternsAllowing({ principal, action, tenant }: Omit<AccessRequest, "topic">): ReadonlySet<string> {
    const subject = formatPrincipal(principal);
    const key = `${subject}\n${action}\n${tenant}`;
    const known = this.#allowingPatterns.get(key);
    if (known !== undefined) return known;
    const subjects = rolesOf(subject, tenant, this.#rows);
    const patterns = this.#rows.rules.filter(
      (rule) => concernsTenant(rule, tenant) && mayAllow(rule, action) && subjects.has(rule.subject),
    );
    const found = new Set(patterns.map(({ pattern }) => pattern));
    this.#allowingPatterns.set(key, found);
    return found;
  }
}

function mayAllow({ cells }: Rule, action: Action): boolean {
  const [ruleAction, effect] = cells.slice(3);
  return effect === "allow" && (ruleAction === action || ruleAction === wildcard);
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
