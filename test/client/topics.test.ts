import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { test } from "vitest";
import type { Topic } from "../../src/wire/generated/log/v1/Topic.js";
import type { TopicSettingsInput } from "../../src/client/index.js";
import { BareServer, refusal } from "./server.js";

const topicId = Buffer.alloc(16, 7);
const largest = 2n ** 64n - 1n;
const limits = { retentionMs: 86_400_000n, retentionBytes: 1n << 40n, retentionRecords: 0n };
const orders: Topic = {
  tenant: "acme",
  topic: "orders",
  topicId,
  startOffset: 3n,
  highWaterMark: largest,
  storedBytes: 1n << 40n,
  createdMs: 1_700_000_000_123n,
  lastTimestampMs: 0n,
  settings: { ...limits, compact: true },
};

test("a topic is described with exact offsets, and what it has no limit or record for is undefined", async () => {
  let asked: unknown;
  await using server = await BareServer.start({
    topics: {
      Describe: (call, answer) => {
        asked = call.request;
        answer(null, orders);
      },
    },
  });
  await using client = server.client();
  assert.deepEqual(await client.topics.describe("orders", { tenant: "acme" }), {
    tenant: "acme",
    topic: "orders",
    topicId,
    startOffset: 3n,
    highWaterMark: largest,
    storedBytes: 2 ** 40,
    createdMs: 1_700_000_000_123,
    lastTimestampMs: undefined,
    settings: { retentionMs: 86_400_000, retentionBytes: 2 ** 40, retentionRecords: undefined, compact: true },
  });
  assert.deepEqual(asked, { topic: "orders", tenant: "acme" });
});

test("a topic is made with the settings that are given, and with none", async () => {
  const requests: unknown[] = [];
  await using server = await BareServer.start({
    topics: {
      Create: (call, answer) => {
        requests.push(call.request);
        answer(null, { ...orders, lastTimestampMs: 5n, settings: null });
      },
    },
  });
  await using client = server.client();
  const made = await client.topics.create("orders", { tenant: "globex", settings: { retentionMs: 1, compact: true } });
  assert.deepEqual([made.settings.compact, made.settings.retentionMs, made.lastTimestampMs], [false, undefined, 5]);
  await client.topics.create("plain");
  const none = { retentionMs: 0n, retentionBytes: 0n, retentionRecords: 0n, compact: false };
  assert.deepEqual(requests, [
    { topic: "orders", tenant: "globex", settings: { ...none, retentionMs: 1n, compact: true } },
    { topic: "plain", tenant: "", settings: none },
  ]);
});

test("an update sends what is to change, null as no limit, and leaves out what is to stay", async () => {
  const requests: unknown[] = [];
  await using server = await BareServer.start({
    topics: {
      Update: (call, answer) => {
        requests.push(Object.fromEntries(Object.entries(call.request).filter(([name]) => !name.startsWith("_"))));
        answer(null, orders);
      },
    },
  });
  await using client = server.client();
  await client.topics.update("orders", { settings: { retentionMs: null, retentionBytes: 5 }, topicId });
  await client.topics.update("orders", { settings: { compact: false, retentionRecords: undefined } });
  const common = { topic: "orders", tenant: "" };
  assert.deepEqual(requests, [
    { ...common, topicId, retentionMs: 0n, retentionBytes: 5n },
    { ...common, topicId: Buffer.alloc(0), compact: false },
  ]);
});

