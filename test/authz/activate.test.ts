import assert from "node:assert/strict";
import { test } from "vitest";
import { CasbinAuthorizer, checkPolicy } from "../../src/authz/index.js";
import { OperatorError } from "../../src/errors.js";
import { ask, outcome, PolicyFolder } from "./policy-folder.js";

const orders = ask("acme/billing", "produce", "acme", "orders");
const returns = ask("acme/billing", "produce", "acme", "returns");
const onlyReturns = {
  "policy.csv": "p, acme/billing, acme, returns, produce, allow\n",
  "matrix.csv": "acme/billing, acme, orders, produce, deny\n",
};

async function openIn(folder: PolicyFolder): Promise<CasbinAuthorizer> {
  return CasbinAuthorizer.open(folder.path, { onDenied: () => undefined });
}

test("another policy is in force at once, for remembered decisions too", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  assert.deepEqual([outcome(authorizer, orders), outcome(authorizer, returns)], ["allow", "deny"]);
  await folder.write(onlyReturns);
  const next = await folder.compiled();
  assert.notEqual(authorizer.version, next.version);
  authorizer.activate(next);
  assert.equal(authorizer.version, next.version);
  assert.deepEqual([outcome(authorizer, orders), outcome(authorizer, returns)], ["deny", "allow"]);
});

test("listeners hear of a change when it is in force, and not after they were taken off", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  const heard: string[] = [];
  const listener = (): void => void heard.push(outcome(authorizer, orders));
  const stopFirst = authorizer.onChange(listener);
  authorizer.onChange(listener);
  await folder.write(onlyReturns);
  const next = await folder.compiled();
  authorizer.activate(next);
  assert.deepEqual(heard, ["deny", "deny"]);
  stopFirst();
  authorizer.activate(next);
  assert.equal(heard.length, 3);
});

test("a listener that throws stops neither the others nor the change, and is not passed over", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  let heard = 0;
  authorizer.onChange(() => {
    throw new Error("a stream would not end");
  });
  authorizer.onChange(() => (heard += 1));
  await folder.write(onlyReturns);
  const next = await folder.compiled();
  assert.throws(
    () => authorizer.activate(next),
    (error) => error instanceof AggregateError && error.errors.length === 1,
  );
  assert.equal(heard, 1);
  assert.equal(outcome(authorizer, orders), "deny");
});

test("an authorizer does not open on files with mistakes", async () => {
  await using folder = await PolicyFolder.create({ "tenants.yaml": undefined });
  await assert.rejects(openIn(folder), OperatorError);
  await assert.rejects(CasbinAuthorizer.open(`${folder.path}/absent`, { onDenied: () => undefined }), (error) => {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.findings.length, 4);
    return true;
  });
});

test("the version is that of the content: the same wherever the files are, another for any other byte", async () => {
  await using one = await PolicyFolder.create();
  await using two = await PolicyFolder.create();
  const { version } = await checkPolicy(one.path);
  assert.match(version, /^[0-9a-f]{12}$/);
  assert.equal((await checkPolicy(two.path)).version, version);
  await two.write({ "matrix.csv": "# nothing\n" });
  assert.notEqual((await checkPolicy(two.path)).version, version);
});
