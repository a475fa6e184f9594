import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { Findings } from "../../src/authz/findings.js";
import { type Assignment, Rule } from "../../src/authz/policy-csv.js";
import { RoleScopes } from "../../src/authz/role-scopes.js";
import { checkRoles, warnOfIdleRoles } from "../../src/authz/roles.js";

const roles = Array.from({ length: 13 }, (_, number) => `role:${number}`);
const tenants = ["acme", "globex", "_system"];
const scope = fc.constantFrom(...tenants, "*");
const edge = fc.tuple(fc.constantFrom("acme/x", ...roles), fc.constantFrom(...roles), scope);
/** Whole, cut in two columns, or a step short: ways that are just too deep or just not, over rows of two tenants. */
const chain = fc
  .tuple(fc.integer({ min: 9, max: 12 }), scope, scope, fc.nat({ max: 12 }), fc.boolean())
  .map(([length, first, then, cut, isHeld]) =>
    roles.slice(1, length + 1).map((role, at): [string, string, string] => {
      const member = at > 0 ? roles[at]! : isHeld ? "acme/x" : roles[0]!;
      return [member, role, at < cut ? first : then];
    }),
  );
const policies = fc.tuple(
  fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, chain),
  fc.uniqueArray(edge, { maxLength: 8, selector: (cells) => cells.join() }),
  fc.uniqueArray(fc.tuple(fc.constantFrom(...roles), scope), { maxLength: 4, selector: (cells) => cells.join() }),
);

/** The tenants that a column stands for: `elsewhere` is any that no row names. */
function standsFor(column: string): string[] {
  return column === "*" ? ["acme", "globex", "elsewhere"] : [column];
}

/** What concerns one tenant, all of it, looked at by walking every way. */
class PlainScope {
  readonly #rows: readonly Assignment[];
  readonly #spokenOf: readonly string[];

  constructor(tenant: string, rows: readonly Assignment[], rules: readonly Rule[]) {
    const concerned = (row: { tenant: string }): boolean => standsFor(row.tenant).includes(tenant);
    this.#rows = rows.filter(concerned);
    this.#spokenOf = rules.filter(concerned).map(({ subject }) => subject);
  }

  /** Deeper than ten steps from anybody, which a circle is too. */
  get isTooDeep(): boolean {
    let ends = new Set(this.#rows.map(({ member }) => member));
    for (let step = 0; step < 11; step++) {
      ends = new Set(this.#rows.filter(({ member }) => ends.has(member)).map(({ role }) => role));
    }
    return ends.size > 0;
  }

  isHeld(role: string): boolean {
    return this.#rows.some((row) => row.role === role && this.#from(row.member, new Set()));
  }

  isRuled(role: string): boolean {
    return this.#to(role, new Set());
  }

  #from(member: string, seen: Set<string>): boolean {
    if (!member.startsWith("role:")) return true;
    if (seen.has(member)) return false;
    seen.add(member);
    return this.#rows.some((row) => row.role === member && this.#from(row.member, seen));
  }

  #to(role: string, seen: Set<string>): boolean {
    if (this.#spokenOf.includes(role)) return true;
    if (seen.has(role)) return false;
    seen.add(role);
    return this.#rows.some((row) => row.member === role && this.#to(row.role, seen));
  }
}

test("roles are judged as by walking every way in every tenant", async () => {
  const seen = { good: 0, bad: 0, warned: 0 };
  await fc.assert(
    fc.asyncProperty(policies, async ([deep, edges, ruled]) => {
      const lines = [...new Map([...deep, ...edges].map((cells) => [cells.join(), cells])).values()];
      const assignments = lines.map(([member, role, tenant], line) => ({ line, member, role, tenant }));
      const rules = ruled.map(([role, tenant], at) => new Rule("", 100 + at, [role, tenant, "*", "*", "allow"]));
      const rows = { rules, assignments };
      const scopes = await RoleScopes.of(rows);
      const plain = new Map(
        [...tenants, "elsewhere"].map((tenant) => [tenant, new PlainScope(tenant, assignments, rules)]),
      );
      const findings = new Findings("policy.csv");
      await checkRoles(scopes, findings);
      const isBad = [...plain.values()].some(({ isTooDeep }) => isTooDeep);
      assert.equal(findings.errors.length > 0, isBad, JSON.stringify(lines));
      seen[isBad ? "bad" : "good"] += 1;

      for (const column of [...tenants, "*"]) {
        const concerned = standsFor(column).map((tenant) => plain.get(tenant)!);
        for (const role of roles) {
          const [held, spokenOf] = [
            concerned.some((one) => one.isHeld(role)),
            concerned.some((one) => one.isRuled(role)),
          ];
          assert.equal(scopes.isHeld(role, column), held, `${role} held in ${column}: ${JSON.stringify(lines)}`);
          assert.equal(scopes.isRuled(role, column), spokenOf, `${role} ruled in ${column}: ${JSON.stringify(lines)}`);
        }
      }
      const warnings = new Findings("policy.csv");
      await warnOfIdleRoles(rows, scopes, warnings);
      const idle = assignments.some(
        ({ member, role, tenant }) =>
          !scopes.isRuled(role, tenant) || (member.startsWith("role:") && !scopes.isHeld(member, tenant)),
      );
      assert.equal(warnings.warnings.length > 0, idle || rules.some((one) => !scopes.isHeld(one.subject, one.tenant)));
      seen.warned += warnings.warnings.length > 0 ? 1 : 0;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(seen.good > 50 && seen.bad > 50 && seen.warned > 50, JSON.stringify(seen));
});
