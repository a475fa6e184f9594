import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { type AccessRequest, actions, CasbinAuthorizer } from "../../src/authz/index.js";
import { PermissionDenied } from "../../src/errors.js";
import { ask, authorizerFor, outcome, PolicyFolder } from "./policy-folder.js";

const policy = `
p, role:producer, acme,    orders,       produce, allow
p, role:producer, acme,    orders.*,     produce, allow
p, role:producer, acme,    orders.cards, produce, deny
p, role:root,     *,       *,            *,       allow
p, role:operator, _system, *,            admin,   allow
p, acme/auditor,  globex,  orders,       consume, allow
p, acme/auditor,  acme,    _audit,       consume, allow
p, acme/lead,     acme,    *,            *,       allow
p, acme/everyday, *,       orders,       consume, allow
g, acme/billing,  role:producer, acme
g, acme/root,     role:root,     acme
g, acme/deputy,   role:deputy,   acme
g, role:deputy,   role:root,     acme
g, globex/ops,    role:operator, _system
g, globex/many,   role:producer, *
`;

const matrix = [
  // principal, action, tenant, topic, expected, why
  ["acme/billing", "produce", "acme", "orders", "allow", "her role has a rule for it"],
  ["acme/billing", "produce", "acme", "orders.eu", "allow", "a prefix covers it"],
  ["acme/billing", "produce", "acme", "orders.", "allow", "a prefix covers itself"],
  ["acme/billing", "produce", "acme", "orders.cards", "deny", "deny wins over the prefix that allows"],
  ["acme/billing", "produce", "acme", "orders.cards2", "allow", "a literal denies no longer name"],
  ["acme/billing", "produce", "acme", "ordersx", "deny", "a dot is a dot"],
  ["acme/billing", "produce", "acme", "order", "deny", "a literal covers no shorter name"],
  ["acme/billing", "consume", "acme", "orders", "deny", "another action"],
  ["acme/billing", "produce", "globex", "orders", "deny", "a role held in acme grants nothing in globex"],
  ["globex/billing", "produce", "acme", "orders", "deny", "the same name in another tenant is somebody else"],
  ["acme/stranger", "produce", "acme", "orders", "deny", "no rule speaks of this caller"],
  ["acme/root", "delete", "acme", "anything", "allow", "* covers every topic and action"],
  ["acme/root", "delete", "globex", "anything", "deny", "the rule is for every tenant, the role only for acme"],
  ["acme/root", "consume", "acme", "_audit", "deny", "* covers no name that begins with _"],
  ["acme/root", "admin", "_system", "server", "deny", "* covers no rights over the server"],
  ["acme/deputy", "delete", "acme", "anything", "allow", "roles can have roles"],
  ["acme/lead", "admin", "acme", "orders", "allow", "a rule can name a principal"],
  ["acme/auditor", "consume", "globex", "orders", "allow", "a rule can open another tenant's topic"],
  ["acme/auditor", "consume", "acme", "orders", "deny", "and then opens that one alone"],
  ["acme/auditor", "consume", "acme", "_audit", "allow", "a literal rule reaches a system topic"],
  ["acme/everyday", "consume", "globex", "orders", "allow", "* as tenant is every declared one"],
  ["acme/everyday", "consume", "_system", "orders", "deny", "but not _system"],
  ["globex/many", "produce", "acme", "orders", "allow", "a role can be held in every tenant"],
  ["globex/many", "produce", "_system", "orders", "deny", "but that is not _system either"],
  ["globex/ops", "admin", "_system", "server", "allow", "_system is open to whom it names"],
  ["globex/ops", "admin", "globex", "server", "deny", "operating the server opens no tenant"],
] as const;

describe("a policy decides", async () => {
  const { authorizer } = await authorizerFor(policy);
  for (const [principal, action, tenant, topic, expected, why] of matrix) {
    test(`${expected}: ${principal} ${action} ${tenant}/${topic}, because ${why}`, () => {
      assert.equal(outcome(authorizer, ask(principal, action, tenant, topic)), expected);
      // And the same when it is remembered.
      assert.equal(outcome(authorizer, ask(principal, action, tenant, topic)), expected);
    });
  }
});

