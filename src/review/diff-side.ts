import {
  type Action,
  type Assignment,
  columnsFor,
  type Decision,
  entry,
  isRole,
  type LoadedPolicy,
  Pace,
  principalNamed,
  roleOf,
  type Rule,
} from "../authz/index.js";
import { parsePrincipal, systemTenant } from "../names.js";

/** One of two policies that are compared: who has which rules in a tenant, and what comes of them. */
export class Side {
  readonly policy: LoadedPolicy;
  /** Tenant column → subject → its rules. */
  readonly #rules = new Map<string, Map<string, Rule[]>>();
  /** Tenant column → role → who is given it there. */
  readonly #members = new Map<string, Map<string, string[]>>();
  /** Of principals; under the simple model all that there are. */
  readonly #names = new Set<string>();

  private constructor(policy: LoadedPolicy) {
    this.policy = policy;
  }

  static async of(policy: LoadedPolicy): Promise<Side> {
    const side = new Side(policy);
    const pace = new Pace();
    for (const assignment of policy.rows.assignments) {
      side.#addAssignment(assignment);
      await pace.step();
    }
    for (const rule of policy.rows.rules) {
      entry(
        entry(side.#rules, rule.tenant, () => new Map<string, Rule[]>()),
        rule.subject,
        () => [] as Rule[],
      ).push(rule);
      side.#addName(rule.subject);
      await pace.step();
    }
    return side;
  }

  /** Whether topics can be the tenant's. */
  isOwner(tenant: string): boolean {
    return tenant === systemTenant || this.policy.tenants.has(tenant);
  }

  /**
   * What Casbin says. Callers whose own tenant is not declared cannot connect, so they are refused whatever the rules say.
   * @param principal, topic valid names
   * @throws Error when the matcher cannot be evaluated
   */
  decide(principal: string, action: Action, tenant: string, topic: string): Pick<Decision, "allowed" | "rule"> {
    const home = parsePrincipal(principal)?.tenant;
    if (home === undefined || !this.policy.tenants.has(home) || !this.isOwner(tenant)) return refused;
    return this.policy.compiled.evaluate(principal, action, tenant, topic);
  }

  /** The name itself, and the roles that it has in the tenant. */
  rolesOf(name: string, tenant: string): ReadonlySet<string> {
    return this.policy.compiled.rolesOf(name, tenant);
  }

  /** Names the rules that the principal has in the tenant: with the same text come the same rules. */
  classOf(principal: string, tenant: string): string {
    if (!this.isOwner(tenant)) return "";
    const parts: string[] = [];
    for (const column of columnsFor(tenant)) {
      const rules = this.#rules.get(column);
      if (rules === undefined) continue;
      for (const subject of this.rolesOf(principal, tenant)) if (rules.has(subject)) parts.push(`${column} ${subject}`);
    }
    return parts.sort().join("\n");
  }

  /** The rules that are weighed for the principal's requests about the tenant's topics, in no order. */
  rulesOf(principal: string, tenant: string): Rule[] {
    if (!this.isOwner(tenant)) return [];
    const subjects = [...this.rolesOf(principal, tenant)];
    return columnsFor(tenant).flatMap((column) => {
      const rules = this.#rules.get(column);
      return rules === undefined ? [] : subjects.flatMap((subject) => rules.get(subject) ?? []);
    });
  }

  /** Every subject of a rule that is weighed for the tenant's topics. */
  subjectsIn(tenant: string): string[] {
    return columnsFor(tenant).flatMap((column) => [...(this.#rules.get(column)?.keys() ?? [])]);
  }

  /** Every topic column of a rule that is weighed for the tenant's topics. */
  patternsIn(tenant: string): Set<string> {
    return new Set(this.isOwner(tenant) ? this.policy.compiled.patternsOf(tenant) : []);
  }

  /** Everybody whom `policy.csv` names. */
  *principals(): Generator<string> {
    const homes = this.policy.simple === undefined ? [systemTenant] : this.policy.compiled.tenants;
    for (const home of homes) {
      for (const name of this.#names) yield principalNamed(name, home, this.policy) ?? name;
    }
  }

  /** Whether `policy.csv` names the principal. */
  names(principal: string): boolean {
    const { name } = parsePrincipal(principal) ?? {};
    return this.#names.has(this.policy.simple === undefined || name === undefined ? principal : roleOf(name));
  }

  /** The principals among the names, and those that have one of them as a role in the tenant, directly or not. */
  async holders(names: Iterable<string>, tenant: string, pace: Pace): Promise<Set<string>> {
    const columns = columnsFor(tenant).flatMap((column) => this.#members.get(column) ?? []);
    const reached = new Set(names);
    const found = new Set<string>();
    // A Set visits what is added to it on the way.
    for (const name of reached) {
      const principal = principalNamed(name, tenant, this.policy);
      if (principal !== undefined) found.add(principal);
      for (const members of columns) for (const member of members.get(name) ?? []) reached.add(member);
      const pause = pace.step();
      if (pause !== undefined) await pause;
    }
    return found;
  }

  #addAssignment(assignment: Assignment): void {
    const { member, role, tenant } = assignment;
    entry(
      entry(this.#members, tenant, () => new Map<string, string[]>()),
      role,
      () => [] as string[],
    ).push(member);
    this.#addName(member);
  }

  #addName(name: string): void {
    if (this.policy.simple !== undefined || !isRole(name)) this.#names.add(name);
  }
}

const refused = { allowed: false, rule: undefined };
