import { columnsFor, isRole, type LoadedPolicy, type Pace, principalNamed } from "../authz/index.js";
import { sortedBy } from "./paced-sort.js";

/** The lines with the same tenant column, as far as a review has to know whom they could concern. */
class Column {
  /** Of principals; under the simple model all that there are. */
  readonly names = new Set<string>();
  /** Topic columns of the rules that allow, by subject. */
  readonly allowed = new Map<string, string[]>();
  rules = 0;
}

/** What rules speak of by plain comparison of names; and everything else, of which only the matcher knows. */
export type Pass = "plain" | "other";

/** Whom the lines of a policy could concern, tenant by tenant: so a review need not ask about everybody everywhere. */
export class Concerned {
  readonly #policy: LoadedPolicy;
  readonly #columns: ReadonlyMap<string, Column>;
  /** Everybody whom the files name, sorted. */
  readonly #everybody: readonly string[];

  private constructor(policy: LoadedPolicy, columns: ReadonlyMap<string, Column>, everybody: readonly string[]) {
    this.#policy = policy;
    this.#columns = columns;
    this.#everybody = everybody;
  }

  static async of(policy: LoadedPolicy, pace: Pace): Promise<Concerned> {
    const { rows, matrix, simple } = policy;
    const isOfSomebody = (name: string): boolean => simple !== undefined || !isRole(name);
    const columns = new Map<string, Column>();
    const column = (tenant: string): Column => {
      const known = columns.get(tenant) ?? new Column();
      columns.set(tenant, known);
      return known;
    };
    for (const { member, tenant } of rows.assignments) {
      if (isOfSomebody(member)) column(tenant).names.add(member);
      await pace.step();
    }
    for (const { subject, tenant, pattern, effect } of rows.rules) {
      const own = column(tenant);
      own.rules += 1;
      if (isOfSomebody(subject)) own.names.add(subject);
      if (effect === "allow") {
        const patterns = own.allowed.get(subject) ?? [];
        own.allowed.set(subject, patterns);
        patterns.push(pattern);
      }
      await pace.step();
    }
    const named = [
      ...[...columns.values()].flatMap(({ names }) => [...names]),
      ...matrix.map(({ principal }) => principal),
    ];
    return new Concerned(policy, columns, await sortedBy([...new Set(named)], itself));
  }

  /** Whoever is to be asked about in the tenant, sorted. */
  async principals(tenant: string, pass: Pass): Promise<readonly string[]> {
    if (pass === "other") return this.#everybody;
    const names = new Set(this.#of(tenant).flatMap((column) => [...column.names]));
    const principals = [...names].flatMap((name) => principalNamed(name, tenant, this.#policy) ?? []);
    return sortedBy(principals, itself);
  }

  /** How many these are, or somewhat more: some may be counted twice. */
  principalCount(tenant: string, pass: Pass): number {
    if (pass === "other") return this.#everybody.length;
    return this.#of(tenant).reduce((sum, { names }) => sum + names.size, 0);
  }

  /** The topic columns of the rules that allow something to one of the subjects. */
  allowedPatterns(subjects: Iterable<string>, tenant: string): Iterable<string> {
    const columns = this.#of(tenant);
    return new Set([...subjects].flatMap((subject) => columns.flatMap(({ allowed }) => allowed.get(subject) ?? [])));
  }

  /** How many rules are weighed for topics of the tenant. */
  rulesOf(tenant: string): number {
    return this.#of(tenant).reduce((sum, { rules }) => sum + rules, 0);
  }

  #of(tenant: string): readonly Column[] {
    return columnsFor(tenant).flatMap((name) => this.#columns.get(name) ?? []);
  }
}

function itself(name: string): string {
  return name;
}