const wrongSettings = [
  // settings                         error      says
  [{ retentionMs: 0 }, RangeError, /^settings\.retentionMs: 0 is not/],
  [{ retentionBytes: 1.5 }, RangeError, /^settings\.retentionBytes: 1\.5 /],
  [{ retentionRecords: -1 }, RangeError, /^settings\.retentionRecords: -1 /],
  [{ retentionMs: 2 ** 53 }, RangeError, /^settings\.retentionMs: /],
  [{ retentionMs: 5n }, TypeError, /^settings\.retentionMs: expected a number or null, got a bigint/],
  [{ compact: 1 }, TypeError, /^settings\.compact: expected true or false/],
  [{ retention: 5 }, TypeError, /^settings: there is no option "retention"/],
  [null, TypeError, /^settings: expected an object, got null/],
] as const;
for (const [settings, error, message] of wrongSettings) {
  test(`settings that are none are refused before anything is sent: ${message.source}`, async () => {
    let called = false;
    await using server = await BareServer.start({
      topics: {
        Update: (_call, answer) => {
          called = true;
          answer(null, orders);
        },
      },
    });
    await using client = server.client();
    const wrong = settings as TopicSettingsInput;
    await assert.rejects(client.topics.update("orders", { settings: wrong }), (thrown) => {
      assert.ok(thrown instanceof error);
      assert.match(thrown.message, message);
      return true;
    });
    assert.equal(called, false);
  });
}

test("deleting and truncating name the topic, its id and the offset, and give back what the server says", async () => {
  const requests: unknown[] = [];
  await using server = await BareServer.start({
    topics: {
      Delete: (call, answer) => {
        requests.push(call.request);
        answer(null, { topicId });
      },
      Truncate: (call, answer) => {
        requests.push(call.request);
        answer(null, orders);
      },
    },
  });
  await using client = server.client();
  assert.deepEqual(await client.topics.delete("orders", { tenant: "acme", topicId }), { topicId });
  assert.equal((await client.topics.truncate("orders", { before: largest, topicId })).startOffset, 3n);
  assert.deepEqual(requests, [
    { topic: "orders", tenant: "acme", topicId },
    { topic: "orders", tenant: "", topicId, beforeOffset: largest },
  ]);
  await assert.rejects(client.topics.truncate("orders", { before: -1n }), RangeError);
  await assert.rejects(client.topics.truncate("orders", { before: 1 as never }), { name: "TypeError" });
  await assert.rejects(client.topics.delete(undefined as never), { name: "TypeError", message: /^topic: expected/ });
});

test("a list asks for page after page, each only when the one before is used up", async () => {
  const asked: (readonly [string, string, number])[] = [];
  await using server = await BareServer.start({
    topics: {
      List: (call, answer) => {
        const { prefix, pageToken, pageSize } = call.request;
        asked.push([prefix, pageToken, pageSize]);
        const at = Number(pageToken || "0");
        const topics = at === 1 ? [] : [{ topic: `t${at}a` }, { topic: `t${at}b` }];
        answer(null, { topics, nextPageToken: at === 2 ? "" : `${at + 1}` });
      },
    },
  });
  await using client = server.client();
  const names: string[] = [];
  for await (const { topic } of client.topics.list({ prefix: "t", pageSize: 2 })) {
    // The second page is empty: the one after it comes with the third name.
    assert.equal(asked.length, names.length < 2 ? 1 : 3);
    names.push(topic);
  }
  assert.deepEqual(names, ["t0a", "t0b", "t2a", "t2b"]);
  assert.deepEqual(asked, [
    ["t", "", 2],
    ["t", "1", 2],
    ["t", "2", 2],
  ]);
  await assert.rejects(client.topics.list({ pageSize: -1 }).next(), RangeError);
});

test("a refusal in the middle of a list is thrown after the entries before it", async () => {
  await using server = await BareServer.start({
    topics: {
      List: (call, answer) => {
        if (call.request.pageToken === "") answer(null, { topics: [{ topic: "a" }], nextPageToken: "x" });
        else answer(refusal({ code: status.INVALID_ARGUMENT, message: "no such page", details: [] }));
      },
    },
  });
  await using client = server.client();
  const list = client.topics.list();
  assert.equal((await list.next()).done, false);
  await assert.rejects(list.next(), { codeName: "INVALID_ARGUMENT" });
});
