import { isPrincipalName, isTenantName, nameRules, parsePrincipal, systemTenant } from "../names.js";
import { actions } from "./actions.js";
import { Findings, oneOf, quote } from "./findings.js";
import { type Field, maxLineLength, type Row } from "./rows.js";
import { didYouMean } from "../suggest.js";
import { isRequestableTopic, isTopicPattern } from "./topic-pattern.js";

export type Effect = "allow" | "deny";
const effects: readonly Effect[] = ["allow", "deny"];

/** In the tenant, topic and action columns. */
export const wildcard = "*";

const rolePrefix = "role:";

/** `role:producer` for `producer` */
export function roleOf(name: string): string {
  return `${rolePrefix}${name}`;
}

/** The other way round. */
export function nameOfRole(role: string): string {
  return role.slice(rolePrefix.length);
}

/** Roles are a name space of their own: no principal has a colon in it, so no certificate can be called a role. */
export function isRole(text: string): boolean {
  return text.startsWith(rolePrefix) && isPrincipalName(text.slice(rolePrefix.length));
}

/** Whether a field is good; reports it if not. */
export type Check = (columns: Columns, field: Field) => boolean;

/** By how many columns a row may be too short or too long for its fields to be looked at all the same. */
const maxShift = 2;

const quotes = /["']/;

/**
 * The grammars of the columns, the same in every file. Each check says whether the field is good, and reports it if not,
 * so that a row is checked to its end before it is given up.
 */
export class Columns {
  readonly #findings: Findings;
  readonly #declared: ReadonlySet<string> | undefined;

  /** Without `declared` (the list itself was unreadable) no tenant is reported as undeclared. */
  constructor(findings: Findings, declared: ReadonlySet<string> | undefined) {
    this.#findings = findings;
    this.#declared = declared;
  }

  /**
   * Exactly these columns, the last of them as `checks` want them. Where there are too few or too many, nobody knows which
   * is which: then a field is reported that is good as none of those that it could be.
   */
  check(row: Row, kind: string, names: readonly string[], checks: readonly Check[]): boolean {
    const first = names.length - checks.length;
    if (this.#count(row, kind, names)) {
      return checks.map((check, index) => check(this, row.fields[first + index]!)).every(Boolean);
    }
    const shift = names.length - row.columns;
    if (isQuoted(row) || Math.abs(shift) > maxShift) return false;
    const quiet = new Columns(new Findings(""), this.#declared);
    for (const [at, field] of row.fields.slice(0, names.length).entries()) {
      if (at < first) continue;
      const [from, to] = [Math.min(at, at + shift) - first, Math.max(at, at + shift) - first];
      const possible = checks.slice(Math.max(0, from), to + 1);
      if (!possible.some((check) => check(quiet, field))) checks[at - first]!(this, field);
    }
    return false;
  }

  /** Those that are empty are reported here, and by no other check. */
  #count(row: Row, kind: string, names: readonly string[]): boolean {
    if (isQuoted(row)) {
      this.#refuseQuote(row);
      return false;
    }
    if (row.columns !== names.length) {
      const expected = `${kind} has ${names.length} columns (${names.join(", ")})`;
      const place = row.fields[names.length] ?? row.fields.at(-1)!;
      this.#findings.error(place, `${expected}, this one has ${row.columns}`);
      return false;
    }
    for (const [index, field] of row.fields.entries()) {
      if (field.text === "") this.#findings.error(field, `the column ${names[index]!} is empty`);
    }
    return true;
  }

  /** Said first: a comma in quotes would otherwise be reported as a column too many. */
  #refuseQuote(row: Row): void {
    const first = row.fields.find(({ text }) => quotes.test(text))!;
    const at = first.text.search(quotes);
    const sign = first.text[at]!;
    const count = row.fields.reduce((sum, { text }) => sum + text.split(sign).length - 1, 0);
    const isOpen = count % 2 === 1 && sign === '"';
    const problem = `${isOpen ? "this quote is never closed, and " : ""}there is no quoting here`;
    this.refuse({ ...first, column: first.column + at }, `${problem}: names stand between commas as they are`);
  }

  principal(field: Field, principal = parsePrincipal(field.text)): boolean {
    if (principal === undefined) {
      return this.refuse(
        field,
        `${quote(field.text)} is not a principal: expected TENANT/NAME, as in acme/billing${whatIsOdd(field.text)}`,
      );
    }
    return this.#declaredTenant(field, principal.tenant);
  }

  principalOrRole(field: Field): boolean {
    if (field.text.startsWith(rolePrefix)) return this.role(field);
    const principal = parsePrincipal(field.text);
    if (principal !== undefined) return this.principal(field, principal);
    const [prefix, name] = field.text.split(":");
    if (name !== undefined && didYouMean(`${prefix!}:`, [rolePrefix]) !== "") {
      return this.refuse(
        field,
        `${quote(field.text)} is no principal and no role; did you mean ${quote(rolePrefix + name)}?`,
      );
    }
    const instead = field.text.includes(wildcard) ? "; * names nobody: give them a role" : "";
    const expected = `TENANT/NAME, as in acme/billing, or role:NAME, as in role:producer${instead}`;
    return this.refuse(
      field,
      `${quote(field.text)} is no principal and no role: expected ${expected}${whatIsOdd(field.text)}`,
    );
  }

  role(field: Field): boolean {
    if (isRole(field.text)) return true;
    return this.refuse(
      field,
      `${quote(field.text)} is not a role: expected role:NAME, as in role:producer${whatIsOdd(field.text)}`,
    );
  }

  /** In the simple model: of a principal in its own tenant, or of a role. */
  plainName(field: Field): boolean {
    if (isPrincipalName(field.text)) return true;
    const expected = `expected a name alone, as in root, which is that principal in its own tenant or a role`;
    return this.refuse(field, `${quote(field.text)} is not a name: ${expected}${whatIsOdd(field.text)}`);
  }

  tenant(field: Field): boolean {
    if (field.text === wildcard || field.text === systemTenant) return true;
    if (isTenantName(field.text)) return this.#declaredTenant(field, field.text);
    const expected = `a declared tenant, ${systemTenant} or ${wildcard}`;
    return this.refuse(field, `${quote(field.text)} is not a tenant: expected ${expected}${whatIsOdd(field.text)}`);
  }

  topicPattern(field: Field): boolean {
    if (isTopicPattern(field.text)) return true;
    if (field.text.startsWith("_") && field.text.endsWith(wildcard)) {
      return this.refuse(field, `${quote(field.text)}: a name that begins with _ can only be named literally`);
    }
    const expected = `a name (${nameRules.topic}), a prefix of one followed by *, or *`;
    return this.refuse(
      field,
      `${quote(field.text)} is not a topic pattern: expected ${expected}${whatIsOdd(field.text)}`,
    );
  }

  topicOrWildcard(field: Field): boolean {
    if (field.text === wildcard || isRequestableTopic(field.text)) return true;
    const expected = `a name (${nameRules.topic}) or *`;
    return this.refuse(field, `${quote(field.text)} is not a topic: expected ${expected}${whatIsOdd(field.text)}`);
  }

  /** @param known those that the column may have; the simple model can do without `*` */
  action(field: Field, known: readonly string[] = [...actions, wildcard]): boolean {
    if (known.includes(field.text)) return true;
    const hint = didYouMean(field.text, actions) || `; expected ${oneOf(known)}`;
    return this.refuse(field, `unknown action ${quote(field.text)}${hint}`);
  }

  effect(field: Field): boolean {
    if ((effects as readonly string[]).includes(field.text)) return true;
    const hint = field.text.includes("#")
      ? "; a comment needs a line of its own"
      : didYouMean(field.text, effects) || "; expected allow or deny";
    return this.refuse(field, `unknown effect ${quote(field.text)}${hint}`);
  }

  #declaredTenant(field: Field, tenant: string): boolean {
    if (this.#declared === undefined || this.#declared.has(tenant)) return true;
    const hint = didYouMean(tenant, this.#declared);
    return this.refuse(field, `tenant ${quote(tenant)} is not declared in tenants.yaml${hint}`);
  }

  /** Reports what is not empty: that is reported where columns are counted. */
  refuse(field: Field, problem: string): false {
    if (field.text !== "") this.#findings.error(field, problem);
    return false;
  }
}

function isQuoted({ fields }: Row): boolean {
  return fields.some(({ text }) => quotes.test(text));
}

/** For messages: what is easily overlooked, or was allowed elsewhere. */
function whatIsOdd(text: string): string {
  // Some look like a letter or a space of a name, and are not.
  const [character] = /[^ -~]/u.exec(text) ?? [];
  if (character !== undefined) {
    const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    return `; the character U+${code} in it is none of a name`;
  }
  return /[A-Z]/.test(text) ? "; names are lower-case" : "";
}

/** Reports a row that is longer than any can be. */
export function isTooLong(row: Row, findings: Findings): boolean {
  if (row.isTooLong) findings.error(row.fields[0]!, `this line is longer than ${maxLineLength} characters`);
  return row.isTooLong;
}

/** Reports a row that says again what an earlier one said; `seen` holds the rows so far by their text. */
export function isRepeated(row: Row, seen: Map<string, number>, findings: Findings): boolean {
  const text = rowText(row);
  const first = seen.get(text);
  if (first === undefined) {
    seen.set(text, row.line);
    return false;
  }
  findings.error({ line: row.line, column: row.fields[0]!.column }, `the same as line ${first}`);
  return true;
}

export function rowText(row: Row): string {
  return row.fields.map((field) => field.text).join(", ");
}
