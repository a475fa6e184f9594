import { systemTenant } from "../names.js";
import { didYouMean } from "../suggest.js";
import { Pace } from "./breathe.js";
import { isRole, nameOfRole, wildcard } from "./columns.js";
import type { Findings } from "./findings.js";
import type { Assignment, PolicyRows } from "./policy-csv.js";
import { entry, maxRoleDepth } from "./role-index.js";
import type { RoleScopes, Scope } from "./role-scopes.js";

/** How a role stands in the file. */
type Written = (role: string) => string;
const asTheyAre: Written = (role) => role;

/** Reports roles that go in a circle or are nested deeper than Casbin follows. */
export async function checkRoles(scopes: RoleScopes, findings: Findings, written: Written = asTheyAre): Promise<void> {
  const pace = new Pace();
  // A row for every tenant can be part of many scopes: say once what is wrong with it.
  const reported = new Set<string>();
  for (const scope of scopes.all.values()) {
    for await (const { assignment, problem } of defects(scope, pace, written)) {
      const key = `${assignment.line}: ${problem}`;
      if (!reported.has(key)) findings.error({ line: assignment.line, field: 2 }, problem);
      if (findings.isFull) return;
      reported.add(key);
    }
  }
}

/** Warns of roles that lead nowhere: prepared for later, or mistyped, and then a deny rule would deny nobody. */
export async function warnOfIdleRoles(rows: PolicyRows, scopes: RoleScopes, findings: Findings): Promise<void> {
  const pace = new Pace();
  await warnOfIdleRules(rows, scopes, findings, pace);
  await warnOfIdleAssignments(rows, scopes, findings, pace);
}

/** The same under the simple model, where any name can be a certificate's, and so has what is said of it. */
export async function warnOfIdleNames(rows: PolicyRows, scopes: RoleScopes, findings: Findings): Promise<void> {
  const pace = new Pace();
  for (const { line, role, tenant } of rows.assignments) {
    await pace.step();
    if (!scopes.isRuled(role, tenant)) findings.warn({ line, field: 2 }, `no rule speaks of ${nameOfRole(role)}`);
    if (findings.hasAllWarnings) return;
  }
}

async function warnOfIdleRules(rows: PolicyRows, scopes: RoleScopes, findings: Findings, pace: Pace): Promise<void> {
  const warned = new Set<string>();
  for (const { line, subject, tenant, effect } of rows.rules) {
    await pace.step();
    const key = `${subject} ${tenant} ${effect}`;
    if (!isRole(subject) || scopes.isHeld(subject, tenant) || warned.has(key)) continue;
    warned.add(key);
    const where = notHeld(subject, tenant, scopes);
    const hint = didYouMean(subject, first(scopes.names("held", tenant)));
    // The dangerous one of the two, since what it was to deny stays allowed.
    const so = effect === "deny" ? ", so this denies nobody" : "";
    findings.warn({ line, field: 1 }, `${where}${so}${hint}`);
    if (findings.hasAllWarnings) return;
  }
}

async function warnOfIdleAssignments(
  rows: PolicyRows,
  scopes: RoleScopes,
  findings: Findings,
  pace: Pace,
): Promise<void> {
  for (const { line, member, role, tenant } of rows.assignments) {
    await pace.step();
    if (!scopes.isRuled(role, tenant)) {
      const hint = didYouMean(role, first(scopes.names("ruled", tenant)));
      findings.warn({ line, field: 2 }, `no rule speaks of ${role} in ${inWords(tenant)}${hint}`);
    }
    if (isRole(member) && !scopes.isHeld(member, tenant)) {
      findings.warn({ line, field: 1 }, notHeld(member, tenant, scopes));
    }
    if (findings.hasAllWarnings) return;
  }
}

function notHeld(role: string, tenant: string, scopes: RoleScopes): string {
  const elsewhere =
    tenant === systemTenant && scopes.isHeld(role, wildcard) ? ` (${wildcard} is never ${systemTenant})` : "";
  return `nobody has ${role} in ${inWords(tenant)}${elsewhere}`;
}

