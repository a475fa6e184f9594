import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import type { Outcome } from "./command.js";
import { sharedServer } from "./served.js";

const shared = sharedServer(async (directory) => {
  const tenants = "tenants:\n  acme: {}\n  globex:\n    limits:\n      topics: 1\n  ops: {}\n";
  await writeFile(join(directory, "policy/tenants.yaml"), tenants);
});

/** As acme's own administrator. */
function aclog(...args: string[]): Promise<Outcome> {
  return shared.server.aclog("acme/root", args);
}

/** Made with so many records in it. */
async function topicOf(topic: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) => `${topic} ${index}\n`).join("");
  assert.equal((await aclog("topics", "create", topic)).code, 0);
  assert.equal((await shared.server.aclog("acme/root", ["produce", "--topic", topic], lines)).code, 0);
}

async function describe(topic: string): Promise<Record<string, unknown>> {
  return JSON.parse((await aclog("topics", "describe", topic, "--json")).stdout) as Record<string, unknown>;
}

const topicId = /^[0-9a-f]{32}$/;
const instant = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

test("a topic is made with its settings, told of, changed setting by setting, and deleted", async () => {
  const settings = ["--retention", "7d", "--retention-bytes", "10GiB", "--retention-records", "1000000", "--compact"];
  assert.deepEqual(await aclog("topics", "create", "life", ...settings), {
    code: 0,
    stdout: "made acme/life; kept: 7d, 10GiB, 1,000,000 records, last of each key\n",
    stderr: "",
  });
  const all = { retentionMs: 604_800_000, retentionBytes: 10_737_418_240, retentionRecords: 1_000_000, compact: true };
  const { topicId: id, created, storedBytes, ...told } = await describe("life");
  assert.deepEqual(told, {
    tenant: "acme",
    topic: "life",
    startOffset: "0",
    highWaterMark: "0",
    settings: all,
  });
  assert.match(String(id), topicId);
  assert.match(String(created), instant);
  assert.equal(typeof storedBytes, "number");

  const updated = await aclog("topics", "update", "life", "--retention", "90s", "--no-compact");
  assert.match(updated.stdout, /^kept +90s, 10GiB, 1,000,000 records$/m);
  await aclog("topics", "update", "life", "--retention", "none", "--retention-bytes", "none", "--compact");
  assert.deepEqual((await describe("life"))["settings"], { retentionRecords: 1_000_000, compact: true });

  const deleted = await aclog("topics", "delete", "life", "--yes", "--json");
  assert.deepEqual(JSON.parse(deleted.stdout), { topic: "life", topicId: id });
  const { code, stderr } = await aclog("topics", "describe", "life");
  assert.equal(code, 1);
  assert.match(stderr, /^aclog: NOT_FOUND: .*acme\/life.*\n {2}.*`aclog topics create life` makes it\.\n$/);
});

test("what is told of a topic is a list for people", async () => {
  await topicOf("told", 3);
  const { stdout } = await aclog("topics", "describe", "told");
  assert.match(
    stdout,
    /^topic {12}acme\/told\ntopic id {9}[0-9a-f]{32}\nstart offset {5}0\nhigh-water mark {2}3\nstored .*\n/,
  );
  assert.match(stdout, /\ncreated .*Z \(\d+s ago\)\nlast record .*Z \(\d+s ago\)\nkept {13}for ever\n$/);
});

test("a list has the topics that the caller may describe, by name, in a table or an object each", async () => {
  for (const topic of ["list.b", "list.a"]) await topicOf(topic, 2);
  const table = await aclog("topics", "list", "--prefix", "list.");
  assert.match(table.stdout, /^TOPIC +START +HIGH-WATER MARK +STORED +LAST RECORD +KEPT\n/);
  assert.match(table.stdout, /\nlist\.a +0 +2 +\S+ K?i?B +\d+s ago +for ever\nlist\.b +0 +2 .*\n$/);
  const none = await aclog("topics", "list", "--prefix", "list.c");
  assert.equal(none.stdout, "no such topics, or none that you may describe\n");
  const objects = (await aclog("topics", "list", "--prefix", "list.", "--json")).stdout.trimEnd().split("\n");
  assert.deepEqual(
    objects.map((line) => (JSON.parse(line) as { topic: string }).topic),
    ["list.a", "list.b"],
  );
  // reports may describe orders and nothing else.
  await aclog("topics", "create", "orders");
  const { stdout } = await shared.server.aclog("acme/reports", ["topics", "list", "--json"]);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { topic: string }).topic),
    ["orders"],
  );
});

test("a topic that is there is not made again, and who may not make one is told so", async () => {
  await topicOf("twice", 1);
  const twice = await aclog("topics", "create", "twice");
  assert.deepEqual([twice.code, /^aclog: ALREADY_EXISTS: .*acme\/twice/.test(twice.stderr)], [1, true]);
  const refused = await shared.server.aclog("acme/nobody", ["topics", "create", "mine"]);
  assert.match(refused.stderr, /^aclog: PERMISSION_DENIED: .*\n {2}.*decision \S+ in the server's log/);
});

test("a tenant at its limit is told which one, and who can raise it", async () => {
  const create = (topic: string, ...more: string[]) =>
    shared.server.aclog("globex/root", ["topics", "create", topic, ...more]);
  assert.equal((await create("first")).code, 0);
  const { code, stderr } = await create("second");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^aclog: RESOURCE_EXHAUSTED: .*\n {2}The administrator of the policy can raise topics for tenant globex in tenants\.yaml\.\n$/,
  );
  const { reason, facts } = JSON.parse((await create("second", "--json")).stderr) as Record<string, unknown>;
  assert.deepEqual([reason, facts], ["QUOTA_EXCEEDED", { tenant: "globex", limit: "topics", maximum: "1" }]);
});

test("truncating removes what is before an offset; reading there says where the topic begins now", async () => {
  await topicOf("cut", 4);
  const truncated = await aclog("topics", "truncate", "cut", "--before", "2", "--yes");
  assert.equal(truncated.stdout, "acme/cut begins at offset 2\n");
  assert.equal((await aclog("consume", "--topic", "cut")).stdout, "cut 2\ncut 3\n");
  const { code, stderr } = await aclog("consume", "--topic", "cut", "--from", "1");
  assert.equal(code, 1);
  assert.match(stderr, /OUT_OF_RANGE.*\n {2}What was before offset 2 is gone; the topic holds offsets 2 to 3\.\n$/);
  const past = await aclog("topics", "truncate", "cut", "--before", "5", "--yes");
  assert.match(past.stderr, /OUT_OF_RANGE.*\n {2}The topic holds offsets 2 to 3\.\n$/);
});

for (const [what, args] of [
  ["deleting", ["topics", "delete", "kept"]],
  ["truncating", ["topics", "truncate", "kept", "--before", "1"]],
] as const) {
  test(`${what} without --yes, where nobody can be asked, is wrong use and changes nothing`, async () => {
    await aclog("topics", "create", "kept");
    await shared.server.aclog("acme/root", ["produce", "--topic", "kept", "--value", "v"]);
    const before = await describe("kept");
    const { code, stderr } = await aclog(...args);
    assert.equal(code, 2);
    assert.match(stderr, /^aclog: .*kept.* for good\. There is no terminal to ask at\.\n {2}--yes: is needed/);
    assert.deepEqual(await describe("kept"), before);
  });
}

test("another tenant's topics are named by --tenant, and are the policy's to open", async () => {
  const { code, stderr } = await shared.server.aclog("globex/root", [
    "topics",
    "delete",
    "default",
    "--tenant",
    "acme",
    "--yes",
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /PERMISSION_DENIED/);
});
