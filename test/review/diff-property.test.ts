import assert from "node:assert/strict";
import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { actions, type LoadedPolicy } from "../../src/authz/index.js";
import { diffPolicies, type PolicyDiff } from "../../src/review/index.js";
import { isWithin } from "../../src/review/topic-regions.js";
import { ask, exampleModel } from "../authz/policy-folder.js";
import { modelWith, policyOf } from "./policies.js";

/** More of them for a longer search. */
const runs = Number(process.env["ACLOG_POLICY_RUNS"] ?? 63);

const tenants = ["acme", "globex", "initech"];
const principals = ["acme/a", "acme/b", "globex/a", "initech/a"];
const unnamed = ["acme/nobody", "globex/nobody", "initech/nobody"];
const roles = Array.from({ length: 5 }, (_, number) => `role:${number}`);
const patterns = [
  "orders",
  "orders.eu",
  "*",
  "o*",
  "orders*",
  "orders.*",
  "orders.eu*",
  "acme",
  "produce",
  "_audit",
  "a*",
];
/** What the rules name, what their patterns cover, words that a matcher may compare a topic with, and what nobody speaks of. */
const topics = [
  ...["orders", "orders.eu", "orders.eu.x", "orders.us", "orders.", "ordersx", "o", "ox", "zzz", "default", "a"],
  ...["acme", "globex", "produce", "consume", "_audit", "_system", "_other"],
];
const verbs = ["produce", "consume", "admin"] as const;
const columns = [...tenants, "*", "_system"];

const rule = fc
  .tuple(
    fc.constantFrom(...principals.slice(0, 3), ...roles),
    fc.constantFrom(...columns, "*", "acme"),
    fc.constantFrom(...patterns),
    fc.constantFrom(...verbs.slice(0, 2), "*"),
    fc.constantFrom("allow", "allow", "deny"),
  )
  .map((cells) => ["p", ...cells].join(", "));
const membership = fc
  .tuple(fc.constantFrom(...principals), fc.constantFrom(...roles), fc.constantFrom(...columns, "*", "acme"))
  .map((cells) => ["g", ...cells].join(", "));
/** From lower to higher only: a file with a circle is refused. */
const nesting = fc
  .tuple(fc.uniqueArray(fc.nat(4), { minLength: 2, maxLength: 2 }), fc.constantFrom(...columns))
  .map(([pair, tenant]) => ["g", ...pair.sort().map((number) => roles[number]!), tenant].join(", "));
const line = fc.oneof(
  { weight: 4, arbitrary: rule },
  { weight: 3, arbitrary: membership },
  { weight: 2, arbitrary: nesting },
);

const declared = fc.subarray(tenants, { minLength: 2 });
/** Two policies of which most is the same, and the tenants that each declares. */
const pairs = fc.record({
  both: fc
    .tuple(
      fc.uniqueArray(rule, { minLength: 5, maxLength: 10, size: "max" }),
      fc.uniqueArray(membership, { minLength: 3, maxLength: 7, size: "max" }),
      fc.uniqueArray(nesting, { maxLength: 3, size: "max" }),
    )
    .map((lines) => lines.flat()),
  old: fc.uniqueArray(line, { minLength: 1, maxLength: 4, size: "max" }),
  new: fc.uniqueArray(line, { minLength: 1, maxLength: 4, size: "max" }),
  oldTenants: fc.oneof({ weight: 2, arbitrary: fc.constant(tenants) }, declared),
  newTenants: fc.oneof({ weight: 2, arbitrary: fc.constant(tenants) }, declared),
});

/** The lines that speak of these tenants alone. */
function linesFor(lines: readonly string[], own: readonly string[]): string {
  const others = tenants.filter((tenant) => !own.includes(tenant));
  const isSound = (text: string): boolean =>
    !others.some((tenant) => text.includes(` ${tenant}/`) || text.split(", ")[text.startsWith("p") ? 2 : 3] === tenant);
  return [...new Set(lines)].filter(isSound).join("\n");
}

