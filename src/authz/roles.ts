import { systemTenant } from "../names.js";
import { isRole, wildcard } from "./columns.js";
import type { Findings } from "./findings.js";
import { type Assignment, concernsTenant, type PolicyRows } from "./policy-csv.js";
import { didYouMean } from "../suggest.js";

/** Casbin follows this many assignments from a principal and then stops without a word. */
const maxDepth = 10;

/** Reports roles that go in a circle or are nested deeper than Casbin follows. */
export function checkRoles(rows: PolicyRows, findings: Findings): void {
  // A row for every tenant is part of every scope: say once what is wrong with it.
  const reported = new Set<string>();
  for (const scope of scopesOf(rows)) {
    for (const { assignment, problem } of scope.defects()) {
      const key = `${assignment.line}: ${problem}`;
      if (!reported.has(key)) findings.error({ line: assignment.line }, problem);
      reported.add(key);
    }
  }
}

/** Warns of roles that lead nowhere: prepared for later, or mistyped, and then a deny rule would deny nobody. */
export function warnOfIdleRoles(rows: PolicyRows, findings: Findings): void {
  const scopes = scopesOf(rows);
  warnOfIdleRules(rows, scopes, findings);
  warnOfIdleAssignments(rows, scopes, findings);
}

/** The principal, and the roles that it has in the tenant, directly or through other roles. */
export function rolesOf(principal: string, tenant: string, { assignments }: PolicyRows): ReadonlySet<string> {
  const concerned = assignments.filter((row) => concernsTenant(row, tenant));
  return reachable([principal], groupBy(concerned, "member", "role"));
}

function warnOfIdleRules(rows: PolicyRows, scopes: readonly Scope[], findings: Findings): void {
  const warned = new Set<string>();
  for (const rule of rows.rules) {
    if (!isRole(rule.subject) || warned.has(`${rule.subject} ${rule.tenant}`)) continue;
    const concerned = scopes.filter((scope) => concernsTenant(rule, scope.tenant));
    if (concerned.some((scope) => scope.held.has(rule.subject))) continue;
    warned.add(`${rule.subject} ${rule.tenant}`);
    const hint = didYouMean(rule.subject, new Set(concerned.flatMap((scope) => [...scope.held])));
    findings.warn({ line: rule.line }, `nobody has ${rule.subject} in ${inWords(rule.tenant)}${hint}`);
  }
}

function warnOfIdleAssignments(rows: PolicyRows, scopes: readonly Scope[], findings: Findings): void {
  for (const assignment of rows.assignments) {
    const concerned = scopes.filter((scope) => concernsTenant(assignment, scope.tenant));
    if (!concerned.some((scope) => scope.ruled.has(assignment.role))) {
      const hint = didYouMean(assignment.role, new Set(concerned.flatMap((scope) => [...scope.ruled])));
      const problem = `no rule speaks of ${assignment.role} in ${inWords(assignment.tenant)}${hint}`;
      findings.warn({ line: assignment.line }, problem);
    }
    if (isRole(assignment.member) && !concerned.some((scope) => scope.held.has(assignment.member))) {
      const problem = `nobody has ${assignment.member} in ${inWords(assignment.tenant)}`;
      findings.warn({ line: assignment.line }, problem);
    }
  }
}

function inWords(tenant: string): string {
  return tenant === wildcard ? "any tenant" : tenant;
}

/** One scope for each tenant that a row names, and one that stands for all those that none names. */
function scopesOf(rows: PolicyRows): Scope[] {
  const named = new Set([...rows.rules, ...rows.assignments].map((row) => row.tenant));
  return [...new Set([...named, wildcard, systemTenant])].map((tenant) => new Scope(tenant, rows));
}

/** Who has which role in one tenant. Loops, not recursion: a chain can be as long as the file. */
class Scope {
  readonly tenant: string;
  readonly #assignments: readonly Assignment[];
  /** Roles that some principal has, directly or through other roles. */
  readonly held: ReadonlySet<string>;
  /** Roles that some rule speaks of, directly or through the roles that they have in turn. */
  readonly ruled: ReadonlySet<string>;

