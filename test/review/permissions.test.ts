import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { Pace } from "../../src/authz/index.js";
import { reviewPermissions, type ReviewScope, why } from "../../src/review/index.js";
import { evaluateInSlices } from "../../src/review/deciding.js";
import { witnessOf } from "../../src/review/topic-regions.js";
import { exampleModel } from "../authz/policy-folder.js";
import { load } from "./load.js";

const policyCsv = `p, role:producer, acme, orders.*, produce, allow
p, role:producer, acme, orders.cards, *, deny
g, acme/billing, role:producer, acme
p, role:reader, *, orders, consume, allow
g, globex/audit, role:reader, *
p, acme/loud, globex, alarms, *, allow
p, acme/shut, acme, *, describe, allow
p, acme/shut, *, *, *, deny
p, acme/watch, acme, _offsets, *, allow
`;

async function listed(scope: ReviewScope, files = {}): Promise<string[]> {
  const policy = await load({ "policy.csv": policyCsv, ...files });
  const { permissions } = await reviewPermissions(policy, scope);
  return permissions.map(({ principal, tenant, topic, action, decision, rule, overruled }) =>
    [principal, action, `${tenant}/${topic}`, decision, rule.line, overruled?.line].filter(Boolean).join(" "),
  );
}

describe("a review lists", () => {
  const cases: [string, ReviewScope, string[]][] = [
    ["who may", { action: "consume", tenant: "acme", topic: "orders" }, ["globex/audit consume acme/orders allow 4"]],
    [
      "whom a deny keeps out",
      { action: "produce", tenant: "acme", topic: "orders.cards" },
      ["acme/billing produce acme/orders.cards deny 2 1"],
    ],
    [
      "who may under a pattern",
      { action: "produce", tenant: "acme", topic: "orders.*" },
      ["acme/billing produce acme/orders.* allow 1"],
    ],
    [
      "who may under a pattern that no rule has",
      { action: "produce", tenant: "acme", topic: "orders.e*" },
      ["acme/billing produce acme/orders.e* allow 1"],
    ],
    ["nobody under a pattern that is wider than the rule", { action: "produce", tenant: "acme", topic: "order*" }, []],
    [
      "what somebody may, with what is denied inside",
      { principal: "acme/billing" },
      ["acme/billing produce acme/orders.cards deny 2 1", "acme/billing produce acme/orders.* allow 1"],
    ],
    [
      "what somebody may in another tenant",
      { principal: "acme/loud", action: "delete" },
      ["acme/loud delete globex/alarms allow 6"],
    ],
    ["nothing of other tenants, within one", { principal: "acme/loud", tenant: "acme" }, []],
    [
      "only reading of what the server makes",
      { principal: "acme/watch" },
      ["acme/watch consume acme/_offsets allow 9", "acme/watch describe acme/_offsets allow 9"],
    ],
    ["nothing for who is not named", { principal: "acme/nobody" }, []],
  ];
  test.each(cases)("%s", async (_, scope, expected) => {
    assert.deepEqual(await listed(scope), expected);
  });
});

describe("a review about a topic that stands nowhere says so, with what it may be meant for", () => {
  const cases: [string, ReviewScope, object | undefined][] = [
    ["a topic much like one", { tenant: "acme", topic: "orders.crads" }, { similar: "orders.cards" }],
    ["a topic like none", { tenant: "acme", topic: "invoices" }, {}],
    ["a pattern much like one", { tenant: "acme", topic: "oders.*" }, { similar: "orders.*" }],
    ["a topic like one of another tenant", { tenant: "acme", topic: "alarm" }, {}],
    ["a topic of a rule", { tenant: "acme", topic: "orders.cards" }, undefined],
    ["a pattern of a rule", { tenant: "acme", topic: "orders.*" }, undefined],
    ["a topic that exists", { tenant: "acme", topic: "orders.us" }, undefined],
    ["every topic", { tenant: "acme", topic: "*" }, undefined],
    ["no topic", { tenant: "acme" }, undefined],
  ];
  test.each(cases)("%s", async (_, scope, expected) => {
    const policy = await load({ "policy.csv": policyCsv });
    const { unnamed } = await reviewPermissions(policy, scope, { existing: [{ tenant: "acme", topic: "orders.us" }] });
    assert.deepEqual(unnamed, expected);
  });
});

