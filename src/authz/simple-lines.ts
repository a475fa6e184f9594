import { actions } from "./actions.js";
import { type Check, type Columns, nameOfRole, roleOf, wildcard } from "./columns.js";
import { type Findings, quote } from "./findings.js";
import type { Lines } from "./policy-csv.js";
import type { Field, Row } from "./rows.js";
import { Rule } from "./rule.js";
import type { SimpleColumns } from "./simple-model.js";

/** A line of the simple model, as one that speaks of every tenant to who has the role of that name at home. */
class SimpleRule extends Rule {
  override get text(): string {
    return ["p", nameOfRole(this.subject), this.pattern, this.action].join(", ");
  }
}

const ruleColumns = ["p", "subject", "topic", "action"];
const assignmentColumns = ["g", "name", "role"];

/** The lines of `policy.csv` under the simple model. */
export class SimpleLines implements Lines {
  readonly Rule = SimpleRule;
  readonly #columns: Columns;
  readonly #simple: SimpleColumns;
  readonly #findings: Findings;

  constructor(columns: Columns, simple: SimpleColumns, findings: Findings) {
    this.#columns = columns;
    this.#simple = simple;
    this.#findings = findings;
  }

  isRule(row: Row): boolean {
    const known = this.#simple.hasAnyAction ? undefined : actions;
    return this.#columns.check(row, "a p line of the simple model", ruleColumns, [
      (columns, subject) => columns.plainName(subject),
      (columns, pattern) => this.#isPattern(columns, pattern),
      (columns, action) => columns.action(action, known),
    ]);
  }

  ruleCells({ fields }: Row): string[] {
    const [, subject, pattern, action] = fields.map(({ text }) => text);
    return [roleOf(subject!), wildcard, pattern!, action!, "allow"];
  }

  isAssignment(row: Row): boolean {
    if (!this.#simple.hasRoles) {
      this.#findings.error(
        row.fields[0]!,
        "a g line means nothing to this model: its matcher does not ask g(r.sub, p.sub)",
      );
      return false;
    }
    const check: Check = (columns, name) => columns.plainName(name);
    return this.#columns.check(row, "a g line of the simple model", assignmentColumns, [check, check]);
  }

  assignmentCells({ fields }: Row): string[] {
    const [, name, role] = fields.map(({ text }) => text);
    return [roleOf(name!), roleOf(role!), wildcard];
  }

  #isPattern(columns: Columns, field: Field): boolean {
    const isPrefix = field.text.endsWith(wildcard) && field.text !== wildcard;
    if (isPrefix && !this.#simple.hasPatterns) {
      return columns.refuse(
        field,
        `${quote(field.text)} covers nothing under this model, which compares names: its matcher does not ask topicMatch(r.obj, p.obj)`,
      );
    }
    return columns.topicPattern(field);
  }
}
