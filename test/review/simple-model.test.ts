import assert from "node:assert/strict";
import { beforeAll, describe, test } from "vitest";
import { actions, type LoadedPolicy } from "../../src/authz/index.js";
import {
  diffAsText,
  diffPolicies,
  formatCsv,
  formatWhy,
  reviewPermissions,
  type Paint,
  testAsText,
  testMatrix,
  why,
} from "../../src/review/index.js";
import { policyOf } from "./policies.js";

const simpleModel = (subject: string): string => `[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ${subject} && topicMatch(r.obj, p.obj) && r.act == p.act
`;
const withRoles = simpleModel("g(r.sub, p.sub)");
const classic = "p, root, *, produce\np, root, *, consume\np, billing, orders, describe\ng, alice, root\n";
const classicPolicy = (texts: Partial<Record<string, string>> = {}, source = "policy"): Promise<LoadedPolicy> =>
  policyOf(source, { "model.conf": withRoles, "policy.csv": classic, ...texts });
const plain: Paint = (_, text) => text;

let policy: LoadedPolicy;
beforeAll(async () => {
  policy = await classicPolicy();
});

describe("of the simple model, a review", () => {
  test("lists in each declared tenant the principals of the names, and by which lines as they are written", async () => {
    const review = await reviewPermissions(policy, { action: "produce", topic: "orders", tenant: "globex" });
    assert.deepEqual(formatCsv(review).split("\n").slice(1), [
      'globex,globex/alice,orders,produce,allow,1,"p, root, *, produce",root,4,,',
      'globex,globex/root,orders,produce,allow,1,"p, root, *, produce",,,,',
      "",
    ]);
    assert.deepEqual(
      review.permissions.flatMap(({ rule }) => rule.through.map(({ text, member, role }) => [text, member, role])),
      [["g, alice, root", "alice", "root"]],
    );
  });

  test("lists all that a decision allows, and nothing else", async () => {
    const topics = ["orders", "default"];
    const { permissions } = await reviewPermissions(policy, {});
    const listed = permissions.filter(({ topic }) => topics.includes(topic));
    const tenants = ["acme", "globex", "_system"];
    const principals = ["acme", "globex"].flatMap((home) => ["alice", "billing", "root"].map((name) => [home, name]));
    const allowed = tenants.flatMap((tenant) =>
      principals.flatMap(([home, name]) =>
        topics.flatMap((topic) =>
          actions
            .filter((action) => policy.compiled.evaluate(`${home!}/${name!}`, action, tenant, topic).allowed)
            .map((action) => `${home!}/${name!} ${action} ${tenant}/${topic}`),
        ),
      ),
    );
    assert.deepEqual(listed.map((each) => `${each.principal} ${each.action} ${each.tenant}/${each.topic}`).sort(), allowed.sort()); // prettier-ignore
    assert.equal(allowed.length, 18);
  });
});

describe("of the simple model, why", () => {
  const cases: [question: string, says: string[]][] = [
    [
      "acme/alice produce acme/orders",
      ["may produce to acme/orders: a rule allows it", "p, root, *, produce\n    through root (policy/policy.csv:4)"],
    ],
    ["acme/root produce acme/orders", ["policy/policy.csv:1: p, root, *, produce\n    names the principal itself"]],
    ["acme/root produce globex/orders", ["may not", "It would be allowed if\n  the tenant were acme\n"]],
    ["acme/root produce _system/orders", ["may not", "It would be allowed if\n  the tenant were acme\n"]],
    ["acme/rot produce acme/orders", ["  the principal were acme/root (no line names rot)", "  rot had root\n"]],
    ["acme/billing describe acme/order", ["  the topic were orders\n    policy/policy.csv:3: p, billing, orders, des"]],
  ];
  test.each(cases)("%s", async (question, says) => {
    const [principal, action, resource] = question.split(" ");
    const [tenant, topic] = resource!.split("/");
    const asked = { principal: principal!, action: actions.find((each) => each === action)!, tenant: tenant! };
    const text = formatWhy(await why(policy, { ...asked, topic: topic! }));
    for (const part of says) assert.ok(text.includes(part), text);
    assert.doesNotMatch(text, /role:|, allow\n|matcher/);
  });

  test("speaks of no role where the matcher knows none", async () => {
    const roleless = await classicPolicy({
      "model.conf": simpleModel("r.sub == p.sub").replace("[role_definition]\ng = _, _\n", ""),
      "policy.csv": classic.replace("g, alice, root\n", ""),
    });
    const asked = { principal: "acme/bob", action: "produce", tenant: "acme", topic: "orders" } as const;
    assert.deepEqual((await why(roleless, asked)).misses, []);
  });
});

test("of the simple model, a diff names who gains and loses at home, and the lines as they are written", async () => {
  const newer = await classicPolicy({ "policy.csv": "p, root, *, produce\ng, bob, root\n" }, "new");
  assert.equal(
    diffAsText(await diffPolicies(await classicPolicy({}, "old"), newer)).replace(/version .*: access/, "access"),
    `Who gains access
  + acme/bob and globex/bob: produce on *, each in its own tenant
        known topics: acme/default, acme/orders, globex/default, globex/orders
        role given: new/policy.csv:2: g, bob, root
        by new/policy.csv:1: p, root, *, produce

Who loses access
  - acme/alice and globex/alice: produce, consume on *, each in its own tenant
        known topics: acme/default, acme/orders, globex/default, globex/orders
        role withdrawn: old/policy.csv:4: g, alice, root
        by old/policy.csv:1: p, root, *, produce
        rule removed: old/policy.csv:2: p, root, *, consume
  - acme/billing and globex/billing: describe on orders, each in its own tenant
        rule removed: old/policy.csv:3: p, billing, orders, describe
  - acme/root and globex/root: consume on *, each in its own tenant
        known topics: acme/default, acme/orders, globex/default, globex/orders
        rule removed: old/policy.csv:2: p, root, *, consume

access widens: 2 principals gain, 6 lose
`,
  );
});

describe("a diff from the simple model to the one with tenants", () => {
  const full = (lines: string): Promise<LoadedPolicy> => policyOf("new", { "policy.csv": lines });

  test("tells what the same matters come to, and shows both matchers as they are written", async () => {
    const same = ["acme", "globex"].map((tenant) => `p, ${tenant}/root, ${tenant}, *, produce, allow\n`).join("");
    const diff = await diffPolicies(await classicPolicy({ "policy.csv": "p, root, *, produce\n" }), await full(same));
    assert.deepEqual(diff.changes, []);
    assert.equal(diff.matcher?.old, "g(r.sub, p.sub) && topicMatch(r.obj, p.obj) && r.act == p.act");
  });

  test("asks about everybody whom the simple one names, also where a matcher may mean anybody", async () => {
    const odd = await policyOf("new", {
      "model.conf": (await full("")).model.text.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
    });
    const { changes } = await diffPolicies(await classicPolicy(), odd);
    const losers = changes.flatMap(({ principals }) => principals);
    assert.deepEqual([...new Set(losers)].sort(), ["alice", "billing", "root"].flatMap((name) => [`acme/${name}`, `globex/${name}`]).sort()); // prettier-ignore
  });
});

test("of the simple model, the matrix blames lines as they are written", async () => {
  const stating = await classicPolicy({ "matrix.csv": "acme/alice, acme, orders, produce, deny\n" });
  const text = testAsText(await testMatrix(stating), plain);
  assert.match(text, /expected deny, got allow: policy\/policy\.csv:1: p, root, \*, produce\n/);
});
