import { once } from "node:events";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { describe, expect, test } from "vitest";
import { type Limits, defaultLimits } from "../../src/config/index.js";
import { readStatusMessage } from "../../src/wire/definition.js";
import { framed, openCall } from "../support/http2-client.js";
import { FramePeer, callHeaders, frame, frameType } from "../support/http2-frames.js";
import { consumeBytes, produceBytes, produced } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const start = (limits: Partial<Limits>): Promise<TestNode> =>
  startTestNode({ config: { limits: { ...defaultLimits, ...limits } } });

/** How long a session lasts from now on, in milliseconds. */
async function lifeOf(session: ClientHttp2Session): Promise<number> {
  const started = performance.now();
  await new Promise((resolve) => session.once("close", resolve));
  return performance.now() - started;
}

describe("a connection that has reached its age", () => {
  test("takes no more calls, and its client notices nothing: the next one goes on another", async () => {
    await using node = await start({ maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 1_000 });
    let calls = 0;
    while ((await node.metric("aclog_connections_accepted_total")) < 5) {
      await Promise.all(Array.from({ length: 10 }, () => node.as("acme/root").produce("v", { topic: "a" })));
      calls += 10;
    }
    expect(await node.valuesOf("acme", "a")).toHaveLength(calls);
  });

  test("makes no call of what a peer sends who did not listen", async () => {
    await using node = await start({ maxConnectionAgeMs: 200, maxConnectionAgeGraceMs: 2_000 });
    const peer = await FramePeer.connect(node.port, node.keysOf("acme/root"));
    const waiting = framed(consumeBytes({ start: "LATEST", maxWaitMs: 60_000 }));
    const open = (streamId: number): Buffer[] => [
      callHeaders("/log.v1.Log/Consume", streamId),
      frame(frameType.data, waiting, 1, streamId),
    ];
    peer.send(...open(1));
    await node.metricReaches('aclog_open_calls{method="/log.v1.Log/Consume"}', 1);
    await peer.until(({ type, payload }) => type === frameType.goAway && payload.readUInt32BE(0) === 1);
    peer.send(...open(3), frame(frameType.ping, Buffer.alloc(8)));
    await peer.until(({ type, flags }) => type === frameType.ping && flags === 1);
    expect(await node.metric('aclog_open_calls{method="/log.v1.Log/Consume"}')).toBe(1);
    peer.socket.destroy();
  });

  test("tells its streams so when the grace is over, behind the answers that are due, and stores nothing later", async () => {
    await using node = await start({ maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 300 });
    const raw = node.raw("acme/root");
    await raw.answer("Produce", produceBytes({ topic: "read", records: ["v"] }));
    const calls = {
      reading: raw.open("ConsumeStream"),
      waiting: raw.open("Consume"),
      producing: raw.open("ProduceStream"),
      importing: raw.open("Import"),
      unfinished: raw.open("Produce"),
    };
    calls.reading.send(consumeBytes({ topic: "read" }));
    calls.reading.halfClose();
    calls.waiting.send(consumeBytes({ topic: "read", start: "LATEST", maxWaitMs: 60_000 }));
    calls.waiting.halfClose();
    calls.importing.send(produceBytes({ topic: "imported", records: ["v"] }));
    calls.unfinished.send(produceBytes({ topic: "never", records: ["v"] }));
    const request = produceBytes({ topic: "produced", records: ["v"] });
    const ended = calls.producing.end();
    let isOver = false;
    void ended.then(() => (isOver = true));
    let sent = 0;
    while (!isOver) {
      calls.producing.send(request);
      sent++;
      await new Promise(setImmediate);
    }
    for (const [name, call] of Object.entries(calls)) {
      const { code, reason, details } = await call.end();
      expect([name, code, reason]).toEqual([name, "UNAVAILABLE", "CONNECTION_TOO_OLD"]);
      expect(details?.RetryInfo).toBeDefined();
    }
    const { messages } = await ended;
    expect(sent).toBeGreaterThan(messages.length);
    // What was answered is what is stored, and nothing else.
    expect(messages.map((message) => Number(produced(message).offset))).toEqual(messages.map((_, index) => index));
    expect(await node.valuesOf("acme", "produced")).toHaveLength(messages.length);
    expect(await node.valuesOf("acme", "never")).toBeUndefined();
  });

  test("tells a stream with request ids in a last answer, behind which it ends well: what has no answer is not stored", async () => {
    await using node = await start({ maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 300 });
    const producing = node.raw("acme/root").open("ProduceStream");
    let isOver = false;
    const ended = producing.end();
    void ended.then(() => (isOver = true));
    let sent = 0n;
    while (!isOver) {
      producing.send(produceBytes({ topic: "produced", records: [`${sent}`], requestId: sent++ }));
      await new Promise(setImmediate);
    }
    const { code, messages } = await ended;
    expect(code).toBe("OK");
    const answers = messages.map(produced);
    const last = answers.pop()!;
    expect(last.requestId).toBeUndefined();
    expect(readStatusMessage(last.error!).details.ErrorInfo?.reason).toBe("CONNECTION_TOO_OLD");
    expect(sent).toBeGreaterThan(answers.length);
    expect(await node.valuesOf("acme", "produced")).toEqual(answers.map(({ requestId }) => `${requestId}`));
  });

  test("tells each of its calls in a status of its own: none has the request id of another", async () => {
    await using node = await start({ maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 300 });
    await node.as("acme/root").produce("v", { topic: "a" });
    const session = node.http2("acme/root");
    const unfinished = openCall(session, "Produce", { "x-request-id": "one" });
    unfinished.write(framed(produceBytes({ topic: "a", records: ["v"] })));
    const reading = openCall(session, "ConsumeStream", { "x-request-id": "two" });
    reading.end(framed(consumeBytes({ topic: "a" })));
    for (const call of [unfinished, reading]) call.resume();
    const arrivals = [once(unfinished, "response"), once(reading, "response"), once(reading, "trailers")];
    const [refused, started, ended] = (await Promise.all(arrivals)).map(([headers]) => headers as IncomingHttpHeaders);
    expect(refused).toMatchObject({ "grpc-status": "14", "x-request-id": "one" });
    expect(started!["x-request-id"]).toBe("two");
    expect(ended!["grpc-status"]).toBe("14");
    expect(ended!["x-request-id"]).toBeUndefined();
  });

  test("goes on with its calls for the grace, also where keepalive asks after its peer meanwhile", async () => {
    await using node = await start({
      maxConnectionAgeMs: 100,
      maxConnectionAgeGraceMs: 1_000,
      keepaliveMs: 100,
      keepaliveTimeoutMs: 10_000,
    });
    const raw = node.raw("acme/root");
    await raw.answer("Produce", produceBytes({ topic: "a", records: ["v"] }));
    const reading = raw.open("ConsumeStream");
    reading.send(consumeBytes({ topic: "a" }));
    reading.halfClose();
    expect(await reading.end()).toMatchObject({ code: "UNAVAILABLE", reason: "CONNECTION_TOO_OLD" });
  });

  test("is cut off if its peer does not even take that", async () => {
    await using node = await start({ maxConnectionAgeMs: 50, maxConnectionAgeGraceMs: 50 });
    // By calls that are sent again where the connection has reached its age before they were looked at.
    const value = "x".repeat(64 * 1024);
    await Promise.all(Array.from({ length: 48 }, () => node.as("acme/root").produce(value, { topic: "a" })));
    const session = node.http2("acme/root");
    const stalled = openCall(session, "ConsumeStream");
    stalled.end(framed(consumeBytes({ topic: "a" })));
    stalled.pause();
    const milliseconds = await lifeOf(session);
    expect(milliseconds).toBeLessThan(8_000);
    await node.metricReaches("aclog_open_consumes", 0);
  });
});