test("topics that exist, and those of the matrix, have rows of their own", async () => {
  const policy = await load({
    "policy.csv": policyCsv,
    "matrix.csv": "acme/billing, acme, orders.eu, produce, allow\n",
  });
  const existing = [{ tenant: "acme", topic: "orders.us" }];
  const { permissions } = await reviewPermissions(policy, { principal: "acme/billing" }, { existing });
  assert.deepEqual(
    permissions.map(({ topic }) => topic),
    ["orders.cards", "orders.eu", "orders.us", "orders.*"],
  );
});

test("a matcher that no index serves, over more rules than can be weighed, ends the review with what is plain", async () => {
  const rules = Array.from({ length: 3_000 }, (_, number) => `p, acme/p${number}, acme, t${number}, produce, allow\n`);
  const policy = await load({
    "model.conf": exampleModel.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
    "policy.csv": rules.join(""),
  });
  const { permissions, cutOff } = await reviewPermissions(policy, {
    action: "produce",
    tenant: "acme",
    topic: "t2999",
  });
  assert.deepEqual([cutOff, permissions.map(({ principal }) => principal)], ["work", ["acme/p2999"]]);
});

test("a review and an explanation that nobody waits for any more end", async () => {
  const rules = Array.from({ length: 5_000 }, (_, number) => `p, acme/p${number}, acme, t${number}, produce, allow\n`);
  const policy = await load({
    "model.conf": exampleModel.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
    "policy.csv": rules.join(""),
  });
  const asked = { action: "produce", tenant: "acme", topic: "t1" } as const;
  const gone = new Error("the caller has gone");
  const works = [
    (signal: AbortSignal) => reviewPermissions(policy, asked, { signal }),
    (signal: AbortSignal) => why(policy, { principal: "acme/q", ...asked }, { signal }),
  ];
  for (const work of works) {
    const controller = new AbortController();
    const working = work(controller.signal);
    controller.abort(gone);
    await assert.rejects(working, gone);
  }
});

test("a supposition in slices says what a line would", async () => {
  const files = {
    "model.conf": exampleModel.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
    "policy.csv": `${fillers(700).join("")}p, role:writer, acme, orders, produce, allow\n`,
  };
  const policy = await load(files);
  const asked = { principal: "acme/p", action: "produce", tenant: "acme", topic: "orders" } as const;
  const supposed = await evaluateInSlices(policy, asked, new Pace(), { role: "role:writer" });
  assert.deepEqual([supposed.allowed, supposed.rule?.line], [true, 701]);
  assert.equal((await evaluateInSlices(policy, asked, new Pace())).allowed, false);
});

test("many rules weighed in slices say what they say together", async () => {
  const lines = Array.from(
    { length: 2_500 },
    (_, at) =>
      `p, acme/p, acme, ${["a", "b", "c"][at % 3]!}${"x".repeat(at % 50)}*, ${at % 2 === 0 ? "produce" : "*"}, allow\n`,
  );
  const denying = ["p, acme/p, acme, axx*, *, deny\n", "p, acme/p, acme, ax*, *, deny\n"];
  const policy = await load({
    "model.conf": exampleModel.replace("g(r.sub, p.sub, r.dom)", "!(!g(r.sub, p.sub, r.dom))"),
    "policy.csv": [...new Set([...lines, ...fillers(1_200), ...denying, ...fillers(2_500).slice(1_200)])].join(""),
  });
  const seen = new Set<string>();
  for (const topic of ["a", "ax", "axxx", "b", "cxxxx", "d"]) {
    const asked = { principal: "acme/p", action: "produce", tenant: "acme", topic } as const;
    const whole = policy.compiled.evaluate(asked.principal, asked.action, asked.tenant, asked.topic);
    assert.deepEqual(await evaluateInSlices(policy, asked, new Pace()), whole, topic);
    seen.add(whole.reason);
  }
  assert.equal(seen.size, 3);
});

const fillers = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `p, acme/q${at}, acme, z, consume, allow\n`);

describe("a pattern stands for a name that no other one has", () => {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789");
  const cases: [string, string[], string, string | undefined][] = [
    ["the prefix itself", ["orders.*"], "orders.", "orders."],
    ["not one that is named", ["orders.*", "orders."], "orders.", "orders.a"],
    ["not one that a longer prefix covers", ["o*", "o", "oa*"], "o", "ob"],
    ["none, where longer prefixes cover all", ["*", ...letters.map((letter) => `${letter}*`)], "", undefined],
    ["behind a name that is taken by a name", ["*", ...letters], "", "aa"],
  ];
  test.each(cases)("%s", (_, patterns, prefix, expected) => {
    assert.equal(witnessOf(`${prefix}*`, new Set(patterns)), expected);
  });
});
