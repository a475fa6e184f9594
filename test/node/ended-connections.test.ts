import { EventEmitter, once } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { FramePeer, callHeaders, frame, frameType } from "../support/http2-frames.js";
import { type RawCall, consumeBytes, consumed, produceBytes, produced } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const rights = `
p, acme/root, acme, *, *, allow
p, acme/auditor, acme, orders, consume, allow
p, globex/reader, acme, orders, consume, allow
p, globex/reader, acme, orders, describe, allow
p, globex/writer, acme, orders, produce, allow
`;

const reason = 'tenant "globex" is not declared';
const nobody = { code: "UNAUTHENTICATED", reason: "UNAUTHENTICATED", domain: "aclog", words: reason };

async function start(): Promise<TestNode> {
  const texts = { "policy.csv": rights, "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n" };
  const node = await startTestNode({ policy: texts });
  await node.as("acme/root").produce("before", { topic: "orders" });
  return node;
}

/** Its principals are nobody from then on. Resolves when the change is reported. */
async function undeclare(node: TestNode): Promise<void> {
  const left = rights.replaceAll(/.*globex.*\n/g, "");
  await node.writePolicy({ "policy.csv": left, "tenants.yaml": "tenants:\n  acme: {}\n" });
  await node.reloadPolicy();
}

/** Since the connection was ended. The reload of a policy before it takes as long as the machine is busy. */
async function msSinceEnd(node: TestNode): Promise<number> {
  const { time } = await node.log.until(({ msg }) => msg === "connection ended");
  return Date.now() - Number(time);
}

function follow(node: TestNode, principal: string): RawCall {
  const call = node.raw(principal).open("ConsumeStream");
  call.send(consumeBytes({ tenant: "acme", topic: "orders" }));
  call.halfClose();
  return call;
}

const produce = (value: string, requestId?: bigint): Buffer =>
  produceBytes({ tenant: "acme", topic: "orders", records: [value], ...(requestId !== undefined && { requestId }) });

/** A disk on which each fdatasync takes until the test lets it go. */
async function slowDisk(node: TestNode): Promise<{ readonly isSyncing: Promise<unknown>; release(): void }> {
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
  return { isSyncing: once(disk, "syncing"), release: () => disk.emit("released") };
}

test("streams, lists and waiting calls of a caller who is nobody any more end within a second, with the reason", async () => {
  await using node = await start();
  const reader = node.raw("globex/reader");
  const [mine, other] = [follow(node, "globex/reader"), follow(node, "acme/auditor")];
  await Promise.all([mine.received(1), other.received(1)]);
  const calls: Record<string, RawCall> = { ConsumeStream: mine };
  calls["Watch"] = reader.open("/grpc.health.v1.Health/Watch");
  calls["Watch"].send(Buffer.alloc(0));
  calls["Watch"].halfClose();
  // Open, and nothing was asked yet.
  calls["List"] = reader.open("/log.v1.Topics/List");
  calls["ProduceStream"] = node.raw("globex/writer").open("ProduceStream");
  calls["Import"] = node.raw("globex/writer").open("Import");
  calls["Import"].send(produce("imported"));
  await node.store.find("acme", "orders")!.reach(1n, AbortSignal.timeout(5_000));
  calls["Consume"] = reader.open("Consume");
  calls["Consume"].send(consumeBytes({ tenant: "acme", topic: "orders", offset: 2n, maxWaitMs: 60_000 }));
  calls["Consume"].halfClose();
  await Promise.all([calls["Watch"].received(1), node.metricReaches("aclog_open_consumes", 3)]);
  await node.metricReaches('aclog_open_calls{method="/log.v1.Log/ProduceStream"}', 1);
  await node.metricReaches('aclog_open_calls{method="/log.v1.Topics/List"}', 1);
  await undeclare(node);
  await node.as("acme/root").produce("after", { topic: "orders" });
  for (const [method, call] of Object.entries(calls)) expect(await call.end(), method).toMatchObject(nobody);
  expect(await calls["Import"].end()).toMatchObject({ facts: { imported: "1" } });
  await node.metricReaches("aclog_connections", 2);
  expect(await msSinceEnd(node)).toBeLessThan(1_000);
  expect(mine.messages.map((bytes) => consumed(bytes).records[0]!.value.toString())).toEqual(["before", "imported"]);
  // Who has another certificate notices nothing.
  await other.received(3);
  expect(await node.valuesOf("acme", "orders")).toEqual(["before", "imported", "after"]);
  expect(await node.metric('aclog_connections_ended_total{reason="tenant_undeclared"}')).toBe(2);
  const line = await node.log.until(
    ({ msg, principal }) => msg === "connection ended" && principal === "globex/reader",
  );
  expect(line).toMatchObject({ level: 40, kind: "tenant_undeclared", reason, subject: "CN=reader,O=globex" });
  expect(line["peer"]).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(line["serial"]).toMatch(/^[0-9A-F]{32}$/);
  other.cancel();
});