test("an empty policy allows nothing", async () => {
  const { authorizer } = await authorizerFor("");
  for (const tenant of ["acme", "globex", "_system"]) {
    for (const action of actions) {
      assert.equal(outcome(authorizer, ask("acme/root", action, tenant, "orders")), "deny");
    }
  }
});

test("deny wins whichever line comes first", async () => {
  const allow = "p, acme/x, acme, orders, produce, allow\n";
  const deny = "p, acme/x, acme, *, *, deny\n";
  for (const order of [allow + deny, deny + allow]) {
    const { authorizer } = await authorizerFor(order);
    assert.equal(outcome(authorizer, ask("acme/x", "produce", "acme", "orders")), "deny");
  }
});

describe("whatever is not a valid request is refused, and nothing worse", async () => {
  const { authorizer, denials } = await authorizerFor("p, acme/x, *, *, *, allow\n");
  const good = ask("acme/x", "produce", "acme", "orders");
  // Remembered under keys that careless text would share with "no topic" and "a topic that is a list".
  authorizer.authorize(good);
  authorizer.authorize({ ...good, topic: "undefined" });
  const bad: [string, unknown][] = [
    ["an undeclared tenant", { ...good, tenant: "initech" }],
    ["a pattern as topic", { ...good, topic: "orders*" }],
    ["every topic as topic", { ...good, topic: "*" }],
    ["every tenant as tenant", { ...good, tenant: "*" }],
    ["every action as action", { ...good, action: "*" }],
    ["an unknown action", { ...good, action: "own" }],
    ["an upper-case topic", { ...good, topic: "Orders" }],
    ["a topic with a slash", { ...good, topic: "../orders" }],
    ["a topic that would be a longer key", { ...good, tenant: "acme\norders", topic: "" }],
    ["an empty topic", { ...good, topic: "" }],
    ["no topic", { ...good, topic: undefined }],
    ["a topic that is a list", { ...good, topic: ["orders"] }],
    ["an empty tenant", { ...good, tenant: "" }],
    ["no tenant", { ...good, tenant: undefined }],
    ["no action", { ...good, action: undefined }],
    ["no principal", { ...good, principal: undefined }],
    ["a principal without a tenant", { ...good, principal: { name: "x" } }],
    ["an empty principal", { ...good, principal: { tenant: "", name: "" } }],
    ["a principal that is a role", { ...good, principal: { tenant: "role:root", name: "" } }],
    ["a principal with a slash in it", { ...good, principal: { tenant: "acme/x", name: "y" } }],
    ["no request", undefined],
    ["a very long topic", { ...good, topic: "x".repeat(1_000_000) }],
  ];
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    bad.push([`${key} as tenant`, { ...good, tenant: key }]);
    bad.push([`${key} as action`, { ...good, action: key }]);
    bad.push([`${key} as principal`, { ...good, principal: { tenant: key, name: key } }]);
  }
  for (const [what, request] of bad) {
    test(what, () => {
      denials.length = 0;
      assert.throws(() => authorizer.authorize(request as AccessRequest), PermissionDenied);
      assert.equal(denials.length, 1);
      assert.notEqual(denials[0]!.reason, "");
      assert.equal(denials[0]!.rule, undefined);
      assert.ok(JSON.stringify(denials[0]).length < 2000, "what a caller sends must not fill the log");
    });
  }
  test("while the request that they were made from is allowed", () => authorizer.authorize(good));
});

test("names that JavaScript's objects have are names like any other", async () => {
  const { authorizer } = await authorizerFor(
    "p, role:constructor, acme, constructor, produce, allow\ng, acme/valueof, role:constructor, acme\n",
  );
  assert.equal(outcome(authorizer, ask("acme/valueof", "produce", "acme", "constructor")), "allow");
  assert.equal(outcome(authorizer, ask("acme/constructor", "produce", "acme", "constructor")), "deny");
  assert.equal(outcome(authorizer, ask("acme/valueof", "produce", "acme", "prototype")), "deny");
});

