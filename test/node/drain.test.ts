import { once } from "node:events";
import { expect, test } from "vitest";
import { Client } from "../../src/client/index.js";
import { readStatusMessage } from "../../src/wire/definition.js";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, produceBytes, produced } from "../support/raw-client.js";
import { Relay } from "../client/relay.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** Far below the deadline: nothing waited for it. */
const soonMs = 3_000;

async function millisecondsToDrain(node: TestNode): Promise<number> {
  const started = performance.now();
  await node.drain();
  return performance.now() - started;
}

test("a drain ends every kind of open call, with SHUTTING_DOWN, and in no time", async () => {
  await using node = await startTestNode();
  await node.as("acme/root").produce("v", { topic: "a" });
  const raw = node.raw("acme/root");
  const calls = {
    reading: raw.open("ConsumeStream"),
    waiting: raw.open("Consume"),
    unasked: raw.open("ConsumeStream"),
    idle: raw.open("ProduceStream"),
    used: raw.open("ProduceStream"),
    importing: raw.open("Import"),
  };
  calls.reading.send(consumeBytes({ topic: "a" }));
  calls.reading.halfClose();
  calls.waiting.send(consumeBytes({ topic: "a", start: "LATEST", maxWaitMs: 60_000 }));
  calls.waiting.halfClose();
  calls.used.send(produceBytes({ topic: "b", records: ["w"] }));
  calls.importing.send(produceBytes({ topic: "b", records: ["x"] }));
  await Promise.all([calls.reading.received(1), calls.used.received(1)]);
  await node.metricReaches("aclog_open_consumes", 2);
  expect(await millisecondsToDrain(node)).toBeLessThan(soonMs);
  for (const [name, call] of Object.entries(calls)) {
    const { code, reason, details } = await call.end();
    expect([name, code, reason]).toEqual([name, "UNAVAILABLE", "SHUTTING_DOWN"]);
    expect(details?.RetryInfo).toBeDefined();
  }
});

test("who follows goes on behind a drain with what comes next, also at the end of a topic, until the right is gone", async () => {
  await using node = await startTestNode();
  await using relay = await Relay.start(node.port);
  await using reader = Client.connect({ address: `localhost:${relay.port}`, ...node.keysOf("acme/auditor") });
  const rights = "p, acme/root, acme, *, *, allow\n";
  const policy = { "policy.csv": `${rights}p, acme/auditor, acme, a, consume, allow\n`, "matrix.csv": "# nothing\n" };
  await node.writePolicy(policy);
  await node.reloadPolicy();
  await node.as("acme/root").produce("before", { topic: "a" });
  const starts = [0n, "latest"] as const;
  const following = starts.map((from) => reader.follow({ topic: "a", from }));
  expect((await following[0]!.next()).value?.value.toString()).toBe("before");
  const next = following.map((records) => records.next());
  await node.metricReaches("aclog_open_consumes", 2);

  await node.restart();
  await node.as("acme/root").produce("after", { topic: "a" });
  relay.cut(node.port);
  for (const record of await Promise.all(next)) expect(record.value?.offset).toBe(1n);

  const refused = following.map((records) =>
    expect(records.next()).rejects.toMatchObject({ reason: "PERMISSION_DENIED" }),
  );
  await node.writePolicy({ "policy.csv": rights });
  await node.restart();
  relay.cut(node.port);
  await Promise.all(refused);
});

test("a drain tells a stream with request ids in a last answer, and ends it well", async () => {
  await using node = await startTestNode();
  const stream = node.raw("acme/root").open("ProduceStream");
  for (let id = 0n; id < 1000n; id++) {
    stream.send(produceBytes({ topic: "a", records: [`${id}`], requestId: id }));
  }
  await stream.received(1);
  expect(await millisecondsToDrain(node)).toBeLessThan(soonMs);
  const { code, messages } = await stream.end();
  expect(code).toBe("OK");
  const answers = messages.map(produced);
  const last = answers.pop()!;
  expect([last.requestId, readStatusMessage(last.error!).details.ErrorInfo?.reason]).toEqual([
    undefined,
    "SHUTTING_DOWN",
  ]);
  await node.restart();
  expect(await node.valuesOf("acme", "a")).toEqual(answers.map(({ requestId }) => `${requestId}`));
});

