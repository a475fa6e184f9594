import assert from "node:assert/strict";
import { newEnforcer, newModelFromString, StringAdapter } from "casbin";
import fc from "fast-check";
import { test } from "vitest";
import { ask, authorizerFor, exampleModel, outcome } from "./policy-folder.js";

const tenants = ["acme", "globex", "_system"];
const principals = ["acme/a", "acme/b", "globex/a"];
const topics = ["orders", "orders.eu", "other", "_audit"];
const verbs = ["produce", "consume"];

const scope = fc.constantFrom(...tenants, "*");
const role = fc.nat({ max: 2 });
const rule = fc
  .tuple(
    fc.constantFrom(...principals, "role:0", "role:1", "role:2"),
    scope,
    fc.constantFrom("orders", "_audit", "orders*", "orders.*", "o*", "*"),
    fc.constantFrom(...verbs, "*"),
    fc.constantFrom("allow", "allow", "deny"),
  )
  .map((columns) => ["p", ...columns].join(", "));
const membership = fc
  .tuple(fc.constantFrom(...principals), role, scope)
  .map(([member, number, tenant]) => `g, ${member}, role:${number}, ${tenant}`);
const nesting = fc
  .tuple(role, role, scope)
  // From a lower number to a higher one, so that no circle comes about.
  .filter(([from, to]) => from < to)
  .map(([from, to, tenant]) => `g, role:${from}, role:${to}, ${tenant}`);
const policies = fc
  .tuple(
    fc.uniqueArray(rule, { maxLength: 12 }),
    fc.uniqueArray(membership, { maxLength: 6 }),
    fc.uniqueArray(nesting, { maxLength: 3 }),
  )
  .map((lines) => lines.flat().join("\n"));

/** Casbin as its manual has it: one enforcer, its own reader, asynchronous decisions, all rows for every request. */
async function plainCasbin(policy: string) {
  const enforcer = await newEnforcer(newModelFromString(exampleModel));
  await enforcer.addFunction("topicMatch", (name: string, pattern: string) => {
    if (name.startsWith("_") || !pattern.includes("*")) return name === pattern;
    return name.slice(0, pattern.length - 1) === pattern.slice(0, pattern.length - 1);
  });
  await enforcer.addNamedDomainMatchingFunc("g", (asked, held) =>
    held === "*" ? asked !== "_system" : asked === held,
  );
  enforcer.setAdapter(new StringAdapter(`# Casbin refuses an empty text.\n${policy}`));
  await enforcer.loadPolicy();
  return enforcer;
}

test("random policies decide every request as plain Casbin does", async () => {
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(policies, async (policy) => {
      const casbin = await plainCasbin(policy);
      const { authorizer } = await authorizerFor(policy);
      for (const principal of principals) {
        for (const tenant of tenants) {
          for (const topic of topics) {
            for (const action of verbs) {
              const expected = (await casbin.enforce(principal, tenant, topic, action)) ? "allow" : "deny";
              if (expected === "allow") allowed += 1;
              const actual = outcome(authorizer, ask(principal, action, tenant, topic));
              assert.equal(actual, expected, `${principal} ${action} ${tenant}/${topic} under\n${policy}`);
            }
          }
        }
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(allowed > 100, "policies that allow nothing would prove nothing");
});
