import {
  type Assignment,
  assignmentAsWritten,
  columnsFor,
  entry,
  type LoadedPolicy,
  Pace,
  type Rule,
} from "../authz/index.js";

/** The lines of one policy's `policy.csv` that the other's does not have. Their order does not count. */
export class ChangedLines {
  /** As findings name the file. */
  readonly source: string;
  readonly rules = new Set<Rule>();
  readonly assignments = new Set<Assignment>();
  /** Tenant column → the names whose rights these lines touch. */
  readonly #names = new Map<string, Set<string>>();
  readonly #byMember = new Map<string, Assignment[]>();

  private constructor(source: string) {
    this.source = source;
  }

  /** What `policy` has beyond `other`. */
  static async between(policy: LoadedPolicy, other: LoadedPolicy): Promise<ChangedLines> {
    const changed = new ChangedLines(policy.files.files["policy.csv"].source);
    const pace = new Pace();
    const known = new Set<string>();
    for (const rule of other.rows.rules) {
      known.add(meaningOf(rule));
      await pace.step();
    }
    for (const assignment of other.rows.assignments) {
      known.add(assignmentAsWritten(assignment, other));
      await pace.step();
    }
    for (const rule of policy.rows.rules) {
      await pace.step();
      if (known.has(meaningOf(rule))) continue;
      changed.rules.add(rule);
      changed.#touch(rule.tenant, rule.subject);
    }
    for (const assignment of policy.rows.assignments) {
      await pace.step();
      if (known.has(assignmentAsWritten(assignment, policy))) continue;
      changed.assignments.add(assignment);
      changed.#touch(assignment.tenant, assignment.member);
      entry(changed.#byMember, assignment.member, () => [] as Assignment[]).push(assignment);
    }
    return changed;
  }

  /** Whoever is none of these in the tenant, and has none of them as a role there, is not touched by a line. */
  namesIn(tenant: string): string[] {
    return columnsFor(tenant).flatMap((column) => [...(this.#names.get(column) ?? [])]);
  }

  /** The assignments that count in the tenant, by who is given the role. */
  givenTo(member: string, tenant: string): Assignment[] {
    const columns = columnsFor(tenant);
    return (this.#byMember.get(member) ?? []).filter((assignment) => columns.includes(assignment.tenant));
  }

  #touch(tenant: string, name: string): void {
    entry(this.#names, tenant, () => new Set<string>()).add(name);
  }
}

/** The same for rules that say the same, however their lines are written. */
export function meaningOf({ cells }: Rule): string {
  return cells.join(" ");
}
