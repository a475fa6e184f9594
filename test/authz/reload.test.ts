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

test("a reload puts the new files in force, for remembered decisions too", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  assert.deepEqual([outcome(authorizer, orders), outcome(authorizer, returns)], ["allow", "deny"]);
  const before = authorizer.version;
  await folder.write(onlyReturns);
  const result = await authorizer.reload();
  assert.deepEqual(result, { changed: true, version: authorizer.version });
  assert.notEqual(result.version, before);
  assert.deepEqual([outcome(authorizer, orders), outcome(authorizer, returns)], ["deny", "allow"]);
});

test("a reload of the same files changes nothing and tells nobody", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  authorizer.onChange(() => assert.fail("nothing changed"));
  assert.deepEqual(await authorizer.reload(), { changed: false, version: authorizer.version });
});

test("a reload of files with mistakes reports them all and leaves the old policy in force", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  const stop = authorizer.onChange(() => assert.fail("nothing changed"));
  const before = authorizer.version;
  await folder.write({ "policy.csv": "p, acme/billing, acme, orders, produce, Deny\nnonsense\n" });
  await assert.rejects(authorizer.reload(), (error) => {
    assert.ok(error instanceof OperatorError);
    assert.deepEqual(
      error.findings.map(({ source, line, column }) => [source, line, column]),
      [
        [`${folder.path}/policy.csv`, 1, 41],
        [`${folder.path}/policy.csv`, 2, 1],
      ],
    );
    return true;
  });
  assert.equal(authorizer.version, before);
  assert.equal(outcome(authorizer, orders), "allow");
  stop();
  // And mended files come into force afterwards.
  await folder.write(onlyReturns);
  assert.equal((await authorizer.reload()).changed, true);
});

test("a reload whose matrix does not hold leaves the old policy in force", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  await folder.write({ "policy.csv": onlyReturns["policy.csv"] });
  await assert.rejects(authorizer.reload(), OperatorError);
  assert.deepEqual([outcome(authorizer, orders), outcome(authorizer, returns)], ["allow", "deny"]);
});

test("listeners hear of a change when it is in force, and not after they were taken off", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  const heard: string[] = [];
  const listener = (): void => void heard.push(outcome(authorizer, orders));
  const stopFirst = authorizer.onChange(listener);
  authorizer.onChange(listener);
  await folder.write(onlyReturns);
  await authorizer.reload();
  assert.deepEqual(heard, ["deny", "deny"]);
  stopFirst();
  await folder.write({ "matrix.csv": "" });
  await authorizer.reload();
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
  await assert.rejects(authorizer.reload(), (error) => error instanceof AggregateError && error.errors.length === 1);
  assert.equal(heard, 1);
  assert.equal(outcome(authorizer, orders), "deny");
});

test("of reloads that overlap, each comes out and one brings the change", async () => {
  await using folder = await PolicyFolder.create();
  const authorizer = await openIn(folder);
  await folder.write(onlyReturns);
  const results = await Promise.all([authorizer.reload(), authorizer.reload(), authorizer.reload()]);
  assert.deepEqual(
    results.map((result) => result.changed),
    [true, false, false],
  );
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
