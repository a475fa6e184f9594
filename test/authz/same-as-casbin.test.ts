import assert from "node:assert/strict";
import { type Enforcer, newEnforcer, newModelFromString, StringAdapter } from "casbin";
import fc from "fast-check";
import { describe, test } from "vitest";
import { actions } from "../../src/authz/actions.js";
import { CompiledPolicy } from "../../src/authz/compiled-policy.js";
import { isIndexable } from "../../src/authz/matcher-conditions.js";
import { Rule } from "../../src/authz/policy-csv.js";
import { defaultTenant } from "../../src/authz/tenants-yaml.js";
import { ask, authorizerFor, exampleModel, outcome } from "./policy-folder.js";

/** More of them for a longer search. */
const runs = Number(process.env["ACLOG_POLICY_RUNS"] ?? 240);

const tenants = ["acme", "globex", "_system"];
const principals = ["acme/a", "acme/b", "globex/a"];
const roles = Array.from({ length: 14 }, (_, number) => `role:${number}`);
const topics = ["orders", "orders.eu", "orders.eu.cards", "o", "other", "constructor", "_audit", "_orders"];
const patterns = [
  ...topics,
  "*",
  "o*",
  "orders*",
  "orders.*",
  "orders.eu*",
  "orders.eu.cards*",
  "orders.eu.cards.*",
  "c*",
];
const verbs = ["produce", "consume"] as const;

const scope = fc.constantFrom(...tenants, "*");
const rule = fc
  .tuple(
    fc.constantFrom(...principals, ...principals, ...roles.slice(0, 4), "role:12"),
    scope,
    fc.constantFrom(...patterns),
    fc.constantFrom(...verbs, "admin", "*"),
    fc.constantFrom("allow", "allow", "deny"),
  )
  .map((columns) => ["p", ...columns].join(", "));
/** Many on one pattern: these are found in another way than few. */
const crowd = fc
  .tuple(scope, fc.constantFrom(...patterns), fc.constantFrom("allow", "deny"))
  .map(([tenant, pattern, effect]) =>
    roles.map((role, number) => `p, ${role}, ${tenant}, ${pattern}, ${verbs[number % 2]!}, ${effect}`),
  );
const membership = fc
  .tuple(fc.constantFrom(...principals), fc.constantFrom(...roles), scope)
  .map((columns) => ["g", ...columns].join(", "));
/** In any direction, so that there are circles: no file may have them, and the answer is Casbin's all the same. */
const nesting = fc
  .tuple(fc.constantFrom(...roles.slice(0, 5)), fc.constantFrom(...roles.slice(0, 5)), scope)
  .map((columns) => ["g", ...columns].join(", "));
/** As deep as Casbin follows, and deeper. */
const chain = fc
  .tuple(fc.constantFrom(...principals), scope)
  .map(([principal, tenant]) =>
    roles.map((role, number) => `g, ${number === 0 ? principal : roles[number - 1]!}, ${role}, ${tenant}`),
  );
const policies = fc
  .tuple(
    fc.uniqueArray(rule, { minLength: 8, maxLength: 24, size: "max" }),
    fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, crowd),
    fc.uniqueArray(membership, { minLength: 3, maxLength: 9, size: "max" }),
    fc.uniqueArray(nesting, { maxLength: 5 }),
    fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, chain),
  )
  .map((lines) => [...new Set(lines.flat())])
  // The rules in any order among themselves: which of them is named depends on it.
  .chain((lines) => fc.shuffledSubarray(lines, { minLength: lines.length }));