describe("a connection without a call", () => {
  test("is closed after a while, unless it has one open", async () => {
    await using node = await start({ maxConnectionIdleMs: 400 });
    await node.as("acme/root").produce("v", { topic: "a" });
    const [idle, used] = [node.http2("acme/root"), node.http2("acme/root")];
    const call = openCall(used, "ConsumeStream");
    call.end(framed(consumeBytes({ topic: "a" })));
    call.resume();
    await once(call, "response");
    expect(await lifeOf(idle)).toBeGreaterThan(200);
    expect(used.closed).toBe(false);
    call.close();
    expect(await lifeOf(used)).toBeGreaterThan(200);
  });
});

test.each([
  ["idle", { maxConnectionIdleMs: 100 }],
  ["old", { maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 100 }],
])(
  "a connection that is closed because it is %s does not stay because its peer does not close",
  async (_why, limits) => {
    await using node = await start(limits);
    const frozen = await FramePeer.connect(node.port, node.keysOf("acme/root"));
    frozen.socket.pause();
    await node.metricReaches("aclog_connections", 1);
    await node.metricReaches("aclog_connections", 0);
    frozen.socket.destroy();
  },
);

test("of connections that began together, each has a time of its own, give or take a tenth", async () => {
  const limitMs = 1_000;
  for (const limits of [{ maxConnectionAgeMs: limitMs }, { maxConnectionIdleMs: limitMs }]) {
    await using node = await start(limits);
    const sessions = Array.from({ length: 20 }, () => node.http2("acme/root"));
    await Promise.all(sessions.map((session) => once(session, "remoteSettings")));
    const lives = (await Promise.all(sessions.map(lifeOf))).sort((a, b) => a - b);
    // The first of them were there a little before the last.
    expect(lives[0]).toBeGreaterThan(limitMs * 0.5);
    expect(lives.at(-1)! - lives[0]!).toBeGreaterThan(limitMs * 0.05);
  }
});

test("a peer that was switched off is noticed, and what it held is free again", async () => {
  await using node = await start({ keepaliveMs: 200, keepaliveTimeoutMs: 200 });
  const alive = node.http2("acme/root");
  await once(alive, "remoteSettings");
  // It answers nothing, as a machine that has lost its power.
  const silent = await FramePeer.connect(node.port, node.keysOf("acme/root"));
  await silent.closed;
  expect(silent.received.filter(({ type }) => type === frameType.ping).length).toBeGreaterThan(0);
  await node.metricReaches("aclog_connections", 1);
  expect(alive.closed).toBe(false);
  alive.destroy();
});
