import assert from "node:assert/strict";
import { status, type handleUnaryCall, type ServerDuplexStream } from "@grpc/grpc-js";
import { test } from "vitest";
import { Client } from "../../src/client/index.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf, refusal } from "./server.js";

type ProduceStream = ServerDuplexStream<ProduceRequestOutput, ProduceResponse>;

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
    Consume: counted("Consume"),
    Import: counted("Import"),
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

const producing: readonly (readonly [name: string, call: (client: Client) => Promise<unknown>])[] = [
  ["produce", (client) => client.produce(["v", "w"])],
  ["produceMany", (client) => last(client.produceMany([["v", "w"]]))],
];

async function last<Item>(items: AsyncIterable<Item>): Promise<Item | undefined> {
  let latest: Item | undefined;
  for await (const item of items) latest = item;
  return latest;
}

test.each(producing)("%s is attempted until a server is there, each time as it was", async (_name, call) => {
  const requests: ProduceRequestOutput[] = [];
  const taken = (request: ProduceRequestOutput) => requests.push(request) > 3;
  await using server = await BareServer.start({
    Produce: ({ request }, answer) => (taken(request) ? answer(null, { offset: 7n, count: 2 }) : answer(unavailable)),
    ProduceStream: (stream) => {
      stream.on("data", (request: ProduceRequestOutput) => {
        if (taken(request)) stream.write({ offset: 7n, count: 2 });
        else stream.emit("error", unavailable);
      });
      stream.on("end", () => stream.end());
    },
  });
  await using client = server.client();
  await call(client);
  assert.equal(requests.length, 4);
  for (const { producer } of requests)
    assert.deepEqual(producer, { ...requests[0]!.producer!, epoch: 0, sequence: 0n });
});

test.each(producing)("%s gives up soon where no server was ever reached", async (_name, call) => {
  const server = await BareServer.start({});
  await using client = server.client();
  await server[Symbol.asyncDispose]();
  await assert.rejects(call(client), { codeName: "UNAVAILABLE", details: /^No connection established/ });
});

test.each(producing)(
  "a batch of %s that a server took along when it went is sent to the next one",
  async (_name, call) => {
    const taken: ProduceRequestOutput["producer"][] = [];
    const streamOf = (answer: (stream: ProduceStream) => void) => (stream: ProduceStream) => {
      stream.on("data", ({ producer }: ProduceRequestOutput) => {
        taken.push(producer);
        answer(stream);
      });
      stream.on("end", () => stream.end());
    };
    const store: handleUnaryCall<ProduceRequestOutput, ProduceResponse> = ({ request }, answer) => {
      taken.push(request.producer);
      answer(null, { offset: 7n, count: 2 });
    };
    const lose: typeof store = ({ request }) => {
      taken.push(request.producer);
      relay.cut(second.port);
    };
    await using second = await BareServer.start({
      Produce: store,
      ProduceStream: streamOf((stream) => stream.write({ offset: 7n, count: 2 })),
    });
    await using first = await BareServer.start(
      { Produce: lose, ProduceStream: streamOf(() => relay.cut(second.port)) },
      { authority: second.authority },
    );
    await using relay = await Relay.start(first.port);
    await using client = Client.connect({ address: `localhost:${relay.port}`, ...pemOf(second.authority) });
    await call(client);
    assert.equal(taken.length, 2);
    assert.deepEqual(taken[1], taken[0]);
  },
);
