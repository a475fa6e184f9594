import { type Assignment, columnsFor, type LoadedPolicy, type Pace, roleOf, type Rule } from "../authz/index.js";
import { parsePrincipal } from "../names.js";
import { type FittingRule, roleLine, type RoleLine, ruleLine } from "./lines.js";

type LinesByMember = ReadonlyMap<string, ReadonlyMap<string, readonly Assignment[]>>;

/** By which lines a principal came to its roles. */
export class RoleWays {
  readonly #policy: LoadedPolicy;
  /** Tenant column → member → its lines, in the order of the file. */
  readonly #given: LinesByMember;
  /** Reviews ask about one principal in one tenant many times over. */
  #last: { principal: string; tenant: string; ways: ReadonlyMap<string, Assignment | undefined> } | undefined;

  private constructor(policy: LoadedPolicy, given: LinesByMember) {
    this.#policy = policy;
    this.#given = given;
  }

  static async of(policy: LoadedPolicy, pace: Pace): Promise<RoleWays> {
    const given = new Map<string, Map<string, Assignment[]>>();
    for (const assignment of policy.rows.assignments) {
      const column = given.get(assignment.tenant) ?? new Map<string, Assignment[]>();
      given.set(assignment.tenant, column);
      const lines = column.get(assignment.member) ?? [];
      column.set(assignment.member, lines);
      lines.push(assignment);
      await pace.step();
    }
    return new RoleWays(policy, given);
  }

  /** The principal itself and its roles in the tenant. For what is decided ask the policy: a matcher may want more. */
  rolesOf(principal: string, tenant: string): Iterable<string> {
    return this.#from(principal, tenant).keys();
  }

  has(principal: string, role: string, tenant: string): boolean {
    return this.#from(principal, tenant).has(role);
  }

  /** The lines of the shortest way to the role; of several as short, the one whose lines come first. */
  to(role: string, principal: string, tenant: string): readonly RoleLine[] {
    const ways = this.#from(principal, tenant);
    const lines: RoleLine[] = [];
    for (let step = ways.get(role); step !== undefined; step = ways.get(step.member)) {
      lines.unshift(roleLine(this.#policy, step));
    }
    return lines;
  }

  fitting(rule: Rule, principal: string, tenant: string): FittingRule {
    return { ...ruleLine(this.#policy, rule), through: this.to(rule.subject, principal, tenant) };
  }

  /** Each name that can be reached, with the line that first led to it. */
  #from(principal: string, tenant: string): ReadonlyMap<string, Assignment | undefined> {
    const last = this.#last;
    if (last?.principal === principal && last.tenant === tenant) return last.ways;
    const columns = columnsFor(tenant).flatMap((column) => this.#given.get(column) ?? []);
    const ways = new Map(this.#names(principal, tenant).map((name) => [name, undefined as Assignment | undefined]));
    // A Map visits what is added to it on the way, so this goes from near to far.
    for (const member of ways.keys()) {
      for (const column of columns) {
        for (const line of column.get(member) ?? []) if (!ways.has(line.role)) ways.set(line.role, line);
      }
    }
    this.#last = { principal, tenant, ways };
    return ways;
  }

  /** Under the simple model a principal has the role of its own name at home, and no line says so. */
  #names(principal: string, tenant: string): string[] {
    const { tenant: home, name } = parsePrincipal(principal) ?? {};
    const isNamesake = this.#policy.simple !== undefined && name !== undefined && home === tenant;
    return isNamesake ? [principal, roleOf(name)] : [principal];
  }
}
