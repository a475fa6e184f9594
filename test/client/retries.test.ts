import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { test } from "vitest";
import { Client } from "../../src/client/index.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf, refusal } from "./server.js";

const unavailable = refusal({ code: status.UNAVAILABLE, message: "not now", details: [] });
const handlerOf =
  (attempts: string[], method: string) =>
  (_call: unknown, answer: (error: typeof unavailable) => void): void => {
    attempts.push(method);
    answer(unavailable);
  };

const methods: readonly (readonly [name: string, attempts: number, call: (client: Client) => Promise<unknown>])[] = [
  ["Consume", 4, (client) => client.consume()],
  ["Describe", 4, ({ topics }) => topics.describe("t")],
  ["ListTopics", 4, ({ topics }) => topics.list().next()],
  ["Fetch", 4, ({ offsets }) => offsets.fetch({ group: "g" })],
  ["ListOffsets", 4, ({ offsets }) => offsets.list().next()],
  ["Commit", 4, ({ offsets }) => offsets.commit({ group: "g", offset: 1n })],
  ["Produce", 1, (client) => client.produce("v")],
  ["ProduceStream", 1, (client) => client.produceMany([["v"]]).next()],
  ["Import", 1, (client) => client.import([["v"]])],
  ["ConsumeStream", 1, (client) => client.follow().next()],
  ["Create", 1, ({ topics }) => topics.create("t")],
  ["DeleteTopic", 1, ({ topics }) => topics.delete("t")],
  ["Update", 1, ({ topics }) => topics.update("t", { settings: {} })],
  ["Truncate", 1, ({ topics }) => topics.truncate("t", { before: 1n })],
  ["DeleteOffset", 1, ({ offsets }) => offsets.delete({ group: "g" })],
];

test.concurrent.each(methods)("%s is attempted %i times while the server is UNAVAILABLE", async (name, count, call) => {
  const attempts: string[] = [];
  const counted = (method: string) => handlerOf(attempts, method);
  const failing = (method: string) => (stream: { emit(event: "error", error: unknown): unknown }) => {
    attempts.push(method);
    stream.emit("error", unavailable);
  };
  await using server = await BareServer.start({
    Produce: counted("Produce"),
    Consume: counted("Consume"),
    Import: counted("Import"),
    ProduceStream: failing("ProduceStream"),
    ConsumeStream: failing("ConsumeStream"),
    topics: {
      Create: counted("Create"),
      Delete: counted("DeleteTopic"),
      Describe: counted("Describe"),
      List: counted("ListTopics"),
      Update: counted("Update"),
      Truncate: counted("Truncate"),
    },
    offsets: {
      Commit: counted("Commit"),
      Fetch: counted("Fetch"),
      List: counted("ListOffsets"),
      Delete: counted("DeleteOffset"),
    },
  });
  await using client = server.client();
  await assert.rejects(call(client), { codeName: "UNAVAILABLE", details: "not now" });
  assert.deepEqual(attempts, new Array(count).fill(name));
});

test("only UNAVAILABLE is tried again", async () => {
  let attempts = 0;
  await using server = await BareServer.start({
    Consume: (_call, answer) => {
      attempts++;
      answer(refusal({ code: status.RESOURCE_EXHAUSTED, message: "too much", details: [] }));
    },
  });
  await using client = server.client();
  await assert.rejects(client.consume(), { codeName: "RESOURCE_EXHAUSTED" });
  assert.equal(attempts, 1);
});

test("a read outlives a server that goes in the middle of it, when another one takes its place", async () => {
  await using second = await BareServer.start({ Consume: (_call, answer) => answer(null, { highWaterMark: 7n }) });
  await using first = await BareServer.start(
    { Consume: () => relay.cut(second.port) },
    { authority: second.authority },
  );
  await using relay = await Relay.start(first.port);
  await using client = Client.connect({ address: `localhost:${relay.port}`, ...pemOf(second.authority) });
  assert.equal((await client.consume()).highWaterMark, 7n);
});

test("a batch that a server took along when it went is not sent to the next one", async () => {
  let batches = 0;
  const countBatch = () => {
    batches++;
  };
  await using second = await BareServer.start({
    Produce: countBatch,
    Consume: (_call, answer) => answer(null, { highWaterMark: 7n }),
  });
  const taken = () => {
    countBatch();
    relay.cut(second.port);
  };
  await using first = await BareServer.start({ Produce: taken }, { authority: second.authority });
  await using relay = await Relay.start(first.port);
  await using client = Client.connect({ address: `localhost:${relay.port}`, ...pemOf(second.authority) });
  await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE", reason: undefined });
  // Had it been sent again, it would have come before this.
  assert.equal((await client.consume()).highWaterMark, 7n);
  assert.equal(batches, 1);
});