test("a refusal tells the caller the id, and the log the reason", async () => {
  const { authorizer, denials } = await authorizerFor(policy);
  const call = { requestId: "of-the-call", method: "/log.v1.Log/Produce" };
  const request = { ...ask("acme/billing", "produce", "acme", "orders.cards"), ...call };
  const refusal = refusalOf(authorizer, request);
  const [denial] = denials;
  assert.match(denial!.id, /^[A-Za-z0-9_-]{12}$/);
  assert.equal(refusal.message, `acme/billing may not produce to acme/orders.cards (decision ${denial!.id})`);
  assert.deepEqual(refusal.facts, { decision: denial!.id });
  assert.equal(refusal.cause, undefined);
  const { rule, ...rest } = denial!;
  assert.match(rule!, /\/policy\.csv:4: p, role:producer, acme, orders\.cards, produce, deny$/);
  assert.deepEqual(rest, {
    id: denial!.id,
    ...call,
    principal: "acme/billing",
    tenant: "acme",
    topic: "orders.cards",
    action: "produce",
    policyVersion: authorizer.version,
    reason: "a rule denies it",
  });
});

test("a refusal says the same of a topic that rules name and of one that nobody knows", async () => {
  const { authorizer, denials } = await authorizerFor(policy);
  const messages = ["orders", "unheard-of"].map((topic) =>
    refusalOf(authorizer, ask("globex/x", "consume", "acme", topic)).message.replace(topic, "T"),
  );
  const [first, second] = messages.map((message, index) => message.replace(denials[index]!.id, "ID"));
  assert.equal(first, second);
  assert.equal(first, "globex/x may not consume from acme/T (decision ID)");
});

test("an invalid name is not repeated to the caller", async () => {
  const { authorizer } = await authorizerFor(policy);
  const { message } = refusalOf(authorizer, ask("acme/root", "produce", "ac\nme", "a\r\nb"));
  assert.match(message, /^acme\/root may not produce to \(invalid name\)\/\(invalid name\) \(decision \S+\)$/);
});

test("a remembered refusal has an id of its own and is reported again", async () => {
  const { authorizer, denials } = await authorizerFor("");
  const request = ask("acme/x", "produce", "acme", "orders");
  for (let time = 0; time < 3; time++) assert.equal(outcome(authorizer, request), "deny");
  assert.equal(new Set(denials.map((denial) => denial.id)).size, 3);
});

test("a failure inside is a refusal, and its cause is reported", async () => {
  const { authorizer, denials } = await authorizerFor(policy);
  const request = {
    ...ask("acme/root", "produce", "acme", "orders"),
    get principal(): never {
      throw new Error("the identity went away");
    },
  };
  assert.equal(outcome(authorizer, request), "deny");
  assert.equal(denials[0]!.reason, "the decision failed: Error: the identity went away");
});

test("a log that fails leaves a refusal a refusal", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await CasbinAuthorizer.open(folder.path, {
    onDenied: () => {
      throw new TypeError("the log is full");
    },
  });
  assert.equal(outcome(authorizer, ask("globex/x", "produce", "acme", "orders")), "deny");
});

test("more requests than are remembered are still decided right", async () => {
  const { authorizer } = await authorizerFor("p, acme/x, acme, a*, produce, allow\n");
  for (const round of [1, 2]) {
    for (let number = 0; number < 11_000; number++) {
      const allowed = number % 11 !== 0;
      const topic = `${allowed ? "a" : "b"}${number}`;
      const expected = allowed ? "allow" : "deny";
      assert.equal(outcome(authorizer, ask("acme/x", "produce", "acme", topic)), expected, `${topic}, round ${round}`);
    }
  }
});

test("the declared tenants are known, sorted, and _system is not among them", async () => {
  const { authorizer } = await authorizerFor(policy);
  assert.deepEqual(authorizer.tenants, ["acme", "globex"]);
  assert.equal(authorizer.isDeclaredTenant("acme"), true);
  for (const other of ["_system", "initech", "", "*", "__proto__"]) {
    assert.equal(authorizer.isDeclaredTenant(other), false, other);
  }
});

function refusalOf(authorizer: CasbinAuthorizer, request: AccessRequest): PermissionDenied {
  try {
    authorizer.authorize(request);
  } catch (error) {
    assert.ok(error instanceof PermissionDenied);
    return error;
  }
  assert.fail("it was allowed");
}

test("no decision has an id that a command line would take for an option", async () => {
  const { authorizer, denials } = await authorizerFor(policy);
  for (let asked = 0; asked < 1000; asked++) outcome(authorizer, ask("acme/stranger", "produce", "acme", "orders"));
  assert.deepEqual([denials.length, denials.filter(({ id }) => !/^\w[\w-]{11}$/.test(id))], [1000, []]);
});
