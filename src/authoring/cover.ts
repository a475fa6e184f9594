import { entry, type Rule, wildcard } from "../authz/index.js";
import { systemTenant } from "../names.js";
import type { About } from "./reach.js";

/** Some rules, by what they speak of: whether one of them speaks of all of something takes no look at each. */
export class Cover {
  /** Tenant, topic and action columns → subjects. */
  readonly #subjects = new Map<string, Set<string>>();
  /** Of what stands before the `*` of a topic column. */
  readonly #lengths = new Set<number>();

  constructor(rules: readonly Rule[]) {
    for (const { subject, tenant, pattern, action } of rules) {
      entry(this.#subjects, keyOf(tenant, pattern, action), () => new Set<string>()).add(subject);
      if (pattern.endsWith(wildcard)) this.#lengths.add(pattern.length - 1);
    }
  }

  /** Whether a rule for one of the subjects speaks of all of it. */
  has(subjects: ReadonlySet<string>, { tenant, pattern, action }: Omit<About, "subject">): boolean {
    const tenants = tenant === systemTenant ? [tenant] : [tenant, wildcard];
    for (const wider of this.#around(pattern)) {
      for (const column of tenants) {
        for (const word of [action, wildcard]) {
          const found = this.#subjects.get(keyOf(column, wider, word));
          if (found !== undefined && haveCommon(found, subjects)) return true;
        }
      }
    }
    return false;
  }

  /** What can stand in the topic column of a rule that covers the pattern. */
  *#around(pattern: string): Generator<string> {
    yield pattern;
    if (pattern.startsWith("_")) return;
    const shortest = pattern.endsWith(wildcard) ? pattern.slice(0, -1) : pattern;
    for (const length of this.#lengths) {
      if (length <= shortest.length) yield `${shortest.slice(0, length)}${wildcard}`;
    }
  }
}

function keyOf(tenant: string, pattern: string, action: string): string {
  return `${tenant} ${pattern} ${action}`;
}

function haveCommon(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const [fewer, more] = one.size < other.size ? [one, other] : [other, one];
  for (const item of fewer) if (more.has(item)) return true;
  return false;
}