const tenantFits = `(r.dom == p.dom || (p.dom == "*" && r.dom != "_system"))`;
const actionFits = `(r.act == p.act || p.act == "*")`;
const example = exampleModel.split("m = ")[1]!.trim();
const usual = `${tenantFits} && ${actionFits} && topicMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom)`;
const matchers: Readonly<Record<string, readonly [string, string]>> = {
  "the same, and the example's": [example, example],
  "the same in another order": [
    example,
    `g(r.sub, p.sub, r.dom) && ${actionFits} && topicMatch(r.obj,p.obj) && ${tenantFits}`,
  ],
  "another that asks more": [example, `${usual} && (p.dom != "*" || r.act != "consume")`],
  "another by which topics named like the tenant are apart": [example, `${usual} && r.obj != r.dom`],
  "the same, which asks for roles in _system": [
    ...(Array(2).fill(`${usual} && (r.act != "admin" || g(r.sub, p.sub, "_system"))`) as [string, string]),
  ],
  "the same, by which a topic may be named like an action": [
    ...(Array(2).fill(
      `${tenantFits} && g(r.sub, p.sub, r.dom) && ${actionFits} && (topicMatch(r.obj, p.obj) || r.obj == p.act)`,
    ) as [string, string]),
  ],
  "another by which a rule speaks for others too": [
    example,
    `${tenantFits} && ${actionFits} && topicMatch(r.obj, p.obj) && (g(r.sub, p.sub, r.dom) || topicMatch(r.sub, p.obj))`,
  ],
};

/** What comes of a request, by the policy and by who may connect. */
function mayAfterAll(policy: LoadedPolicy, ...asked: Parameters<typeof ask>): boolean {
  const request = ask(...asked);
  return policy.tenants.has(request.principal.tenant) && policy.compiled.decide(request).allowed;
}

/** Which changes of a right the diff reports. */
function reported(
  diff: PolicyDiff,
  named: string,
  ...[principal, action, tenant, topic]: Parameters<typeof ask>
): string[] {
  const [home] = principal.split("/");
  const anybody = named.includes(` ${principal},`) ? [] : [`${home!}/*`];
  return diff.changes
    .filter(
      (change) =>
        [principal, ...anybody].some((name) => change.principals.includes(name)) &&
        change.tenants.includes(tenant) &&
        (!change.inOwnTenant || tenant === home) &&
        (change.actions as readonly string[]).includes(action) &&
        change.topics.some((range) => isWithin(range, topic)),
    )
    .map(({ change }) => change);
}

describe("what differs between random policies is reported, and nothing else, if their matchers are", () => {
  let [gained, lost, same] = [0, 0, 0];
  afterAll(() => assert.ok(gained > 20 && lost > 20 && same > 20, "policies that do not differ would prove nothing"));

  for (const [what, [oldMatcher, newMatcher]] of Object.entries(matchers)) {
    test(what, async () => {
      await fc.assert(
        fc.asyncProperty(pairs, async ({ both, old, new: added, oldTenants, newTenants }) => {
          const texts = [linesFor([...both, ...old], oldTenants), linesFor([...both, ...added], newTenants)] as const;
          const older = await policyOf("old", {
            "model.conf": modelWith(oldMatcher),
            "policy.csv": texts[0],
            tenants: oldTenants,
          });
          const newer = await policyOf("new", {
            "model.conf": modelWith(newMatcher),
            "policy.csv": texts[1],
            tenants: newTenants,
          });
          const diff = await diffPolicies(older, newer);
          let widens = false;
          for (const principal of [...principals, ...unnamed]) {
            for (const tenant of [...tenants, "_system"]) {
              for (const topic of topics) {
                for (const action of verbs) {
                  const asked = [principal, action, tenant, topic] as const;
                  const [before, after] = [mayAfterAll(older, ...asked), mayAfterAll(newer, ...asked)];
                  const expected = before === after ? [] : [after ? "gain" : "lose"];
                  if (before === after) same += 1;
                  else if (after) gained += 1;
                  else lost += 1;
                  if (after && !before) widens = true;
                  const actual = reported(diff, texts.join("\n"), ...asked);
                  if (String(actual) === String(expected)) continue;
                  const story = `${texts.join("\n→\n")}\n${JSON.stringify(diff.changes, null, 1)}`;
                  assert.deepEqual(actual, expected, `${asked.join(" ")}\n${story}`);
                }
              }
            }
          }
          if (widens) assert.ok(diff.widens);
          else assert.ok(!diff.widens || diff.changes.some(({ change }) => change === "gain"));
        }),
        { numRuns: Math.ceil(runs / Object.keys(matchers).length) },
      );
    });
  }
});

test("every action is compared", async () => {
  const policy = actions.map((action) => `p, acme/a, acme, t-${action}, ${action}, allow`).join("\n");
  const diff = await diffPolicies(await policyOf("old", {}), await policyOf("new", { "policy.csv": policy }));
  assert.deepEqual(
    diff.changes.map(({ actions: [action], topics: [topic] }) => `${action!} ${topic!.pattern}`).sort(),
    actions.map((action) => `${action} t-${action}`).sort(),
  );
});
