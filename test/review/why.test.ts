import assert from "node:assert/strict";
import { beforeAll, describe, test } from "vitest";
import type { Action, LoadedPolicy } from "../../src/authz/index.js";
import { formatWhy, type Question, why } from "../../src/review/index.js";
import { exampleModel } from "../authz/policy-folder.js";
import { load } from "./load.js";

const policyCsv = `# Line 1 is a comment.
p, role:producer, acme, orders, produce, allow
p, role:producer, acme, orders.*, produce, allow
p, role:producer, acme, orders.cards, *, deny
p, role:reader, acme, orders, consume, allow
g, role:producer, role:reader, acme
g, acme/billing, role:producer, acme
g, acme/reports, role:reader, globex
p, role:reader, globex, stock, consume, allow
p, acme/reports, globex, orders, describe, allow
p, role:operator, *, *, admin, allow
g, acme/reports, role:operator, _system
p, acme/audit, acme, *, consume, allow
p, acme/clerk, globex, invoices, produce, allow
g, acme/twice, role:producer, acme
p, acme/twice, acme, orders, produce, allow
p, role:fragile, acme, orders, consume, allow
p, role:fragile, acme, orders, consume, deny
p, acme/clerks, acme, invoices, produce, allow
`;

/** `acme/billing produce acme/orders` */
function question(text: string): Question {
  const [principal, action, tenant, topic] = text
    .split(/[ /]/)
    .reduce<string[]>((parts, part, at) => (at === 1 ? [`${parts[0]!}/${part}`] : [...parts, part]), []);
  return { principal: principal!, action: action as Action, tenant: tenant!, topic: topic! };
}

let policy: LoadedPolicy;
beforeAll(async () => {
  policy = await load({ "policy.csv": policyCsv });
});

describe("the decision comes with the rule that decided and the roles on the way to it", () => {
  const cases = [
    ["acme/billing produce acme/orders", "allow", 2, [7], []],
    ["acme/billing produce acme/orders.eu", "allow", 3, [7], []],
    ["acme/billing produce acme/orders.cards", "deny", 4, [7], [3]],
    ["acme/billing describe acme/orders.cards", "deny", 4, [7], []],
    ["acme/billing consume acme/orders", "allow", 5, [7, 6], []],
    ["acme/audit consume acme/default", "allow", 13, [], []],
    ["acme/twice produce acme/orders", "allow", 16, [], [2]],
  ] as const;
  test.each(cases)("%s: %s by line %i", async (asked, decision, line, through, others) => {
    const answer = await why(policy, question(asked));
    assert.equal(answer.decision, decision);
    assert.equal(answer.rule?.line, line);
    assert.match(answer.rule.place, new RegExp(`/policy\\.csv:${line}$`));
    assert.deepEqual(
      answer.rule.through.map((each) => each.line),
      through,
    );
    assert.deepEqual(
      answer.others.map((each) => each.line),
      others,
    );
    assert.deepEqual(answer.misses, []);
  });
});

describe("where no rule speaks of it, the nearest misses are told", () => {
  const cases = [
    ["another action", "acme/audit produce acme/default", ["the action were consume (13)"]],
    ["another topic", "acme/clerk produce globex/invoice", ["the topic were invoices (14)"]],
    [
      "a pattern that is not quite it",
      "acme/billing produce acme/order",
      ["the topic were orders (2)", "the topic's name began with orders. (3)"],
    ],
    [
      "a role that is held elsewhere",
      "acme/reports consume acme/orders",
      ["acme/reports had role:reader in acme (it has that role in globex) (5)"],
    ],
    ["a role", "acme/known produce acme/orders", ["acme/known had role:producer in acme (2)"]],
    [
      "a role whose own rules deny it is none",
      "acme/known consume acme/orders",
      ["acme/known had role:reader in acme (5)"],
    ],
    [
      "another tenant",
      "acme/clerk produce acme/invoices",
      ["the tenant were globex (14)", "line 14 were for acme, not for globex (14)"],
    ],
    [
      "a rule for every tenant",
      "acme/reports admin _system/any",
      ["line 11 were for _system, not for *; * is never _system (11)"],
    ],
    ["a tenant that is not declared", "acme/clerk produce globx/invoices", ["the tenant were globex (14)"]],
    [
      "a principal that nobody knows",
      "acme/biling produce acme/orders",
      ["the principal were acme/billing (no line names acme/biling) (2)", "acme/biling had role:producer in acme (2)"],
    ],
    [
      "a topic of the server's",
      "acme/audit consume acme/_offsets",
      ["line 13 named _offsets: no pattern covers a name that begins with _ (13)"],
    ],
    ["writing to a topic of the server's, which nobody else may", "acme/audit produce acme/_offsets", []],
    ["nothing near", "acme/known delete globex/anything", []],
  ] as const;
  test.each(cases)("%s: %s", async (_, asked, expected) => {
    const { decision, rule, misses } = await why(policy, question(asked));
    assert.deepEqual([decision, rule], ["deny", undefined]);
    assert.deepEqual(
      misses.slice(0, expected.length || 1).map((miss) => `${miss.condition} (${miss.rule.line})`),
      expected,
    );
  });
});

