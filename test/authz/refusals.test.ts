import assert from "node:assert/strict";
import { test } from "vitest";
import { type Denial, Refusals } from "../../src/authz/index.js";
import { ask, authorizerFor, outcome } from "./policy-folder.js";

function denial(number: number, changes: Partial<Denial> = {}): Denial {
  return {
    id: number.toString(36).padStart(12, "-"),
    requestId: `request-${number}`,
    method: "/log.v1.Log/Produce",
    principal: "acme/billing",
    tenant: "acme",
    topic: `orders.${number}`,
    action: "produce",
    policyVersion: "0123456789ab",
    reason: "no rule allows it",
    rule: undefined,
    ...changes,
  };
}

function remembered(denial: Denial, timeMs: number): Omit<Denial, "requestId"> & { readonly timeMs: number } {
  const { requestId, ...rest } = denial;
  assert.ok(requestId);
  return { ...rest, timeMs };
}

test("each of the last 100,000 refusals is found with all that the log has of it, and the one before them is not", () => {
  const refusals = new Refusals();
  const principal = (number: number): string => `t${number % 1000}/billing`;
  for (let number = 0; number < 220_001; number++)
    refusals.add(denial(number, { principal: principal(number) }), number);
  for (const number of [120_001, 150_000, 219_999, 220_000]) {
    const expected = remembered(denial(number, { principal: principal(number) }), number);
    assert.deepEqual(refusals.find(expected.id), expected);
  }
  assert.equal(refusals.find(denial(120_000).id), undefined);
  assert.equal(refusals.size, 100_000);
});

test("an id is found, or found to be none, without looking through all refusals", () => {
  const refusals = new Refusals();
  for (let number = 0; number < 100_000; number++) refusals.add(denial(number), number);
  const started = performance.now();
  for (let number = 0; number < 1_000; number++) assert.equal(refusals.find(denial(200_000 + number).id), undefined);
  const ms = performance.now() - started;
  // Each look through all of them takes more than a millisecond.
  assert.ok(ms < 250, `${ms.toFixed(0)} ms for 1,000 ids`);
});

test("a rule that denied is remembered in its own words", () => {
  const refusals = new Refusals();
  const rule = "policy/policy.csv:7: p, role:producer, acme, orders.cards, *, deny";
  const refused = denial(1, { rule, reason: "a rule denies it" });
  refusals.add(refused, 5);
  assert.deepEqual(refusals.find(refused.id), remembered(refused, 5));
});

test("one tenant's flood does not push out the last refusals of the others", () => {
  const refusals = new Refusals({ recent: 100, perTenant: 10, tenants: 3 });
  for (let number = 0; number < 20; number++) refusals.add(denial(number, { principal: "globex/ops" }), number);
  for (let number = 20; number < 1_020; number++) refusals.add(denial(number), number);
  assert.equal(refusals.find(denial(10).id)?.principal, "globex/ops");
  assert.equal(refusals.find(denial(9).id), undefined);
  assert.equal(refusals.find(denial(919).id), undefined);
  assert.equal(refusals.find(denial(920).id)?.principal, "acme/billing");
});

test("what is no id finds nothing, and neither does the beginning of one", () => {
  const refusals = new Refusals();
  refusals.add(denial(1), 5);
  for (const id of ["", "-", denial(1).id.slice(0, 11), denial(2).id]) assert.equal(refusals.find(id), undefined);
});

test("names that are none, with line ends in them, are remembered as what they are not", async () => {
  const { authorizer, denials } = await authorizerFor("p, acme/billing, acme, orders, produce, allow\n");
  const refusals = new Refusals();
  const request = {
    ...ask("acme/billing", "produce", "acme", "or\nders\n".repeat(100)),
    method: "/log.v1.Log/Produce",
  };
  assert.equal(outcome(authorizer, request), "deny");
  const [refused] = denials;
  assert.equal(refused?.method, "/log.v1.Log/Produce");
  refusals.add(refused, 1);
  const found = refusals.find(refused.id);
  assert.equal(found?.reason, "the topic is not a valid name");
  assert.equal(found.topic, refused.topic.replaceAll("\n", "\\n"));
});
