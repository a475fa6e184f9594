import { LRUCache } from "lru-cache";
import { formatPrincipal, isPrincipalName, isTenantName, systemTenant } from "../names.js";
import { type TenantLimits, defaultTenantLimits } from "../tenant-limits.js";
import type { TenantStanding } from "../tenant-standing.js";
import { type Action, isAction } from "./actions.js";
import type { AccessRequest } from "./authorizer.js";
import { Pace } from "./breathe.js";
import { wildcard } from "./columns.js";
import { CasbinEnforcer } from "./enforcer.js";
import { quote } from "./findings.js";
import type { Model } from "./model-conf.js";
import type { PolicyRows, Rule } from "./policy-csv.js";
import { RoleIndex } from "./role-index.js";
import { RuleIndex } from "./rule-index.js";
import type { DeclaredTenant } from "./tenants-yaml.js";
import { coversPattern, isRequestableTopic } from "./topic-pattern.js";

export interface Decision {
  readonly allowed: boolean;
  /** The rule that allowed or denied; undefined when none spoke of it. */
  readonly rule: Rule | undefined;
  /** For the server's log. */
  readonly reason: string;
}

/** Names are at most some 400 characters together, so this is at most about 10 MiB, whatever callers make up. */
const maxDecisions = 20_000;
/** Lists ask about very many topics: their decisions must not crowd out those of calls. */
const maxListedDecisions = 10_000;

const unspoken = refused("no rule allows it");

/**
 * One version of the policy, built whole and never changed: the next version is another object, with a cache of its own.
 *
 * The index finds the few rules that can fit a request, and Casbin judges by these: it looks at every rule that it is given,
 * and takes as long. No rule of one tenant is ever weighed for another's topics.
 */
export class CompiledPolicy {
  readonly version: string;
  readonly tenants: readonly string[];
  /** The authorities that tenants are bound to, each with these tenants, sorted. */
  readonly boundAuthorities: ReadonlyMap<string, readonly string[]>;
  readonly #declared: ReadonlyMap<string, DeclaredTenant>;
  readonly #enforcer: CasbinEnforcer;
  readonly #isIndexable: boolean;
  readonly #isExact: boolean;
  readonly #roles: RoleIndex;
  readonly #rules: RuleIndex;
  /** Where all rules of a tenant are weighed each time: putting very many in order takes longer than to weigh a few. */
  #last: { readonly tenant: string; readonly rules: readonly Rule[] } | undefined;
  readonly #decisions = new LRUCache<string, Decision>({ max: maxDecisions });
  readonly #listedDecisions = new LRUCache<string, Decision>({ max: maxListedDecisions });

  private constructor(
    version: string,
    declared: ReadonlyMap<string, DeclaredTenant>,
    parts: { enforcer: CasbinEnforcer; model: Model; roles: RoleIndex; rules: RuleIndex },
  ) {
    this.version = version;
    this.tenants = [...declared.keys()].toSorted();
    this.#declared = declared;
    this.boundAuthorities = boundAuthoritiesOf(declared, this.tenants);
    this.#enforcer = parts.enforcer;
    this.#isIndexable = parts.model.isIndexable;
    this.#isExact = parts.model.isExact === true;
    this.#roles = parts.roles;
    this.#rules = parts.rules;
  }

  static async build(
    version: string,
    model: Model,
    tenants: ReadonlyMap<string, DeclaredTenant>,
    rows: PolicyRows,
  ): Promise<CompiledPolicy> {
    const [roles, rules, pace] = [new RoleIndex(model.isSimple), new RuleIndex(), new Pace()];
    for (const assignment of rows.assignments) {
      roles.add(assignment);
      await pace.step();
    }
    for (const rule of rows.rules) {
      rules.add(rule);
      await pace.step();
    }
    const enforcer = await CasbinEnforcer.create(model.text, (name, role, tenant) => roles.has(name, role, tenant));
    return new CompiledPolicy(version, tenants, { enforcer, model, roles, rules });
  }

  /** Whether only rules that name the caller or one of its roles, a pattern of the topic and the action can fit. */
  get isIndexable(): boolean {
    return this.#isIndexable;
  }

  isDeclaredTenant(name: string): boolean {
    return this.#declared.has(name);
  }

  /** Undefined for a tenant that is not declared. */
  standingOf(tenant: string): TenantStanding | undefined {
    return this.#declared.get(tenant)?.standing;
  }

  limitsOf(tenant: string): TenantLimits {
    return this.#declared.get(tenant)?.limits ?? defaultTenantLimits;
  }

  /** Whether there may be a topic of the tenant that the principal is allowed. */
  permitsSome({ principal, action, tenant }: Omit<AccessRequest, "topic">): boolean {
    return this.#isOwner(tenant) && this.mayAllow(formatPrincipal(principal), action, tenant);
  }

