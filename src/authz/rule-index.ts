import { actions } from "./actions.js";
import { wildcard } from "./columns.js";
import type { Rule } from "./policy-csv.js";
import { columnsFor, entry } from "./role-index.js";

/** Of whom, about what. `subjects` are the caller and its roles in the tenant; `*` as the action is what rules for all say. */
interface Asked {
  readonly subjects: ReadonlySet<string>;
  readonly tenant: string;
  readonly action: string;
}

/**
 * Finds the rules that can fit a request, in as many steps as the caller has roles and as there are lengths of prefixes:
 * how many rules there are beside makes no difference.
 */
export class RuleIndex {
  /** By what stands in the tenant column. */
  readonly #columns = new Map<string, TenantColumn>();

  /** In the order of the file, and only before the first question. */
  add(rule: Rule): void {
    entry(this.#columns, rule.tenant, () => new TenantColumn()).add(rule);
  }

  /** Every rule with this tenant, a topic that covers this one, one of these subjects, and this action. */
  fitting({ subjects, tenant, action }: Asked, topic: string): Rule[] {
    const found: Rule[] = [];
    for (const column of this.#of(tenant)) {
      for (const rows of column.covering(topic)) {
        for (const rule of rows.of(subjects)) {
          if (rule.action === action || rule.action === wildcard) found.push(rule);
        }
      }
    }
    return found;
  }

  /** Whether `fitting` has an allowing rule for any topic. */
  mayAllow({ subjects, tenant, action }: Asked): boolean {
    return this.#of(tenant).some((column) => column.mayAllow(subjects, action));
  }

  /** Every rule that is weighed for topics of the tenant, column by column. */
  *concerning(tenant: string): Generator<Rule> {
    for (const { rules } of this.#of(tenant)) yield* rules;
  }

  #of(tenant: string): TenantColumn[] {
    const columns: TenantColumn[] = [];
    for (const name of columnsFor(tenant)) {
      const column = this.#columns.get(name);
      if (column !== undefined) columns.push(column);
    }
    return columns;
  }
}

/** The rules with the same tenant column. */
class TenantColumn {
  readonly rules: Rule[] = [];
  readonly #literals = new Map<string, PatternRows>();
  /** By what stands before the `*`. */
  readonly #prefixes = new Map<string, PatternRows>();
  /** Of the prefixes, each once. Names have an end, so there are at most some two hundred of them. */
  readonly #lengths: number[] = [];
  /** What each subject is allowed on some topic: one bit for each action. */
  readonly #allowed = new Map<string, number>();

  add(rule: Rule): void {
    this.rules.push(rule);
    if (rule.effect === "allow") {
      this.#allowed.set(rule.subject, (this.#allowed.get(rule.subject) ?? 0) | bitsOf(rule.action));
    }
    if (!rule.pattern.endsWith(wildcard)) {
      entry(this.#literals, rule.pattern, () => new PatternRows()).add(rule);
      return;
    }
    const prefix = rule.pattern.slice(0, -1);
    if (!this.#lengths.includes(prefix.length)) this.#lengths.push(prefix.length);
    entry(this.#prefixes, prefix, () => new PatternRows()).add(rule);
  }

  /** What `topicMatch` would find, without asking it of every pattern. */
  covering(topic: string): PatternRows[] {
    const literal = this.#literals.get(topic);
    const found = literal === undefined ? [] : [literal];
    if (topic.startsWith("_")) return found;
    for (const length of this.#lengths) {
      const rows = length > topic.length ? undefined : this.#prefixes.get(topic.slice(0, length));
      if (rows !== undefined) found.push(rows);
    }
    return found;
  }

  mayAllow(subjects: ReadonlySet<string>, action: string): boolean {
    for (const subject of subjects) {
      if (((this.#allowed.get(subject) ?? 0) & bitsOf(action)) !== 0) return true;
    }
    return false;
  }
}

function bitsOf(action: string): number {
  return action === wildcard ? ~0 : 1 << actions.findIndex((known) => known === action);
}

/** So many rows of one pattern are looked through; from there on they are found by their subject. */
const few = 8;

/** The rules with the same tenant and topic columns. */
class PatternRows {
  readonly #rules: Rule[] = [];
  #bySubject: Map<string, Rule[]> | undefined;

  add(rule: Rule): void {
    this.#rules.push(rule);
    if (this.#rules.length <= few) return;
    const unfiled = this.#bySubject === undefined ? this.#rules : [rule];
    const bySubject = (this.#bySubject ??= new Map<string, Rule[]>());
    for (const each of unfiled) entry(bySubject, each.subject, () => [] as Rule[]).push(each);
  }

  of(subjects: ReadonlySet<string>): Rule[] {
    const bySubject = this.#bySubject;
    if (bySubject === undefined) return this.#rules.filter((rule) => subjects.has(rule.subject));
    const [fewer, others] = subjects.size < bySubject.size ? [subjects, bySubject] : [bySubject, subjects];
    const both = [...fewer.keys()].filter((subject) => others.has(subject));
    return both.flatMap((subject) => bySubject.get(subject)!);
  }
}