test.each([
  ["without request ids", undefined],
  ["with request ids", 0n],
])("a ProduceStream %s gets the answers that are due first, and nothing later is stored", async (_kind, id) => {
  await using node = await start();
  const stream = node.raw("globex/writer").open("ProduceStream");
  let sent = 0;
  const send = (): void => stream.send(produce(`${sent++}`, id === undefined ? undefined : id + BigInt(sent)));
  for (let count = 0; count < 200; count++) send();
  const sending = (async () => {
    for (let count = 1; ; count++) {
      await stream.received(count);
      send();
    }
  })().catch(() => undefined);
  await stream.received(1);
  await undeclare(node);
  const stored = await node.valuesOf("acme", "orders");
  const ended = await stream.end();
  await sending;
  expect(ended).toMatchObject(nobody);
  expect(await node.valuesOf("acme", "orders")).toEqual(stored);
  const answers = ended.messages.map(produced).filter(({ error }) => error === null);
  expect(answers).toHaveLength(stored!.length - 1);
});

test("a Produce that waits for the disk is told that nobody knows, and what it sends later is not stored", async () => {
  await using node = await start();
  const writer = node.raw("globex/writer");
  // Sent, but not finished: judged once more before it is stored.
  const held = writer.open("Produce");
  held.send(produce("held back"));
  await writer.answer("/grpc.health.v1.Health/Check", Buffer.alloc(0));
  const disk = await slowDisk(node);
  const queued = writer.call("Produce", [produce("queued")]);
  await disk.isSyncing;
  const changing = undeclare(node);
  await node.log.until(({ msg }) => msg === "connection ended");
  held.halfClose();
  expect(await held.end()).toMatchObject(nobody);
  expect(await queued).toMatchObject({ ...nobody, words: expect.stringMatching(/not known/) as string });
  await node.metricReaches("aclog_connections", 1);
  expect(await msSinceEnd(node)).toBeLessThan(1_000);
  disk.release();
  await changing;
  expect(await node.valuesOf("acme", "orders")).toEqual(["before", "queued"]);
});

test("a call is told the reason also by a server that is held up for longer than its connection has", async () => {
  await using node = await start();
  const disk = await slowDisk(node);
  const call = node.raw("globex/writer").open("Produce");
  call.send(produce("late"));
  call.halfClose();
  await disk.isSyncing;
  const changing = undeclare(node);
  await node.log.until(({ msg }) => msg === "connection ended");
  const heldUpUntil = performance.now() + 700;
  while (performance.now() < heldUpUntil);
  const ended = await call.end();
  disk.release();
  await changing;
  expect(ended).toMatchObject({ ...nobody, words: expect.stringContaining(reason) as string });
});

test("a reader that does not read is cut off, and so is a peer that never answers", async () => {
  await using node = await start();
  const records = new Array<string>(32).fill("x".repeat(64 * 1024));
  for (let count = 0; count < 4; count++) await node.as("acme/root").produce(records, { topic: "orders" });
  const session = node.http2("globex/reader");
  const stream = openCall(session, "ConsumeStream");
  stream.end(framed(consumeBytes({ tenant: "acme", topic: "orders" })));
  stream.pause();
  await once(stream, "response");
  const silent = await FramePeer.connect(node.port, node.keysOf("globex/reader"));
  silent.send(callHeaders("/log.v1.Log/ConsumeStream", 1));
  const message = framed(consumeBytes({ tenant: "acme", topic: "orders" }));
  silent.send(frame(frameType.data, message, 1, 1));
  await node.metricReaches("aclog_open_consumes", 2);
  silent.socket.pause();
  const closed = new Promise((resolve) => session.once("close", resolve));
  await undeclare(node);
  await node.metricReaches("aclog_open_consumes", 0);
  await node.metricReaches("aclog_connections", 1);
  // 500 ms, and what a busy machine takes to be asked; one that is cut for taking nothing alone would be so after four seconds.
  expect(await msSinceEnd(node)).toBeLessThan(2_000);
  silent.socket.resume();
  await Promise.all([closed, silent.closed]);
});

