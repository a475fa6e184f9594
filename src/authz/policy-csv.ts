import { Pace } from "./breathe.js";
import { Columns, isRepeated } from "./columns.js";
import { quote } from "./findings.js";
import { readRows, type Row } from "./rows.js";
import type { SourceFile } from "./source-file.js";

/** A `p` line: what a subject may or must not do. Some hundred thousand of them are held at a time, so it keeps little. */
export class Rule {
  readonly line: number;
  /** Subject, tenant, pattern, action, effect, as Casbin takes them. It hands this very array back to name the rule. */
  readonly cells: readonly string[];
  readonly #source: string;

  constructor(source: string, line: number, cells: readonly string[]) {
    this.#source = source;
    this.line = line;
    this.cells = cells;
  }

  get subject(): string {
    return this.cells[0]!;
  }

  get tenant(): string {
    return this.cells[1]!;
  }

  get pattern(): string {
    return this.cells[2]!;
  }

  get action(): string {
    return this.cells[3]!;
  }

  get effect(): string {
    return this.cells[4]!;
  }

  /** `policy/policy.csv:7` */
  get place(): string {
    return `${this.#source}:${this.line}`;
  }

  /** `p, acme/billing, acme, orders, produce, allow` */
  get text(): string {
    return ["p", ...this.cells].join(", ");
  }
}

/** A `g` line: a principal, or another role, has a role in a tenant. */
export interface Assignment {
  readonly line: number;
  readonly member: string;
  readonly role: string;
  readonly tenant: string;
}

export interface PolicyRows {
  readonly rules: readonly Rule[];
  readonly assignments: readonly Assignment[];
}

const ruleColumns = ["p", "subject", "tenant", "topic", "action", "effect"];
const assignmentColumns = ["g", "principal or role", "role", "tenant"];

/**
 * Reads `policy.csv`. Stands in for Casbin's own reader, which takes what it does not understand for nothing: there, a
 * mistyped deny line is no line, `Deny` denies nobody, and a rule without its last column allows.
 */
export async function parsePolicy(file: SourceFile, declared: ReadonlySet<string> | undefined): Promise<PolicyRows> {
  const columns = new Columns(file.findings, declared);
  const seen = new Map<string, number>();
  const rules: Rule[] = [];
  const assignments: Assignment[] = [];
  const words = new Words();
  const pace = new Pace();
  for (const row of readRows(file.text ?? "")) {
    if (file.findings.isFull) break;
    await pace.step();
    const type = row.fields[0]!;
    if (type.text === "p") {
      if (isRule(row, columns) && !isRepeated(row, seen, file.findings))
        rules.push(new Rule(file.source, row.line, words.of(row)));
    } else if (type.text === "g") {
      if (isAssignment(row, columns) && !isRepeated(row, seen, file.findings)) {
        assignments.push(toAssignment(row.line, words.of(row)));
      }
    } else {
      // Any other single letter is as near to the one as to the other.
      const capital = ["P", "G"].includes(type.text) && `did you mean "${type.text.toLowerCase()}"?`;
      const hint = capital || "a line begins with p (a rule), g (a role) or # (a comment)";
      file.findings.error(type, `unknown rule type ${quote(type.text)}; ${hint}`);
    }
  }
  return { rules, assignments };
}

function isRule(row: Row, columns: Columns): boolean {
  if (!columns.count(row, "a p line", ruleColumns)) return false;
  const [, subject, tenant, pattern, action, effect] = row.fields;
  return [
    columns.principalOrRole(subject!),
    columns.tenant(tenant!),
    columns.topicPattern(pattern!),
    columns.action(action!),
    columns.effect(effect!),
  ].every(Boolean);
}

function isAssignment(row: Row, columns: Columns): boolean {
  if (!columns.count(row, "a g line", assignmentColumns)) return false;
  const [, member, role, tenant] = row.fields;
  return [columns.principalOrRole(member!), columns.role(role!), columns.tenant(tenant!)].every(Boolean);
}

/** Few words make up many lines: each is kept once. */
class Words {
  readonly #known = new Map<string, string>();

  of(row: Row): string[] {
    return row.fields.slice(1).map(({ text }) => {
      const known = this.#known.get(text);
      if (known === undefined) this.#known.set(text, text);
      return known ?? text;
    });
  }
}

function toAssignment(line: number, [member, role, tenant]: readonly string[]): Assignment {
  return { line, member: member!, role: role!, tenant: tenant! };
}
