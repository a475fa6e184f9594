import { type LoadedPolicy, type Rule } from "../authz/index.js";
import type { AskedAssignment, AskedRule } from "./asked.js";
import { formatted, hasBlank, linesOf } from "./layout.js";
import { type LineEdit, relaid, textAfter } from "./line-edits.js";

/** A policy's `policy.csv` as lines, edited the way a person would: beside what belongs together, and as it looks there. */
export class PolicyText {
  readonly #policy: LoadedPolicy;
  readonly #text: string;
  readonly #lines: readonly string[];
  readonly #removed = new Set<number>();
  /** By the line that they are put behind; 0 is the beginning. */
  readonly #added = new Map<number, string[][]>();

  constructor(policy: LoadedPolicy) {
    this.#policy = policy;
    this.#text = policy.files.files["policy.csv"].text!;
    this.#lines = linesOf(this.#text);
  }

  remove(line: number): void {
    this.#removed.add(line);
  }

  addRule({ rule }: AskedRule, cells: readonly string[]): void {
    this.#add(this.#besideRule(rule), cells);
  }

  addAssignment(assignment: AskedAssignment): void {
    this.#add(this.#besideAssignment(assignment), assignment.cells);
  }

  /** What becomes of each line. */
  edits(): LineEdit[] {
    const edits: LineEdit[] = this.#linesBehind(0);
    for (const [index, before] of this.#lines.entries()) {
      edits.push(
        this.#removed.has(index + 1) ? { before } : { before, after: before },
        ...this.#linesBehind(index + 1),
      );
    }
    // A file that has its columns below each other, all through, keeps them so: neighbours move where there is no room.
    const isUsual = this.#lines.some((line) => /^[^#]*,  /.test(line)) && formatted(this.#text) === this.#text;
    return isUsual ? relaid(edits, linesOf(formatted(textAfter(edits)))) : edits;
  }

  #add(line: number, cells: readonly string[]): void {
    this.#added.set(line, [...(this.#added.get(line) ?? []), [...cells]]);
  }

  #linesBehind(line: number): LineEdit[] {
    const indent = /^ */.exec(this.#lines[line - 1] ?? "")![0];
    const neighbour = this.#lines[line - 1] ?? "";
    return (this.#added.get(line) ?? []).map((cells) => ({ after: indent + likeNeighbour(cells, neighbour) }));
  }

  /** Behind the last rule that has most in common with it: subject before tenant before topic. */
  #besideRule({ subject, tenant, pattern, effect }: Rule): number {
    const { rules, assignments } = this.#policy.rows;
    const own = rules.filter((rule) => rule.subject === subject);
    if (own.length > 0) {
      return lastBest(own, (rule) => [rule.tenant === tenant, rule.pattern === pattern, rule.effect === effect]);
    }
    const given = assignments.filter(({ member, role }) => member === subject || role === subject);
    if (given.length > 0) return this.#endOfBlock(lastBest(given, (row) => [row.tenant === tenant]));
    const related = rules.filter((rule) => rule.tenant === tenant);
    // Roles are of the tenant's own people more often than not.
    const isAtHome = (rule: Rule): boolean => [homeOf(subject), undefined].includes(homeOf(rule.subject));
    return this.#endOfBlock(lastBest(related, (rule) => [isAtHome(rule)]) || this.#lines.length);
  }

  /** Behind the last who has the role, else behind what the role may do, else behind what the member has. */
  #besideAssignment({ member, role, tenant }: AskedAssignment): number {
    const { rules, assignments } = this.#policy.rows;
    const same = assignments.filter((row) => row.role === role);
    if (same.length > 0) return lastBest(same, (row) => [row.tenant === tenant]);
    const rule = rules.filter(({ subject }) => subject === role);
    if (rule.length > 0) return this.#endOfBlock(lastBest(rule, (row) => [row.tenant === tenant]));
    const own = assignments.filter((row) => row.member === member);
    return this.#endOfBlock(lastBest(own, (row) => [row.tenant === tenant]) || this.#lines.length);
  }

  /** The last line before the next blank one. */
  #endOfBlock(line: number): number {
    let end = line;
    while (end < this.#lines.length && !hasBlank(this.#lines, end, end + 2)) end++;
    return end;
  }
}

/** Of a principal; undefined of a role. */
function homeOf(subject: string): string | undefined {
  return subject.includes("/") ? subject.split("/")[0] : undefined;
}

/** The line of the last of those that fit best; 0 of none. What stands first in `fits` weighs more than all behind it. */
function lastBest<Row extends { readonly line: number }>(rows: readonly Row[], fits: (row: Row) => boolean[]): number {
  let [best, line] = [-1, 0];
  for (const row of rows) {
    const score = fits(row).reduce((sum, fit) => sum * 2 + (fit ? 1 : 0), 0);
    if (score >= best) [best, line] = [score, row.line];
  }
  return line;
}

/** Each cell begins where that of the neighbour begins, as far as there is room, if that has its columns apart. */
function likeNeighbour(cells: readonly string[], neighbour: string): string {
  const parts = neighbour.trim().split(",");
  if (parts.length !== cells.length) return cells.join(", ");
  const gap = (column: number): number => /^ */.exec(parts[column + 1]!)![0].length;
  const isAligned = parts.slice(0, -1).some((_, column) => gap(column) > 1);
  const last = cells.length - 1;
  return cells
    .map((cell, column) => {
      if (column === last) return cell;
      if (!isAligned) return `${cell},${" ".repeat(gap(column))}`;
      return `${cell},`.padEnd(parts[column]!.trim().length + gap(column)).concat(" ");
    })
    .join("");
}
