import { once } from "node:events";
import { constants } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultLimits } from "../../src/config/index.js";
import { framed, openCall } from "../support/http2-client.js";
import { type Frame, FramePeer, callHeaders, errorCode, frame, frameType } from "../support/http2-frames.js";
import { consumeBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
  await node.as("acme/root").produce(new Array<string>(64).fill("x".repeat(32 * 1024)), { topic: "much" });
});
afterAll(() => node[Symbol.asyncDispose]());

const ping = frame(frameType.ping, Buffer.alloc(8));
const settings = frame(frameType.settings);
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(new Array<Buffer>(count).fill(bytes));
const isAnswer = ({ type, flags }: Frame): boolean =>
  (type === frameType.ping || type === frameType.settings) && flags === 1;

/**
 * In portions: too many at a time nghttp2 cuts off by itself. Each once the one before is answered: who still sends when
 * the other end closes may lose what it was told.
 */
async function flood(peer: FramePeer, frames: readonly Buffer[]): Promise<void> {
  for (let portion = 1; portion <= 30 && !peer.socket.destroyed; portion++) {
    peer.send(times(100, Buffer.concat(frames)));
    await peer.until(() => peer.received.filter(isAnswer).length >= 100 * frames.length * portion);
  }
}

const connect = (): Promise<FramePeer> => FramePeer.connect(node.port, node.keysOf("acme/root"));

test.each([
  ["pings", [ping]],
  ["settings", [settings]],
  ["both", [ping, settings]],
])("a flood of %s is cut off, logged and counted, and a neighbour notices nothing", async (_kind, frames) => {
  const cut = await node.metric("aclog_connections_cut_total");
  const peer = await connect();
  const { remoteAddress, localPort } = peer.socket;
  await flood(peer, frames);
  expect(await peer.goAwayCode()).toBe(errorCode.enhanceYourCalm);
  expect(await node.metric("aclog_connections_cut_total")).toBe(cut + 1);
  const line = await node.log.until(
    ({ msg, peer: address }) =>
      msg.startsWith("connection cut") && address === `${String(remoteAddress)}:${String(localPort)}`,
  );
  expect(line.level).toBe(40);
  expect(await node.valuesOf("acme", "much")).toHaveLength(64);
});

test("it is cut off also while it has a call open", async () => {
  const peer = await connect();
  const message = framed(consumeBytes({ topic: "much", offset: 64n }));
  const endStream = 1;
  peer.send(callHeaders("/log.v1.Log/ConsumeStream", 1), frame(frameType.data, message, endStream, 1));
  await node.metricReaches("aclog_waiting_readers", 1);
  await flood(peer, [ping]);
  expect(await peer.goAwayCode()).toBe(errorCode.enhanceYourCalm);
  await node.metricReaches("aclog_waiting_readers", 0);
});

test("as many pings as keepalive could ever need are answered", async () => {
  const peer = await connect();
  peer.send(times(900, ping));
  await peer.until(() => peer.received.filter(isAnswer).length > 900);
  expect(peer.socket.destroyed).toBe(false);
  peer.socket.destroy();
});

test("who reads much may ping much: that is how clients of other languages measure", async () => {
  const session = node.http2("acme/root");
  let pings = 0;
  while (pings <= 1_100) {
    const call = openCall(session, "Consume");
    call.end(framed(consumeBytes({ topic: "much", maxRecords: 64, maxBytes: 3 << 20 })));
    call.on("data", () => {
      if (session.ping(() => undefined)) pings++;
    });
    await once(call, "close");
  }
  expect(session.closed).toBe(false);
  session.destroy();
});

test("of a flood of calls that are reset at once, few become calls, and its connection goes", async () => {
  // Long enough for a busy machine to have read the flood before it asks whether its sender is still there.
  const limits = { ...defaultLimits, keepaliveMs: 1_500, keepaliveTimeoutMs: 1_500 };
  await using own = await startTestNode({ config: { limits } });
  const peer = await FramePeer.connect(own.port, own.keysOf("acme/root"));
  const calls = Array.from({ length: 3_000 }, (_, index) => {
    const streamId = 2 * index + 1;
    const cancel = frame(frameType.resetStream, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]), 0, streamId);
    return Buffer.concat([callHeaders("/log.v1.Log/Consume", streamId), cancel]);
  });
  peer.send(...calls);
  // nghttp2 hears no more of it, also no answer to the server's pings.
  expect(await peer.goAwayCode()).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  expect(await own.metric("aclog_call_duration_seconds_count")).toBeLessThan(1_500);
  await own.metricReaches('aclog_open_calls{method="/log.v1.Log/Consume"}', 0);
  await own.as("acme/root").produce("v");
});

test("no connection has more calls open than it may, and no process more connections", async () => {
  const limits = { ...defaultLimits, maxConcurrentStreams: 3, maxConnections: 2 };
  await using own = await startTestNode({ config: { limits } });
  const first = own.http2("acme/root");
  const [announced] = (await once(first, "remoteSettings")) as [{ maxConcurrentStreams: number }];
  expect(announced.maxConcurrentStreams).toBe(3);
  const second = own.http2("acme/root");
  await once(second, "remoteSettings");
  const third = own.http2("acme/root");
  // Closed before TLS began.
  await new Promise((resolve) => third.once("close", resolve));
  expect(await own.metric('aclog_connections_refused_total{reason="full"}')).toBe(1);
  expect(await own.metric("aclog_connections")).toBe(2);
  expect(await own.log.until(({ msg }) => msg === "connections refused")).toMatchObject({ level: 40, count: 1 });
  first.destroy();
  await own.metricReaches("aclog_connections", 1);
  const fourth = own.http2("acme/root");
  await once(fourth, "remoteSettings");
  for (const session of [second, fourth]) session.destroy();
});
