import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { type AccessRequest, BreakGlass } from "../../src/authz/index.js";
import { PermissionDenied } from "../../src/errors.js";
import { parsePrincipal } from "../../src/names.js";
import { ask, authorizerFor } from "./policy-folder.js";

const activate = "/policy.v1.Policy/Activate";
const why = "/policy.v1.Policy/Why";

async function glass(policy: string, holder: string | null = "ops/root") {
  const { authorizer, denials } = await authorizerFor(policy);
  const uses: AccessRequest[] = [];
  const judge = new BreakGlass(authorizer, {
    principal: holder === null ? undefined : parsePrincipal(holder),
    methods: new Set([activate]),
    onUse: (request) => uses.push(request),
  });
  return { judge, uses, denials };
}

/** That of `method`, about the policy unless something else is given. */
function call(changes: Partial<AccessRequest> & { readonly who?: string } = {}): AccessRequest {
  const { who = "ops/root", ...rest } = changes;
  return { ...ask(who, "admin", "_system", "policy"), method: activate, ...rest };
}

test("its holder gets at the policy although no rule allows it, of a tenant that is not declared too, and it is told", async () => {
  const { judge, uses, denials } = await glass("p, acme/billing, acme, orders, produce, allow\n");
  assert.equal(judge.permits(call()), true);
  assert.deepEqual(uses, []);
  judge.authorize(call());
  assert.deepEqual([uses, denials], [[call()], []]);
});

test("its holder gets at the policy although a rule denies it", async () => {
  const { judge, uses } = await glass("p, acme/root, _system, policy, admin, deny\n", "acme/root");
  judge.authorize(call({ who: "acme/root" }));
  assert.equal(uses.length, 1);
});

test("no glass is broken for what the policy allows", async () => {
  const { judge, uses } = await glass("p, acme/root, _system, policy, admin, allow\n", "acme/root");
  judge.authorize(call({ who: "acme/root" }));
  assert.deepEqual(uses, []);
});

describe("nothing else is opened by it:", () => {
  const others: [string, AccessRequest][] = [
    ["another method", call({ method: why })],
    ["no method at all", call({ method: undefined })],
    ["another topic", call({ topic: "server" })],
    ["a tenant's part of the policy", call({ tenant: "acme" })],
    ["another action", call({ action: "produce" })],
    ["another name of the same tenant", call({ who: "ops/roots" })],
    ["the same name of another tenant", call({ who: "acme/root" })],
  ];
  test.each(others)("%s", async (_, request) => {
    const { judge, uses, denials } = await glass("p, acme/billing, acme, orders, produce, allow\n");
    assert.equal(judge.permits(request), false);
    assert.throws(() => judge.authorize(request), PermissionDenied);
    assert.deepEqual([uses.length, denials.length], [0, 1]);
  });

  test("anybody, where the server's settings name nobody", async () => {
    const { judge, denials } = await glass("p, acme/billing, acme, orders, produce, allow\n", null);
    // What a name that is not there must never be the same as.
    for (const who of ["ops/root", "undefined/undefined"])
      assert.throws(() => judge.authorize(call({ who })), PermissionDenied);
    assert.equal(denials.length, 2);
  });
});

test("the streams by which its holder gets at the policy are not limited, and no others are let off", async () => {
  const { judge } = await glass("p, acme/billing, acme, orders, produce, allow\n", "acme/root");
  const [root, billing] = [parsePrincipal("acme/root")!, parsePrincipal("acme/billing")!];
  assert.equal(judge.streamsOf(root, activate), Infinity);
  assert.equal(judge.streamsOf(root, "/log.v1.Log/ConsumeStream"), 1000);
  assert.equal(judge.streamsOf(billing, activate), 1000);
});