  /** Whether there may be a topic for which `evaluate` allows the action, or for `*` any. Names are as there. */
  mayAllow(principal: string, action: Action | typeof wildcard, tenant: string): boolean {
    if (!this.#isIndexable) return true;
    return this.#rules.mayAllow({ subjects: this.#roles.of(principal, tenant), tenant, action });
  }

  /** For lists: the same as `decide(request).allowed`. */
  permits(request: AccessRequest): boolean {
    return this.decide(request, this.#listedDecisions).allowed;
  }

  /** The topic columns of the rules for the tenant; some more than once. */
  *patternsOf(tenant: string): Generator<string> {
    for (const { pattern } of this.#rules.concerning(tenant)) yield pattern;
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
    if (!this.#isOwner(tenant)) return refused(`the tenant ${quote(tenant)} is not declared`);
    const decision = this.evaluate(formatPrincipal(principal), action, tenant, topic);
    known.set(key, decision);
    return decision;
  }

  /**
   * Asks Casbin. All names must be valid, and the tenant declared or `_system`.
   * @throws Error when the matcher cannot be evaluated
   */
  evaluate(principal: string, action: Action, tenant: string, topic: string): Decision {
    const rules = this.candidates(principal, action, tenant, topic);
    const allowing = rules.filter(({ effect }) => effect === "allow");
    const last = allowing.at(-1);
    // One rule that allows is enough, and the last is the one that Casbin would name; but each that denies has its say.
    const first = rules.filter((rule) => rule === last || rule.effect === "deny");
    const decision = this.evaluateBy(first, principal, action, tenant, topic);
    if (decision.rule !== undefined || allowing.length < 2) return decision;
    return this.evaluateBy(allowing, principal, action, tenant, topic);
  }

  /** The name of a principal or role itself, and the roles that it has in the tenant, or for `*` in every one. */
  rolesOf(name: string, tenant: string): ReadonlySet<string> {
    return this.#roles.of(name, tenant);
  }

  /**
   * A rule beside which this one decides nothing: it denies whatever this one speaks of, or says the same to all of it.
   * Undefined also where nobody knows, because the matcher asks for more than the index does.
   *
   * @param subjects `rolesOf` the rule's subject in its tenant
   */
  overruling(rule: Rule, subjects: ReadonlySet<string>): Rule | undefined {
    if (!this.#isExact) return undefined;
    const asked = { subjects, tenant: rule.tenant, action: rule.action };
    // A pattern is covered by those that cover its shortest name, but for that name itself.
    const shortest = rule.pattern.replace(wildcard, "");
    let found: Rule | undefined;
    for (const other of this.#rules.fitting(asked, shortest)) {
      if (other === rule || !coversPattern(other.pattern, rule.pattern)) continue;
      if (other.effect === "deny") return other;
      if (rule.effect === "allow") found = other;
    }
    return found;
  }

  /** Does `work` as if the principal had this role in the tenant too. */
  supposing<Result>(role: string, principal: string, tenant: string, work: () => Result): Result {
    return this.#roles.supposing({ member: principal, role, tenant }, work);
  }

  /**
   * What Casbin would say if there were these rules and no others: so it says which of them fit, and what denies hide.
   * @throws Error when the matcher cannot be evaluated
   */
  evaluateBy(rules: readonly Rule[], principal: string, action: Action, tenant: string, topic: string): Decision {
    // Without rules Casbin evaluates the matcher all the same, with nothing in place of each.
    if (rules.length === 0) return unspoken;
    const { allowed, rule } = this.#enforcer.decide(principal, tenant, topic, action, rules);
    if (rule === undefined) return unspoken;
    return { allowed, rule, reason: allowed ? "a rule allows it" : "a rule denies it" };
  }

  /** All rules that can fit the request, in the order of the file. */
  candidates(principal: string, action: Action, tenant: string, topic: string): readonly Rule[] {
    if (!this.#isIndexable) return this.#allFor(tenant);
    const found = this.#rules.fitting({ subjects: this.#roles.of(principal, tenant), tenant, action }, topic);
    return found.length < 2 ? found : found.sort(inOrder);
  }

  #allFor(tenant: string): readonly Rule[] {
    const last = this.#last;
    if (last?.tenant === tenant) return last.rules;
    const rules = [...this.#rules.concerning(tenant)].sort(inOrder);
    this.#last = { tenant, rules };
    return rules;
  }

  /** Whether topics can be the tenant's. */
  #isOwner(tenant: string): boolean {
    return tenant === systemTenant || this.#declared.has(tenant);
  }
}

function boundAuthoritiesOf(
  declared: ReadonlyMap<string, DeclaredTenant>,
  tenants: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const bound = new Map<string, string[]>();
  for (const tenant of tenants)
    for (const authority of declared.get(tenant)!.standing.authorities ?? [])
      bound.set(authority, [...(bound.get(authority) ?? []), tenant]);
  return bound;
}

function inOrder(one: Rule, other: Rule): number {
  return one.line - other.line;
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