test("a call on a connection that is being ended is refused with the reason, and a new connection is not let in", async () => {
  await using node = await start();
  const disk = await slowDisk(node);
  const session = node.http2("globex/writer");
  const queued = openCall(session, "Produce");
  queued.end(framed(produce("queued")));
  await disk.isSyncing;
  const late = openCall(session, "Produce");
  late.write(framed(produce("late")).subarray(0, 7));
  await new Promise<void>((resolve) => void session.ping(() => resolve()));
  const changing = undeclare(node);
  await node.log.until(({ msg }) => msg === "connection ended");
  late.end(framed(produce("late")).subarray(7));
  const [headers] = (await once(late, "response")) as [Record<string, string>];
  expect([headers["grpc-status"], headers["grpc-message"]]).toEqual(["16", encodeURI(reason)]);
  disk.release();
  await changing;
  const refused = await node.metric("aclog_connections_refused_total");
  expect(await node.raw("globex/reader").call("Consume", [consumeBytes({ tenant: "acme" })])).toMatchObject({
    code: "UNAVAILABLE",
  });
  expect(await node.metric("aclog_connections_refused_total")).toBeGreaterThan(refused);
  expect(await node.valuesOf("acme", "orders")).toEqual(["before", "queued"]);
});

test("a tenant that is suspended is cut off, its topics stay, and lifting that lets it in again", async () => {
  await using node = await start();
  const suspended = { ...nobody, words: "tenant globex is suspended" };
  const declare = async (settings: string): Promise<void> => {
    await node.writePolicy({ "tenants.yaml": `tenants:\n  acme: {}\n  globex: ${settings}\n` });
    await node.reloadPolicy();
  };
  const stream = node.raw("globex/writer").open("ProduceStream");
  stream.send(produce("stored"));
  await stream.received(1);
  const [mine, other] = [follow(node, "globex/reader"), follow(node, "acme/auditor")];
  await Promise.all([mine.received(2), other.received(2)]);
  // All its rights stay: nothing but who it is keeps it out.
  await declare("{ suspended: true }");
  stream.send(produce("not stored"));
  expect(await mine.end()).toMatchObject(suspended);
  expect(await stream.end()).toMatchObject(suspended);
  expect(await msSinceEnd(node)).toBeLessThan(1_000);
  expect(await node.raw("globex/writer").call("Produce", [produce("no")])).toMatchObject({ code: "UNAVAILABLE" });
  expect(node.log.lines.at(-1)).toMatchObject({ reason: "tenant globex is suspended" });
  await declare("{}");
  await node.as("globex/writer").produce("again", { tenant: "acme", topic: "orders" });
  await other.received(3);
  expect(await node.valuesOf("acme", "orders")).toEqual(["before", "stored", "again"]);
  other.cancel();
});

test("at the second in which a certificate ends, so do its streams and its connection", async () => {
  await using node = await start();
  // A certificate says whole seconds.
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 2_000);
  const { certPem, keyPem } = node.authority.issue({ principal: "globex/reader", notAfter });
  const session = node.http2("globex/reader", { cert: certPem, key: keyPem });
  const stream = openCall(session, "ConsumeStream");
  stream.end(framed(consumeBytes({ tenant: "acme", topic: "orders" })));
  stream.resume();
  const other = follow(node, "globex/reader");
  await other.received(1);
  const [trailers] = (await once(stream, "trailers")) as [Record<string, string>];
  const lateMs = Date.now() - notAfter.getTime();
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(300);
  expect([trailers["grpc-status"], trailers["grpc-message"]]).toEqual(["16", encodeURI("the certificate has expired")]);
  await new Promise((resolve) => session.once("close", resolve));
  await node.as("acme/root").produce("after", { topic: "orders" });
  await other.received(2);
  expect(await node.metric('aclog_connections_ended_total{reason="expired"}')).toBe(1);
  other.cancel();
});
