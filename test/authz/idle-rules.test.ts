import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { actions } from "../../src/authz/actions.js";
import { CompiledPolicy } from "../../src/authz/compiled-policy.js";
import { Findings } from "../../src/authz/findings.js";
import { warnOfIdleRules } from "../../src/authz/idle-rules.js";
import { type Assignment, Rule } from "../../src/authz/policy-csv.js";
import { defaultTenant } from "../../src/authz/tenants-yaml.js";
import { exampleModel } from "./policy-folder.js";

const tenants = ["acme", "globex", "_system"];
const principals = ["acme/a", "acme/b"];
const roles = ["role:0", "role:1", "role:2", "role:3"];
const topics = ["orders", "orders.eu", "o", "other", "_audit"];
const scope = fc.constantFrom(...tenants, "*", "*");

const rules = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...principals, ...roles),
    scope,
    fc.constantFrom(...topics, "*", "o*", "orders*", "orders.*"),
    fc.constantFrom("produce", "consume", "*"),
    fc.constantFrom("allow", "allow", "deny"),
  ),
  { minLength: 6, maxLength: 16, selector: (cells) => cells.join(), size: "max" },
);
/** From a lower to a higher number alone: a file with a circle of roles is refused. */
const assignments = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom(...principals, ...roles.slice(0, 3)), fc.nat({ max: 3 }), scope)
    .map(([member, number, tenant]) => {
      const above = member.startsWith("role:") ? Math.max(number, Number(member.slice(5)) + 1) : number;
      return { line: 0, member, role: roles[above]!, tenant };
    }),
  { maxLength: 8, selector: ({ member, role, tenant }) => `${member} ${role} ${tenant}` },
);

function compile(kept: readonly Rule[], given: readonly Assignment[]): Promise<CompiledPolicy> {
  const limits = new Map(tenants.slice(0, 2).map((tenant) => [tenant, defaultTenant]));
  const model = { text: exampleModel, isIndexable: true, isExact: true };
  return CompiledPolicy.build("1", model, limits, { rules: kept, assignments: given });
}

/** Whatever the server would let somebody do, as Casbin decides it. */
function effects(policy: CompiledPolicy): string {
  const allowed: string[] = [];
  for (const principal of principals) {
    for (const tenant of tenants) {
      for (const topic of topics) {
        for (const action of actions) {
          if (topic.startsWith("_") && action !== "consume" && action !== "describe") continue;
          if (policy.evaluate(principal, action, tenant, topic).allowed)
            allowed.push(`${principal} ${action} ${tenant}/${topic}`);
        }
      }
    }
  }
  return allowed.join("\n");
}

test("a rule that decides nothing can be taken out without a difference, and so can all of them together", async () => {
  const seen = { shadowed: 0, subsumed: 0, system: 0, kept: 0 };
  await fc.assert(
    fc.asyncProperty(rules, assignments, async (rows, given) => {
      const all = rows.map((cells, index) => new Rule("", index + 1, cells));
      const policy = await compile(all, given);
      const findings = new Findings("policy.csv");
      await warnOfIdleRules({ rules: all, assignments: given }, policy, findings);
      const before = effects(policy);
      const told = JSON.stringify({ rows, given, warnings: findings.warnings });
      for (const { line, problem } of findings.warnings) {
        const others = await compile(all.filter((rule) => rule.line !== line), given); // prettier-ignore
        assert.equal(effects(others), before, `line ${line} of ${told}`);
        seen.shadowed += problem.includes("denies") ? 1 : 0;
        seen.subsumed += problem.includes("already") ? 1 : 0;
        seen.system += problem.includes("server makes") ? 1 : 0;
      }
      const idle = new Set(findings.warnings.map(({ line }) => line));
      const rest = await compile(all.filter(({ line }) => !idle.has(line)), given); // prettier-ignore
      assert.equal(effects(rest), before, told);
      seen.kept += all.length - idle.size;
    }),
    { numRuns: Number(process.env["ACLOG_POLICY_RUNS"] ?? 100) },
  );
  assert.ok(Math.min(...Object.values(seen)) > 20, JSON.stringify(seen));
});
