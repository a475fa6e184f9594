import assert from "node:assert/strict";
import { test } from "vitest";
import { BareServer } from "./server.js";

const topicId = Buffer.alloc(16, 7);
const largest = 2n ** 64n - 1n;

test("a position is committed for a consumer group, a topic and its id", async () => {
  const requests: unknown[] = [];
  await using server = await BareServer.start({
    offsets: {
      Commit: (call, answer) => {
        requests.push(call.request);
        answer(null, { topicId });
      },
    },
  });
  await using client = server.client();
  const where = { group: "billing", topic: "orders", tenant: "acme", topicId };
  assert.deepEqual(await client.offsets.commit({ ...where, offset: largest }), { topicId });
  await client.offsets.commit({ group: "billing", offset: 0n });
  assert.deepEqual(requests, [
    { ...where, offset: largest },
    { group: "billing", topic: "", tenant: "", topicId: Buffer.alloc(0), offset: 0n },
  ]);
});

test("a position that was never committed is undefined, and offset 0 is not", async () => {
  const answers = [{ topicId }, { topicId, offset: 0n, committedMs: 1_700_000_000_123n }];
  await using server = await BareServer.start({
    offsets: {
      Fetch: (call, answer) => {
        assert.deepEqual(call.request, { group: "billing", topic: "orders", tenant: "" });
        answer(null, answers.shift());
      },
    },
  });
  await using client = server.client();
  const where = { group: "billing", topic: "orders" };
  assert.deepEqual(await client.offsets.fetch(where), { offset: undefined, topicId, committedMs: undefined });
  assert.deepEqual(await client.offsets.fetch(where), { offset: 0n, topicId, committedMs: 1_700_000_000_123 });
});

test("the positions of every page are listed with their lag", async () => {
  const wire = { group: "g", tenant: "acme", topic: "orders", topicId, offset: 5n, lag: largest, committedMs: 9n };
  await using server = await BareServer.start({
    offsets: {
      List: (call, answer) => {
        const { pageToken, ...filters } = call.request;
        assert.deepEqual(filters, { topic: "orders", tenant: "", group: "g", pageSize: 0 });
        answer(null, { offsets: [wire], nextPageToken: pageToken === "" ? "more" : "" });
      },
    },
  });
  await using client = server.client();
  const listed = [];
  for await (const position of client.offsets.list({ topic: "orders", group: "g" })) listed.push(position);
  assert.deepEqual(listed, [
    { ...wire, committedMs: 9 },
    { ...wire, committedMs: 9 },
  ]);
});

test("a position is forgotten by its consumer group and topic", async () => {
  let request: unknown;
  await using server = await BareServer.start({
    offsets: {
      Delete: (call, answer) => {
        request = call.request;
        answer(null, {});
      },
    },
  });
  await using client = server.client();
  await client.offsets.delete({ group: "g", topic: "orders", tenant: "acme" });
  assert.deepEqual(request, { group: "g", topic: "orders", tenant: "acme" });
});

test("a consumer group or an offset that is none is refused before anything is sent", async () => {
  await using server = await BareServer.start({});
  await using client = server.client();
  const wrong = { group: undefined as never, offset: 0n };
  await assert.rejects(client.offsets.commit(wrong), { name: "TypeError", message: /^group: expected text/ });
  await assert.rejects(client.offsets.fetch(undefined as never), { name: "TypeError", message: /^options: / });
  await assert.rejects(client.offsets.commit({ group: "g", offset: 3 as never }), { name: "TypeError" });
  await assert.rejects(client.offsets.commit({ group: "g", offset: largest + 1n }), RangeError);
  await assert.rejects(client.offsets.list({ group: 5 as never }).next(), { name: "TypeError" });
});