test("what was under way is answered, and is there after a restart", async () => {
  await using node = await startTestNode();
  const raw = node.raw("acme/root");
  await raw.answer("Produce", produceBytes({ topic: "a", records: ["first"] }));
  const stream = raw.open("ProduceStream");
  for (let count = 0; count < 1000; count++) stream.send(produceBytes({ topic: "a", records: [`s${count}`] }));
  await stream.received(1);
  const unary = Array.from({ length: 50 }, (_, index) =>
    raw.call("Produce", [produceBytes({ topic: "b", records: [`u${index}`] })]),
  );
  await Promise.race(unary);
  await node.drain();
  const streamed = await stream.end();
  const answered = await Promise.all(unary);
  await node.restart();
  // Of a stream, a prefix was stored: what was answered, and nothing else.
  const values = (await node.valuesOf("acme", "a"))!;
  expect(streamed.messages.map((message) => Number(produced(message).offset))).toEqual(
    values.slice(1).map((_, index) => index + 1),
  );
  expect(values.slice(1)).toEqual(values.slice(1).map((_, index) => `s${index}`));
  const stored = (await node.recordsOf("acme", "b"))!;
  for (const [index, { code, messages }] of answered.entries()) {
    if (code === "OK") expect(stored[Number(produced(messages[0]!).offset)]!.value.toString()).toBe(`u${index}`);
    else expect(code).toBe("UNAVAILABLE");
  }
});

test("health says NOT_SERVING to who watches, and probes are told, while a call still goes on", async () => {
  await using node = await startTestNode({ config: { drainMs: 700 } });
  const watch = node.raw("acme/nobody").open("/grpc.health.v1.Health/Watch");
  watch.send(Buffer.alloc(0));
  watch.halfClose();
  await watch.received(1);
  // A client that has said what it wants to produce, and not that this is all.
  const open = node.raw("acme/root").open("Produce");
  open.send(produceBytes({ topic: "a", records: ["v"] }));
  await node.raw("acme/root").answer("/grpc.health.v1.Health/Check", Buffer.alloc(0));
  const drained = node.drain();
  expect(await node.probe("/readyz")).toEqual({ status: 503, body: "shutting down\n" });
  expect(await node.probe("/healthz")).toMatchObject({ status: 200 });
  expect(await node.metric("aclog_ready")).toBe(0);
  const { messages, code } = await watch.end();
  // HealthCheckResponse { status }: 1 is SERVING, 2 is NOT_SERVING.
  expect(messages.map((message) => message[1])).toEqual([1, 2]);
  expect(code).toBe("UNAVAILABLE");
  open.halfClose();
  expect((await open.end()).code).toBe("OK");
  await drained;
  await expect(node.probe("/healthz")).rejects.toThrow();
});

test("a peer that takes nothing cannot hold up a drain beyond its deadline", async () => {
  await using node = await startTestNode({ config: { drainMs: 500 } });
  await node.as("acme/root").produce(new Array<string>(32).fill("x".repeat(64 * 1024)), { topic: "a" });
  const session = node.http2("acme/root");
  const stalled = openCall(session, "ConsumeStream");
  stalled.end(framed(consumeBytes({ topic: "a" })));
  stalled.pause();
  const unfinished = openCall(session, "Produce");
  unfinished.write(framed(produceBytes({ topic: "a", records: ["never finished"] })));
  await once(stalled, "response");
  const told = once(unfinished, "response") as Promise<[Record<string, string>]>;
  const milliseconds = await millisecondsToDrain(node);
  // Who listens is told at the deadline, and not just cut off.
  expect((await told)[0]["grpc-status"]).toBe("14");
  expect(milliseconds).toBeGreaterThanOrEqual(499);
  expect(milliseconds).toBeLessThan(soonMs);
  session.destroy();
  await node.restart();
  expect(await node.recordsOf("acme", "a")).toHaveLength(32);
});

test("draining twice is draining once, and nobody gets in any more", async () => {
  await using node = await startTestNode();
  await node.as("acme/root").produce("v");
  await Promise.all([node.drain(), node.drain()]);
  await expect(node.as("acme/root").produce("v", { timeoutMs: 2000 })).rejects.toMatchObject({
    code: expect.toBeOneOf([4, 14]) as number,
  });
});
