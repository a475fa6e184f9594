import { columnsFor, isRole, type LoadedPolicy, Pace } from "../authz/index.js";
import { sortedBy } from "./paced-sort.js";

/** The lines with the same tenant column, as far as a review has to know whom they could concern. */
class Column {
  readonly principals = new Set<string>();
  /** Topic columns of the rules that allow, by subject. */
  readonly allowed = new Map<string, string[]>();
  rules = 0;
}

/** What rules speak of by plain comparison of names; and everything else, of which only the matcher knows. */
export type Pass = "plain" | "other";

/** Whom the lines of a policy could concern, tenant by tenant: so a review need not ask about everybody everywhere. */
export class Concerned {
  readonly #columns: ReadonlyMap<string, Column>;
  /** Everybody whom the files name, sorted. */
  readonly #everybody: readonly string[];

  private constructor(columns: ReadonlyMap<string, Column>, everybody: readonly string[]) {
    this.#columns = columns;
    this.#everybody = everybody;
  }

  static async of({ rows, matrix }: LoadedPolicy): Promise<Concerned> {
    const columns = new Map<string, Column>();
    const column = (tenant: string): Column => {
      const known = columns.get(tenant) ?? new Column();
      columns.set(tenant, known);
      return known;
    };
    const pace = new Pace();
    for (const { member, tenant } of rows.assignments) {
      if (!isRole(member)) column(tenant).principals.add(member);
      await pace.step();
    }
    for (const { subject, tenant, pattern, effect } of rows.rules) {
      const own = column(tenant);
      own.rules += 1;
      if (!isRole(subject)) own.principals.add(subject);
      if (effect === "allow") {
        const patterns = own.allowed.get(subject) ?? [];
        own.allowed.set(subject, patterns);
        patterns.push(pattern);
      }
      await pace.step();
    }
    const named = [
      ...[...columns.values()].flatMap(({ principals }) => [...principals]),
      ...matrix.map(({ principal }) => principal),
    ];
    return new Concerned(columns, await sortedBy([...new Set(named)], itself));
  }

  /** Whoever is to be asked about in the tenant, sorted. */
  async principals(tenant: string, pass: Pass): Promise<readonly string[]> {
    if (pass === "other") return this.#everybody;
    return sortedBy([...new Set(this.#of(tenant).flatMap(({ principals }) => [...principals]))], itself);
  }

  /** How many these are, or somewhat more: some may be counted twice. */
  principalCount(tenant: string, pass: Pass): number {
    if (pass === "other") return this.#everybody.length;
    return this.#of(tenant).reduce((sum, { principals }) => sum + principals.size, 0);
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