describe("of what the server alone does, no rule is proposed", () => {
  const alone = "\n\nThe server lets nobody but itself";
  const cases = [
    ["acme/audit produce acme/_offsets", `may not produce to acme/_offsets: no rule allows it.${alone} produce to`],
    ["acme/watch delete acme/_offsets", "may, as far as rules go, delete acme/_offsets: a rule allows it.\n\n  "],
    ["acme/watch consume acme/_offsets", "may consume from acme/_offsets: a rule allows it.\n\n  "],
  ] as const;
  test.each(cases)("%s", async (asked, told) => {
    const watched = await load({ "policy.csv": `${policyCsv}p, acme/watch, acme, _offsets, *, allow\n` });
    const text = formatWhy(await why(watched, question(asked)));
    assert.ok(text.includes(told), text);
    assert.equal(text.includes("nobody but itself"), !asked.includes("consume"));
  });
});

test("nobody of a tenant that is not declared can call, whatever rules there are: only another name is near", async () => {
  for (const [asked, expected] of [
    ["initech/billing produce acme/orders", []],
    ["acmee/billing produce acme/orders", ["the principal were acme/billing (no line names acmee/billing)"]],
  ] as const) {
    const { decision, reason, misses } = await why(policy, question(asked));
    const tenant = asked.split("/")[0]!;
    assert.deepEqual([decision, reason], ["deny", `the tenant "${tenant}" is not declared`]);
    assert.deepEqual(
      misses.map(({ condition }) => condition),
      expected,
    );
    // Whoever sees one tenant alone must not learn whether there are others.
    const within = await why(policy, question(asked), { withinTenant: true });
    assert.equal(within.reason, "no rule allows it");
  }
});

test("within a tenant, no word is said of others", async () => {
  for (const asked of [
    "acme/reports consume acme/orders",
    "acme/clerk produce acme/invoices",
    "acme/clrk produce acme/orders",
  ]) {
    const { misses } = await why(policy, question(asked), { withinTenant: true });
    assert.doesNotMatch(JSON.stringify(misses), /globex|clerk /, asked);
  }
});

test("within a tenant, who is named for another one alone is as good as unknown", async () => {
  const asked = question("acme/clerk produce acme/invoices");
  const told = async (withinTenant: boolean): Promise<string[]> =>
    (await why(policy, asked, { withinTenant })).misses.map(({ kind, condition }) => `${kind}: ${condition}`);
  assert.deepEqual(await told(true), ["principal: the principal were acme/clerks (no line for acme names acme/clerk)"]);
  assert.deepEqual(await told(false), [
    "tenant: the tenant were globex",
    "rule: line 14 were for acme, not for globex",
  ]);
});

test("a role that would bring a deny with it is no way", async () => {
  const { misses } = await why(policy, question("acme/known consume acme/orders"));
  assert.deepEqual(
    misses.map(({ condition }) => condition),
    ["acme/known had role:reader in acme"],
  );
});

test.each(["acme/billing produce acme/orders.cards", "acme/known produce acme/orders"])(
  "what is told of %s is JSON that comes back the same",
  async (asked) => {
    const answer = await why(policy, question(asked));
    assert.deepEqual(JSON.parse(JSON.stringify(answer)), answer);
  },
);

test("a question with names that are none is a defect of whoever asks", async () => {
  await assert.rejects(why(policy, { ...question("acme/a produce acme/orders"), topic: "orders.*" }), TypeError);
  await assert.rejects(
    why(policy, { ...question("acme/a produce acme/orders"), principal: "role:producer" }),
    TypeError,
  );
});

test("a matcher of the administrator's own has the last word about misses", async () => {
  const files = {
    "model.conf": exampleModel.replace(/^m = .*$/m, (line) => `${line} && (p.dom != "*" || r.act != "admin")`),
    "policy.csv": policyCsv,
  };
  assert.notEqual(files["model.conf"], exampleModel);
  const { misses } = await why(await load(files), question("acme/known admin acme/orders"));
  assert.deepEqual(misses, []);
});
