import { Pace } from "./breathe.js";
import { type Check, Columns, isRepeated, isTooLong } from "./columns.js";
import { quote } from "./findings.js";
import { readRows, type Row } from "./rows.js";
import { Rule } from "./rule.js";
import { SimpleLines } from "./simple-lines.js";
import type { SimpleColumns } from "./simple-model.js";
import type { SourceFile } from "./source-file.js";

export { Rule } from "./rule.js";

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

/** How the lines of one kind of model are read. */
export interface Lines {
  readonly Rule: typeof Rule;
  /** Whether the row is a good one; if not, it is reported. */
  isRule(row: Row): boolean;
  isAssignment(row: Row): boolean;
  /** Of a good row, as `Rule.cells`. */
  ruleCells(row: Row): string[];
  /** Of a good row: member, role, tenant. */
  assignmentCells(row: Row): string[];
}

const ruleColumns = ["p", "subject", "tenant", "topic", "action", "effect"];
const ruleChecks: readonly Check[] = [
  (columns, subject) => columns.principalOrRole(subject),
  (columns, tenant) => columns.tenant(tenant),
  (columns, pattern) => columns.topicPattern(pattern),
  (columns, action) => columns.action(action),
  (columns, effect) => columns.effect(effect),
];
const assignmentColumns = ["g", "principal or role", "role", "tenant"];
const assignmentChecks: readonly Check[] = [
  (columns, member) => columns.principalOrRole(member),
  (columns, role) => columns.role(role),
  (columns, tenant) => columns.tenant(tenant),
];

/**
 * Reads `policy.csv`. Stands in for Casbin's own reader, which takes what it does not understand for nothing: there, a
 * mistyped deny line is no line, `Deny` denies nobody, and a rule without its last column allows.
 */
export async function parsePolicy(
  file: SourceFile,
  declared: ReadonlySet<string> | undefined,
  simple?: SimpleColumns,
): Promise<PolicyRows> {
  const columns = new Columns(file.findings, declared);
  const lines: Lines = simple === undefined ? new FullLines(columns) : new SimpleLines(columns, simple, file.findings);
  const seen = new Map<string, number>();
  const rules: Rule[] = [];
  const assignments: Assignment[] = [];
  const words = new Words();
  const pace = new Pace();
  for (const row of readRows(file.text ?? "")) {
    if (file.findings.isFull) break;
    await pace.step();
    const type = row.fields[0]!;
    if (isTooLong(row, file.findings)) continue;
    if (type.text === "p") {
      if (lines.isRule(row) && !isRepeated(row, seen, file.findings)) {
        rules.push(new lines.Rule(file.source, row.line, words.of(lines.ruleCells(row))));
      }
    } else if (type.text === "g") {
      if (lines.isAssignment(row) && !isRepeated(row, seen, file.findings)) {
        assignments.push(toAssignment(row.line, words.of(lines.assignmentCells(row))));
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

/** The lines of a policy under a model that knows tenants. */
class FullLines implements Lines {
  readonly Rule = Rule;
  readonly #columns: Columns;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  isRule(row: Row): boolean {
    return this.#columns.check(row, "a p line", ruleColumns, ruleChecks);
  }

  isAssignment(row: Row): boolean {
    return this.#columns.check(row, "a g line", assignmentColumns, assignmentChecks);
  }

  ruleCells(row: Row): string[] {
    return row.fields.slice(1).map(({ text }) => text);
  }

  assignmentCells(row: Row): string[] {
    return this.ruleCells(row);
  }
}

/** Few words make up many lines: each is kept once. */
class Words {
  readonly #known = new Map<string, string>();

  of(cells: readonly string[]): string[] {
    return cells.map((text) => {
      const known = this.#known.get(text);
      if (known === undefined) this.#known.set(text, text);
      return known ?? text;
    });
  }
}

function toAssignment(line: number, [member, role, tenant]: readonly string[]): Assignment {
  return { line, member: member!, role: role!, tenant: tenant! };
}