  constructor(tenant: string, rows: PolicyRows) {
    this.tenant = tenant;
    this.#assignments = rows.assignments.filter((row) => concernsTenant(row, tenant));
    const members = this.#assignments.map((row) => row.member).filter((member) => !isRole(member));
    this.held = reachable(members, groupBy(this.#assignments, "member", "role"));
    const subjects = rows.rules.filter((row) => concernsTenant(row, tenant)).map((row) => row.subject);
    this.ruled = reachable(subjects, groupBy(this.#assignments, "role", "member"));
  }

  /**
   * Walks from those whom nobody has as a role towards the roles (Kahn's order), with the longest way there. What is left
   * when the walk stops is on a cycle or behind one; a cycle is reported, cut, and the walk goes on.
   */
  *defects(): Generator<{ assignment: Assignment; problem: string }> {
    const names = this.#assignments.flatMap((row) => [row.member, row.role]);
    const waiting = new Map(names.map((name) => [name, new Set<Assignment>()]));
    const outgoing = new Map(names.map((name) => [name, new Set<Assignment>()]));
    for (const row of this.#assignments) {
      waiting.get(row.role)!.add(row);
      outgoing.get(row.member)!.add(row);
    }
    const depth = new Map<string, number>();
    const ready = [...waiting].filter(([, rows]) => rows.size === 0).map(([name]) => name);
    for (;;) {
      for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
        waiting.delete(name);
        const next = (depth.get(name) ?? 0) + 1;
        for (const row of outgoing.get(name)!) {
          if (next === maxDepth + 1) yield { assignment: row, problem: tooDeep(row) };
          depth.set(row.role, Math.max(depth.get(row.role) ?? 0, next));
          if (settle(waiting, row)) ready.push(row.role);
        }
      }
      if (waiting.size === 0) return;
      const cycle = findCycle(waiting);
      const last = cycle.reduce((latest, row) => (row.line > latest.line ? row : latest));
      yield { assignment: last, problem: inCircle(cycle, last) };
      if (settle(waiting, last)) ready.push(last.role);
      outgoing.get(last.member)!.delete(last);
    }
  }
}

/** Takes one assignment off the list of its role; true when that was the last one. */
function settle(waiting: ReadonlyMap<string, Set<Assignment>>, row: Assignment): boolean {
  const rows = waiting.get(row.role);
  return rows?.delete(row) === true && rows.size === 0;
}

/** Every name that still waits has a member that waits too, so going from role to member must come round. */
function findCycle(waiting: ReadonlyMap<string, ReadonlySet<Assignment>>): Assignment[] {
  const path: Assignment[] = [];
  const position = new Map<string, number>();
  let [name] = waiting.keys();
  while (!position.has(name!)) {
    position.set(name!, path.length);
    const [row] = waiting.get(name!)!;
    path.push(row!);
    name = row!.member;
  }
  return path.slice(position.get(name!)).reverse();
}

function inCircle(cycle: readonly Assignment[], last: Assignment): string {
  const start = cycle.indexOf(last);
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)];
  const names = shortList([...turned.map((row) => row.member), last.member], " → ");
  const sorted = turned.map((row) => row.line).sort((a, b) => a - b);
  return `these roles go in a circle: ${names} (${sorted.length === 1 ? "line" : "lines"} ${shortList(sorted, ", ")})`;
}

/** A circle can be as long as the file. */
function shortList(items: readonly (string | number)[], separator: string): string {
  const most = 12;
  return items.length <= most ? items.join(separator) : `${items.slice(0, most).join(separator)}${separator}…`;
}

function tooDeep(row: Assignment): string {
  return `${row.role} is more than ${maxDepth} assignments away from those who have it through ${row.member}; Casbin stops there`;
}

function groupBy(rows: readonly Assignment[], from: "member" | "role", to: "member" | "role"): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const row of rows) {
    const group = groups.get(row[from]);
    if (group === undefined) groups.set(row[from], [row[to]]);
    else group.push(row[to]);
  }
  return groups;
}

function reachable(start: readonly string[], edges: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set(start);
  // A Set visits what is added to it on the way.
  for (const name of reached) for (const next of edges.get(name) ?? []) reached.add(next);
  return reached;
}
