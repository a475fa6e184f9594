import { EventEmitter, once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, consumed, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const both = `
p, acme/root, acme, *, *, allow
p, acme/reports, acme, orders, consume, allow
p, acme/auditor, acme, orders, consume, allow
p, acme/billing, acme, orders, produce, allow
`;
const withoutReports = both.replace(/.*reports.*\n/, "");
const withoutBilling = both.replace(/.*billing.*\n/, "");

async function start(): Promise<TestNode> {
  const node = await startTestNode({ policy: { "policy.csv": both } });
  await node.as("acme/root").produce("before", { topic: "orders" });
  return node;
}

async function activate(node: TestNode, policy: string): Promise<void> {
  await node.writePolicy({ "policy.csv": policy });
  await node.reloadPolicy();
}

test("an open ConsumeStream whose right is gone ends at once, and delivers nothing more; others go on", async () => {
  await using node = await start();
  const [revoked, kept] = ["acme/reports", "acme/auditor"].map((principal) => {
    const call = node.raw(principal).open("ConsumeStream");
    call.send(consumeBytes({ topic: "orders", offset: 0n }));
    call.halfClose();
    return call;
  });
  await Promise.all([revoked!.received(1), kept!.received(1)]);
  const started = performance.now();
  await activate(node, withoutReports);
  await node.as("acme/root").produce("after", { topic: "orders" });
  const ended = await revoked!.end();
  expect(performance.now() - started).toBeLessThan(1000);
  expect(ended).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", domain: "aclog" });
  expect(ended.facts["decision"]).toBeDefined();
  expect(ended.messages.map((bytes) => consumed(bytes).records[0]!.value.toString())).toEqual(["before"]);
  const [, after] = await kept!.received(2);
  expect(consumed(after!).records[0]!.value.toString()).toBe("after");
  expect(await node.metric("aclog_open_consumes")).toBe(1);
  kept!.cancel();
});

test("a reload of files that are none keeps the policy, and takes one short line of the log", async () => {
  await using node = await start();
  await node.writePolicy({
    "policy.csv": "nonsense\n".repeat(300_000),
    "tenants.yaml": "- ".repeat(120_000),
    "matrix.csv": "\0".repeat(3_000_000),
    "model.conf": "x".repeat(300_000),
  });
  await expect(node.reloadPolicy()).rejects.toThrow("stays in force");
  const line = await node.log.until(({ msg }) => msg.startsWith("the policy was not reloaded"));
  expect(JSON.stringify(line).length).toBeLessThan(20_000);
  await node.as("acme/billing").produce("after", { topic: "orders" });
});

test("a stream in full flow ends with its status, and not with a broken message", async () => {
  await using node = await start();
  const records = new Array<string>(400).fill("x".repeat(4096));
  for (let count = 0; count < 5; count++) await node.as("acme/root").produce(records, { topic: "orders" });
  const calls = Array.from({ length: 4 }, () => {
    const call = node.raw("acme/reports").open("ConsumeStream");
    call.send(consumeBytes({ topic: "orders" }));
    call.halfClose();
    return call;
  });
  await Promise.all(calls.map((call) => call.received(200)));
  await activate(node, withoutReports);
  for (const call of calls) {
    const ended = await call.end();
    expect(ended).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" });
    expect(ended.messages.length).toBeLessThan(2001);
  }
});

test("a Consume that waits ends too", async () => {
  await using node = await start();
  const waiting = [1, 2, 3].map(() =>
    node.raw("acme/reports").call("Consume", [consumeBytes({ topic: "orders", offset: 1n, maxWaitMs: 60_000 })]),
  );
  await node.metricReaches("aclog_open_consumes", 3);
  await activate(node, withoutReports);
  await node.as("acme/root").produce("after", { topic: "orders" });
  for (const answered of await Promise.all(waiting)) {
    expect(answered).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", messages: [] });
  }
  expect(await node.metric("aclog_open_consumes")).toBe(0);
});

test("a policy that gives back what it took does not bring an ended stream back, but lets a new one in", async () => {
  await using node = await start();
  const call = node.raw("acme/reports").open("ConsumeStream");
  call.send(consumeBytes({ topic: "orders" }));
  call.halfClose();
  await call.received(1);
  await activate(node, withoutReports);
  await activate(node, both);
  expect((await call.end()).code).toBe("PERMISSION_DENIED");
  expect(await node.raw("acme/reports").answer("Consume", consumeBytes({ topic: "orders" }))).toBeDefined();
});

test("a batch that was sent before the change, but not finished, is judged by the new policy", async () => {
  await using node = await start();
  const billing = node.raw("acme/billing");
  const request = produceBytes({ topic: "orders", records: ["held back"] });
  const unary = billing.open("Produce");
  unary.send(request);
  const stream = billing.open("ProduceStream");
  stream.send(request);
  await stream.received(1);
  // What came first on a connection is read first.
  await billing.answer("/grpc.health.v1.Health/Check", Buffer.alloc(0));
  await activate(node, withoutBilling);
  unary.halfClose();
  stream.send(request);
  stream.halfClose();
  for (const call of [unary, stream]) {
    expect(await call.end()).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" });
  }
  expect(await node.valuesOf("acme", "orders")).toEqual(["before", "held back"]);
});

test("under load, nothing of a revoked producer is stored once the change has been reported", async () => {
  await using node = await start();
  const stream = node.raw("acme/billing").open("ProduceStream");
  let sent = 0;
  const send = (): void => stream.send(produceBytes({ topic: "orders", records: [`${sent++}`] }));
  for (let count = 0; count < 200; count++) send();
  // One more for each answer, so that there is always a queue, until the stream ends.
  const sending = (async () => {
    for (;;) {
      await stream.received(sent - 199);
      send();
    }
  })().catch(() => undefined);
  await stream.received(1);
  await activate(node, withoutBilling);
  const stored = await node.valuesOf("acme", "orders");
  const ended = await stream.end();
  await sending;
  expect(ended.code).toBe("PERMISSION_DENIED");
  expect(await node.valuesOf("acme", "orders")).toEqual(stored);
  // And whatever was stored was answered before the stream ended.
  expect(ended.messages).toHaveLength(stored!.length - 1);
});

test("the change is reported only when what the old policy let in is on disk", async () => {
  await using node = await start();
  const next = (): bigint => node.store.find("acme", "orders")!.range().next;
  // A disk that is slow: each fdatasync takes until the test lets it go.
  const handle = await open(node.directory);
  const files = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const disk = new EventEmitter();
  const released = once(disk, "released");
  const { datasync } = files as { readonly datasync: (this: FileHandle) => Promise<void> };
  const syncing = vi.spyOn(files, "datasync").mockImplementation(async function (this: FileHandle) {
    disk.emit("syncing");
    await released;
    await datasync.call(this);
  });
  onTestFinished(() => syncing.mockRestore());
  const isSyncing = once(disk, "syncing");
  const producing = node.raw("acme/billing").call("Produce", [produceBytes({ topic: "orders", records: ["let in"] })]);
  await isSyncing;
  const changing = activate(node, withoutBilling).then(next);
  await node.log.until(({ msg }) => msg === "a new policy is in force");
  await node.raw("acme/root").answer("Consume", consumeBytes({ topic: "orders" }));
  expect(next()).toBe(1n);
  disk.emit("released");
  expect(await changing).toBe(2n);
  expect((await producing).code).toBe("OK");
});

test("a reader that does not read is cut off all the same", async () => {
  await using node = await start();
  const records = new Array<string>(32).fill("x".repeat(64 * 1024));
  await node.as("acme/root").produce(records, { topic: "orders" });
  const session = node.http2("acme/reports");
  const stream = openCall(session, "ConsumeStream");
  stream.end(framed(consumeBytes({ topic: "orders" })));
  stream.pause();
  await once(stream, "response");
  const other = openCall(session, "Consume");
  other.end(framed(consumeBytes({ topic: "orders", offset: 33n, maxWaitMs: 60_000 })));
  const answered = once(other, "response") as Promise<[Record<string, string>]>;
  await node.metricReaches("aclog_open_consumes", 2);
  await activate(node, withoutReports);
  expect(await node.metric("aclog_open_consumes")).toBe(0);
  // Its neighbour on the connection takes its status.
  const [headers] = await answered;
  expect(headers["grpc-status"]).toBe("7");
  // It does not, and is reset: a drain does not have to wait for it.
  const started = performance.now();
  await node.drain();
  expect(performance.now() - started).toBeLessThan(node.config.drainMs / 2);
  session.destroy();
});

test("a policy with mistakes changes nothing, and the log says what is wrong", async () => {
  await using node = await start();
  const call = node.raw("acme/reports").open("ConsumeStream");
  call.send(consumeBytes({ topic: "orders" }));
  call.halfClose();
  await call.received(1);
  await node.writePolicy({ "policy.csv": `${withoutReports}p, acme/reports, acme, orders, cosnume, allow\n` });
  await expect(node.reloadPolicy()).rejects.toThrow("policy.csv:");
  const line = await node.log.until(({ msg }) => msg.startsWith("the policy was not reloaded"));
  expect(line).toMatchObject({ level: 50, findings: [{ problem: expect.stringContaining("cosnume") as string }] });
  await node.as("acme/root").produce("after", { topic: "orders" });
  await call.received(2);
  call.cancel();
});