/** To compare a name with each of a hundred thousand would keep calls waiting. */
function* first(names: Iterable<string>): Generator<string> {
  let count = 0;
  for (const name of names) {
    if (count++ === 5_000) return;
    yield name;
  }
}

function inWords(tenant: string): string {
  return tenant === wildcard ? "any tenant" : tenant;
}

interface Defect {
  readonly assignment: Assignment;
  readonly problem: string;
}

/**
 * Walks from the roles that no role has towards those that they have (Kahn's order), with the longest way there. What is
 * left when the walk stops is on a cycle or behind one; a cycle is reported, cut, and the walk goes on. Loops, not
 * recursion: a chain can be as long as the file.
 */
async function* defects(scope: Scope, pace: Pace, written: Written): AsyncGenerator<Defect> {
  const incoming = new Map<string, Set<Assignment>>();
  const outgoing = new Map<string, Assignment[]>();
  for (const row of await scope.nesting(pace)) {
    entry(incoming, row.role, () => new Set<Assignment>()).add(row);
    entry(outgoing, row.member, () => [] as Assignment[]).push(row);
    await pace.step();
  }
  const depth = new Map<string, number>();
  const depthOf = (name: string): number => depth.get(name) ?? (scope.isGiven(name) ? 1 : 0);
  const ready = [...outgoing.keys()].filter((name) => !incoming.has(name));
  for (;;) {
    for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
      const next = depthOf(name) + 1;
      for (const row of outgoing.get(name) ?? []) {
        await pace.step();
        // Cut out of a cycle before.
        if (incoming.get(row.role)?.has(row) !== true) continue;
        if (next === maxRoleDepth + 1) yield { assignment: row, problem: tooDeep(row, written) };
        depth.set(row.role, Math.max(depthOf(row.role), next));
        if (settle(incoming, row)) ready.push(row.role);
      }
    }
    if (incoming.size === 0) return;
    const cycle = findCycle(incoming);
    const last = cycle.reduce((latest, row) => (row.line > latest.line ? row : latest));
    yield { assignment: last, problem: inCircle(cycle, last, written) };
    if (settle(incoming, last)) ready.push(last.role);
  }
}

/** Takes one assignment off those that its role waits for; true when that was the last one. */
function settle(incoming: Map<string, Set<Assignment>>, row: Assignment): boolean {
  const rows = incoming.get(row.role)!;
  rows.delete(row);
  return rows.size === 0 && incoming.delete(row.role);
}

/** Every role that still waits does so for one that waits too, so going from role to member must come round. */
function findCycle(incoming: ReadonlyMap<string, ReadonlySet<Assignment>>): Assignment[] {
  const path: Assignment[] = [];
  const position = new Map<string, number>();
  let [name] = incoming.keys();
  while (!position.has(name!)) {
    position.set(name!, path.length);
    const [row] = incoming.get(name!)!;
    path.push(row!);
    name = row!.member;
  }
  return path.slice(position.get(name!)).reverse();
}

function inCircle(cycle: readonly Assignment[], last: Assignment, written: Written): string {
  const start = cycle.indexOf(last);
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)];
  const names = shortList([...turned.map(({ member }) => written(member)), written(last.member)], " → ");
  const sorted = turned.map((row) => row.line).sort((a, b) => a - b);
  return `these roles go in a circle: ${names} (${sorted.length === 1 ? "line" : "lines"} ${shortList(sorted, ", ")})`;
}

/** A circle can be as long as the file. */
function shortList(items: readonly (string | number)[], separator: string): string {
  const most = 12;
  return items.length <= most ? items.join(separator) : `${items.slice(0, most).join(separator)}${separator}…`;
}

function tooDeep(row: Assignment, written: Written): string {
  const [role, member] = [written(row.role), written(row.member)];
  return `${role} is more than ${maxRoleDepth} assignments away from those who have it through ${member}; Casbin stops there`;
}
