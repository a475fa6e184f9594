import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type PolicyFileName, policyFileNames } from "../../src/authz/index.js";
import { backUp } from "../../src/log/backup.js";
import { restoreBackup } from "../../src/log/restore.js";
import { verify } from "../../src/repair/index.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";
import { LogLines, type TestNode, startTestNode } from "../support/test-node.js";
import { startNode } from "../../src/node/index.js";

const all = `
p, acme/root, acme, *, *, allow
p, acme/reports, acme, orders, consume, allow
p, acme/auditor, acme, orders, consume, allow
p, acme/billing, acme, orders, produce, allow
p, acme/shipping, acme, orders, produce, allow
p, acme/shipping, acme, returns, produce, allow
`;
const author = "acme/root";

async function start(): Promise<TestNode> {
  const node = await startTestNode({ policy: { "policy.csv": all } });
  await node.as("acme/root").produce("before", { topic: "orders" });
  return node;
}

/** The files in force, with other rules. */
async function withRules(node: TestNode, rules: string): Promise<Record<PolicyFileName, Buffer>> {
  const read = policyFileNames.map(async (name) => [name, await readFile(join(node.config.policyDir, name))] as const);
  return {
    ...(Object.fromEntries(await Promise.all(read)) as Record<PolicyFileName, Buffer>),
    "policy.csv": Buffer.from(rules),
  };
}

async function activate(node: TestNode, rules: string): Promise<void> {
  const basedOn = node.policy.status().active.version;
  await node.policy.activate(await withRules(node, rules), { basedOn, author });
}

const without = (name: string): string => all.replace(new RegExp(`.*(?:${name}).*\n`, "g"), "");

function consuming(node: TestNode, principal: string) {
  const call = node.raw(principal).open("ConsumeStream");
  call.send(consumeBytes({ topic: "orders" }));
  call.halfClose();
  return call;
}

test("streams that are open and idle end within a second of an activation that takes their rights, and others go on", async () => {
  await using node = await start();
  const [reader, otherReader] = ["acme/reports", "acme/auditor"].map((principal) => consuming(node, principal));
  const [writer, tagged, otherWriter] = ["acme/billing", "acme/billing", "acme/shipping"].map((principal, index) => {
    const call = node.raw(principal).open("ProduceStream");
    call.send(produceBytes({ topic: "orders", records: [`${index}`], ...(index === 1 && { requestId: 1n }) }));
    return call;
  });
  const importing = node.raw("acme/billing").open("Import");
  importing.send(produceBytes({ topic: "orders", records: ["imported"] }));
  await Promise.all([writer, tagged, otherWriter].map((call) => call!.received(1)));
  await Promise.all([reader, otherReader].map((call) => call!.received(5)));
  const started = performance.now();
  await activate(node, without("reports|billing"));
  const ended = await Promise.all([reader, writer, tagged, importing].map((call) => call!.end()));
  expect(performance.now() - started).toBeLessThan(1000);
  for (const { code, reason } of ended) expect([code, reason]).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
  // The one with request ids is told in words too, which tell its client what was not stored.
  expect(ended.map(({ messages }) => messages.length)).toEqual([5, 1, 2, 0]);
  otherWriter!.send(produceBytes({ topic: "orders", records: ["after"] }));
  await Promise.all([otherWriter!.received(2), otherReader!.received(6)]);
  otherWriter!.halfClose();
  expect((await otherWriter!.end()).code).toBe("OK");
  otherReader!.cancel();
});

test("a ProduceStream to several topics goes on while it may write to one of them", async () => {
  await using node = await start();
  const stream = node.raw("acme/shipping").open("ProduceStream");
  const send = (topic: string, requestId: bigint): void =>
    stream.send(produceBytes({ topic, records: ["x"], requestId }));
  await node.as("acme/root").produce("before", { topic: "returns" });
  send("orders", 1n);
  send("returns", 2n);
  await stream.received(2);
  await activate(node, without("shipping, acme, orders"));
  send("returns", 3n);
  send("orders", 4n);
  await stream.received(4);
  expect(await node.valuesOf("acme", "returns")).toHaveLength(3);
  expect(await node.valuesOf("acme", "orders")).toHaveLength(2);
  await activate(node, without("shipping"));
  expect(await stream.end()).toMatchObject({ code: "PERMISSION_DENIED" });
});

test("a stream whose right is gone from the files ends without anybody's doing", async () => {
  await using node = await start();
  const reader = consuming(node, "acme/reports");
  const writer = node.raw("acme/billing").open("ProduceStream");
  writer.send(produceBytes({ topic: "orders", records: ["x"] }));
  await Promise.all([writer.received(1), reader.received(2)]);
  const started = performance.now();
  await node.writePolicy({ "policy.csv": without("reports|billing") });
  const ended = await Promise.all([reader.end(), writer.end()]);
  expect(ended.map(({ code }) => code)).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
  // The settle time, and a second.
  expect(performance.now() - started).toBeLessThan(3000);
  const line = await node.log.until(({ msg, how }) => msg === "a new policy is in force" && how === "files");
  expect(line).toMatchObject({ author: "files", level: 30 });
});

test("files that are refused are told of in the log, the metrics and the probe, also after a restart, until they are mended", async () => {
  await using node = await start();
  const { version } = node.policy.status().active;
  const since = await node.metric("aclog_policy_activation_timestamp_seconds");
  expect(await node.metric("aclog_policy_files_refused")).toBe(0);
  await node.writePolicy({ "policy.csv": `${all}p, acme/secret, acme, orders, cosnume, allow\n` });
  await expect(node.reloadPolicy()).rejects.toThrow("cosnume");
  const refused = {
    status: 200,
    body: `ready; policy files refused: 1 finding in policy.csv; version ${version} in force\n`,
  };
  expect(await node.probe("/readyz")).toEqual(refused);
  expect(await node.metric("aclog_policy_files_refused")).toBe(1);
  expect(await node.metric('aclog_policy_reloads_total{result="refused"}')).toBe(1);
  await node.restart();
  const line = await node.log.until(({ msg }) => msg.startsWith("the server starts with the policy that it had kept"));
  expect(line).toMatchObject({ level: 50, policyVersion: version, findings: [{ line: 8 }] });
  expect(await node.probe("/readyz")).toEqual(refused);
  expect(await node.metric("aclog_policy_files_refused")).toBe(1);
  expect(await node.metric("aclog_policy_activation_timestamp_seconds")).toBe(since);
  await node.as("acme/billing").produce("after", { topic: "orders" });
  await node.writePolicy({ "policy.csv": all });
  await node.reloadPolicy();
  expect(await node.probe("/readyz")).toEqual({ status: 200, body: "ready\n" });
  expect(await node.metric("aclog_policy_files_refused")).toBe(0);
});

test("versions are in a backup, and a data directory with them is sound", async () => {
  await using node = await start();
  await activate(node, without("reports"));
  const history = node.policy.history();
  const [backup, restored] = [join(node.directory, "backup"), join(node.directory, "restored")];
  await backUp(node.config.dataDir, backup);
  await restoreBackup(backup, restored);
  expect((await verify(restored)).findings).toEqual([]);
  // With other files than were in force then, and bad ones.
  await node.writePolicy({ "policy.csv": "nonsense\n" });
  const again = await startNode({ ...node.config, dataDir: restored }, new LogLines().logger);
  try {
    expect(again.policy.history()).toEqual(history);
    expect(again.policy.status()).toMatchObject({ active: history[0], refused: [{ source: "policy.csv" }] });
  } finally {
    await again.drain();
  }
});
