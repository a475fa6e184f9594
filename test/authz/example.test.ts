import assert from "node:assert/strict";
import { test } from "vitest";
import { actions, CasbinAuthorizer, checkPolicy } from "../../src/authz/index.js";
import { ask, outcome } from "./policy-folder.js";

test("the example policy has no mistakes and nothing to warn of", async () => {
  const { findings, warnings, counts } = await checkPolicy("policy");
  assert.deepEqual({ findings, warnings }, { findings: [], warnings: [] });
  assert.equal(counts.tenants, 3);
  assert.ok(counts.rules > 0 && counts.assignments > 0 && counts.matrixRows > 0);
});

test("in the example, root does everything at home and nothing elsewhere, and nobody does nothing", async () => {
  const authorizer = await CasbinAuthorizer.open("policy", { onDenied: () => undefined });
  for (const home of authorizer.tenants) {
    for (const tenant of authorizer.tenants) {
      for (const action of actions) {
        for (const topic of ["orders", "orders.cards", "default"]) {
          const expected = home === tenant ? "allow" : "deny";
          assert.equal(outcome(authorizer, ask(`${home}/root`, action, tenant, topic)), expected);
          assert.equal(outcome(authorizer, ask(`${home}/nobody`, action, tenant, topic)), "deny");
        }
      }
    }
  }
});
