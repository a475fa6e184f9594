import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, test } from "vitest";
import { start, type Outcome } from "./command.js";
import { sharedServer } from "./served.js";

const shared = sharedServer(async (directory) => {
  const rules = ["consume", "describe"].map((action) => `p, acme/root, acme, _offsets, ${action}, allow\n`);
  await appendFile(join(directory, "policy/policy.csv"), rules.join(""));
});
/** One for each test, with five records. */
let topic: string;
let topics = 0;

beforeEach(async () => {
  topic = `t${++topics}`;
  await produce("a\nb\nc\nd\ne\n");
});

function aclog(...args: string[]): Promise<Outcome> {
  return shared.server.aclog("acme/root", args);
}

async function produce(lines: string): Promise<void> {
  assert.equal((await shared.server.aclog("acme/root", ["produce", "--topic", topic], lines)).code, 0);
}

/** As the consumer group g. */
function consume(...more: string[]): Promise<Outcome> {
  return aclog("consume", "--topic", topic, "--group", "g", ...more);
}

function offsets(command: string, ...more: string[]): Promise<Outcome> {
  return aclog("offsets", command, "--topic", topic, "--group", "g", ...more);
}

async function position(): Promise<string> {
  const { code, stdout, stderr } = await offsets("fetch");
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout.trimEnd();
}

/** Resolves once the group is there. */
async function reaches(offset: string): Promise<void> {
  while ((await position()) !== offset);
}

test("a group goes on where it was, and behind what was printed", async () => {
  assert.equal(await position(), "none");
  assert.equal((await consume("--max", "2")).stdout, "a\nb\n");
  assert.equal(await position(), "2");
  assert.equal((await consume()).stdout, "c\nd\ne\n");
  assert.equal(await position(), "5");
  assert.deepEqual(await consume(), { code: 0, stdout: "", stderr: "" }, "at the end");
  await produce("f\n");
  assert.equal((await consume()).stdout, "f\n");
});

test("a group that is nowhere yet begins at --from, and one that is somewhere does not", async () => {
  assert.equal((await consume("--from", "3", "--max", "1")).stdout, "d\n");
  assert.equal((await consume("--from", "earliest")).stdout, "e\n");
});

test("a group that began at the end is given what came since", async () => {
  assert.deepEqual(await consume("--from", "latest"), { code: 0, stdout: "", stderr: "" });
  await produce("f\n");
  assert.equal((await consume("--from", "latest")).stdout, "f\n");
});

test("whom the policy lets see _offsets sees it, and can follow it as a group of its own", async () => {
  await consume("--max", "2");
  const { code, stdout } = await aclog("topics", "describe", "_offsets");
  assert.deepEqual([code, stdout.split("\n")[0]], [0, "topic            acme/_offsets"]);
  const records = await aclog("consume", "--topic", "_offsets", "--group", "watchers", "--json");
  assert.equal(records.code, 0);
  assert.ok(records.stdout.includes(`"key":"acme/${topic}/g"`));
  const place = await aclog("offsets", "fetch", "--topic", "_offsets", "--group", "watchers");
  assert.match(place.stdout, /^[1-9]\d*\n$/);
});

test("groups do not move each other", async () => {
  await consume("--max", "4");
  assert.equal((await aclog("consume", "--topic", topic, "--group", "other", "--max", "1")).stdout, "a\n");
  assert.equal(await position(), "4");
});

test("offsets are committed, fetched, listed with their lag, and forgotten", async () => {
  assert.equal((await offsets("commit", "--offset", "3")).stdout, `g goes on in ${topic} at offset 3\n`);
  const fetched = JSON.parse((await offsets("fetch", "--json")).stdout) as Record<string, unknown>;
  assert.deepEqual([fetched["offset"], typeof fetched["committed"]], ["3", "string"]);
  const table = (await aclog("offsets", "list", "--topic", topic)).stdout;
  assert.match(table, new RegExp(`^GROUP +TOPIC +OFFSET +LAG +COMMITTED\ng +acme/${topic} +3 +2 +\\d+s ago\n$`));
  const listed = (await aclog("offsets", "list", "--topic", topic, "--json")).stdout;
  const { topicId, committed, ...rest } = JSON.parse(listed) as Record<string, unknown>;
  assert.deepEqual(rest, { group: "g", tenant: "acme", topic, offset: "3", lag: "2" });
  assert.deepEqual([topicId, committed], [fetched["topicId"], fetched["committed"]]);
  assert.equal((await aclog("offsets", "list", "--topic", topic, "--group", "other", "--json")).stdout, "");
  const none = await aclog("offsets", "list", "--topic", topic, "--group", "other");
  assert.equal(none.stdout, "no such positions, or none that you may see\n");

  assert.equal((await offsets("delete")).stdout, `g is nowhere in ${topic} any more\n`);
  assert.equal(await position(), "none");
  assert.equal((JSON.parse((await offsets("fetch", "--json")).stdout) as Record<string, unknown>)["offset"], null);
});

test("an offset past the end is not committed, and who may not consume commits nothing", async () => {
  const { code, stderr } = await offsets("commit", "--offset", "6");
  assert.equal(code, 1);
  assert.match(stderr, /OUT_OF_RANGE.*\n {2}The topic holds offsets 0 to 4\.\n$/);
  const refused = await shared.server.aclog("acme/nobody", [
    "offsets",
    "commit",
    "--topic",
    topic,
    "--group",
    "g",
    "--offset",
    "1",
  ]);
  assert.match(refused.stderr, /PERMISSION_DENIED.*\n.*decision/);
  assert.equal(await position(), "none");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`--follow commits while it waits, and once more before it ends by ${signal}`, async () => {
    const child = start(["consume", "--topic", topic, "--group", "g", "--follow"], shared.server.as("acme/root"));
    const closed = once(child, "close");
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
    await reaches("5");
    assert.equal(printed, "a\nb\nc\nd\ne\n");
    await produce("f\n");
    while (!printed.endsWith("f\n")) await once(child.stdout, "data");
    child.kill(signal);
    assert.deepEqual(await closed, [null, signal]);
    assert.equal(await position(), "6");
  });
}

test("a group before the start of the topic is told how to go on", async () => {
  await consume("--max", "1");
  await aclog("topics", "truncate", topic, "--before", "3", "--yes");
  const { code, stdout, stderr } = await consume();
  assert.deepEqual([code, stdout], [1, ""]);
  const [, command] = /offset 3 is gone; .* `aclog (offsets commit .*)` goes on there\.\n$/.exec(stderr) ?? [];
  assert.ok(command, stderr);
  assert.equal((await aclog(...command.split(" "))).code, 0);
  assert.equal((await consume()).stdout, "d\ne\n");
});

test("a topic that is deleted and made anew is read from its start", async () => {
  await consume();
  await aclog("topics", "delete", topic, "--yes");
  await produce("new\n");
  assert.equal((await consume()).stdout, "new\n");
});