const tenantFits = `(r.dom == p.dom || (p.dom == "*" && r.dom != "_system"))`;
const actionFits = `(r.act == p.act || p.act == "*")`;
const matchers = {
  "the example's": exampleModel.split("m = ")[1]!.trim(),
  "the same in another order, in brackets": `(g(r.sub, p.sub, r.dom) && ("*" == p.act || p.act == r.act)) && (topicMatch(r.obj,p.obj) && ${tenantFits})`,
  "one that asks more": `${tenantFits} && ${actionFits} && topicMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom) && (p.dom != "*" || r.act != "consume")`,
  "one without roles": `${tenantFits} && ${actionFits} && topicMatch(r.obj, p.obj) && p.sub == r.sub`,
  "one that lets principals do without roles": `${tenantFits} && ${actionFits} && topicMatch(r.obj, p.obj) && (r.sub == p.sub || g(r.sub, p.sub, r.dom))`,
  "one for which the topic may be an action's name too": `${tenantFits} && g(r.sub, p.sub, r.dom) && ${actionFits} && (topicMatch(r.obj, p.obj) || r.obj == p.act)`,
} as const;

/** Casbin as its manual has it: one enforcer, its own reader, all rows for every request. */
async function plainCasbin(model: string, policy: string): Promise<Enforcer> {
  const enforcer = await newEnforcer(newModelFromString(model));
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

function compile(matcher: string, lines: readonly string[]): Promise<CompiledPolicy> {
  const cells = lines.map((line) => line.split(", "));
  const rules = cells.flatMap(([type, ...rest], index) => (type === "p" ? [new Rule("", index + 1, rest)] : []));
  const assignments = cells.flatMap(([type, member, role, tenant], index) =>
    type === "g" ? [{ line: index + 1, member: member!, role: role!, tenant: tenant! }] : [],
  );
  const model = { text: modelWith(matcher), isIndexable: isIndexable(matcher) };
  const limits = new Map([...tenants.slice(0, 2)].map((tenant) => [tenant, defaultTenant]));
  return CompiledPolicy.build("1", model, limits, { rules, assignments });
}

function modelWith(matcher: string): string {
  return exampleModel.replace(/^m = .*$/m, () => `m = ${matcher}`);
}

describe("random policies decide every request as plain Casbin does, by the same rule, with a matcher that is", () => {
  for (const [what, matcher] of Object.entries(matchers)) {
    test(what, async () => {
      let [allowed, denied] = [0, 0];
      await fc.assert(
        fc.asyncProperty(policies, async (lines) => {
          const casbin = await plainCasbin(modelWith(matcher), lines.join("\n"));
          const policy = await compile(matcher, lines);
          for (const principal of principals) {
            for (const tenant of tenants) {
              for (const topic of topics) {
                for (const action of verbs) {
                  const request = ask(principal, action, tenant, topic);
                  const [expected, cells] = casbin.enforceExSync(principal, tenant, topic, action);
                  const { allowed: actual, rule } = policy.decide(request);
                  const asked = `${principal} ${action} ${tenant}/${topic} under\n${lines.join("\n")}`;
                  assert.equal(actual, expected, asked);
                  assert.deepEqual(rule?.cells ?? [], cells, asked);
                  assert.equal(policy.permits(request), expected, asked);
                  if (expected)
                    assert.ok(policy.permitsSome(request) && policy.mayAllow(principal, "*", tenant), asked);
                  if (expected) allowed += 1;
                  else if (rule !== undefined) denied += 1;
                }
              }
            }
          }
        }),
        { numRuns: Math.ceil(runs / Object.keys(matchers).length) },
      );
      assert.ok(allowed > 50 && denied > 50, "policies that allow or deny nothing would prove nothing");
    });
  }
});

test("the same, from the files of an administrator", async () => {
  const lines = [
    "p, role:writer, *, orders.*, produce, allow",
    "p, role:writer, acme, orders.cards, *, deny",
    "p, acme/a, globex, _audit, consume, allow",
    "g, acme/a, role:clerk, acme",
    "g, role:clerk, role:writer, *",
  ].join("\n");
  const casbin = await plainCasbin(exampleModel, lines);
  const { authorizer } = await authorizerFor(lines);
  for (const tenant of tenants) {
    for (const topic of [...topics, "orders.cards", "orders."]) {
      for (const action of actions) {
        const expected = casbin.enforceSync("acme/a", tenant, topic, action) ? "allow" : "deny";
        assert.equal(
          outcome(authorizer, ask("acme/a", action, tenant, topic)),
          expected,
          `${action} ${tenant}/${topic}`,
        );
      }
    }
  }
});
