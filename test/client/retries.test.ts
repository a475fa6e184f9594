import assert from "node:assert/strict";
import { status, type handleUnaryCall, type ServerDuplexStream } from "@grpc/grpc-js";
import { setImmediate as turn } from "node:timers/promises";
import { onTestFinished, test, vi } from "vitest";
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
  ["ConsumeStream", 5, (client) => client.follow().next()],
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

/** Lets the clock by which outages are measured go forward by so many milliseconds. */
function clock(): (ms: number) => void {
  const now = performance.now.bind(performance);
  let ahead = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => now() + ahead);
  onTestFinished(() => spy.mockRestore());
  return (ms) => (ahead += ms);
}

/** Answers each batch of a stream. */
const answering = (stream: ProduceStream): void => {
  let offset = 0n;
  stream.on("data", ({ records }: ProduceRequestOutput) => {
    stream.write({ offset, count: records.length });
    offset += BigInt(records.length);
  });
  stream.on("end", () => stream.end());
};

test("produceMany waits half a minute for a server that has answered and is gone, and says so once; a stranger gives up soon", async () => {
  const passes = clock();
  const server = await BareServer.start({ ProduceStream: answering });
  await using client = server.client();
  async function* batches(): AsyncGenerator<string[]> {
    yield ["answered"];
    await new Promise(() => undefined);
  }
  const told: number[] = [];
  let wasTold!: () => void;
  const waiting = new Promise<void>((resolve) => (wasTold = resolve));
  const onWaiting = (reason: Error, forMs: number): void => {
    assert.match(reason.message, /^UNAVAILABLE: /);
    told.push(forMs);
    passes(25_000);
    wasTold();
  };
  const results = client.produceMany(batches(), { onWaiting });
  assert.equal((await results.next()).value!.offset, 0n);
  await server[Symbol.asyncDispose]();
  let isTime = false;
  const failing = assert
    .rejects(results.next(), { codeName: "UNAVAILABLE" })
    .then(() => assert.ok(isTime, "too early"));
  await waiting;
  await using stranger = server.client();
  await assert.rejects(last(stranger.produceMany([["v"]], { onWaiting: () => assert.fail("nobody ever answered") })), {
    codeName: "UNAVAILABLE",
  });
  isTime = true;
  passes(5_000);
  await failing;
  assert.equal(told.length, 1);
  assert.ok(told[0]! > 25_000 && told[0]! <= 30_000, `${told[0]}`);
});

test("produceMany outlives any number of connections that end while it owes nothing and is owed nothing", async () => {
  const passes = clock();
  let opened = 0;
  await using server = await BareServer.start({
    ProduceStream: (stream) => {
      opened++;
      answering(stream);
    },
  });
  await using relay = await Relay.start(server.port);
  await using client = Client.connect({ address: `localhost:${relay.port}`, ...pemOf(server.authority) });
  let feed: (() => void) | undefined;
  async function* batches(): AsyncGenerator<string[]> {
    yield ["first"];
    await new Promise<void>((resolve) => (feed = resolve));
    yield ["last"];
  }
  const onWaiting = (): void => assert.fail("no server was gone");
  const results = client.produceMany(batches(), { onWaiting });
  await results.next();
  const last = results.next();
  for (let round = 1; round <= 4; round++) {
    while (opened < round) await Promise.race([last, turn()]);
    passes(11_000);
    relay.cut(server.port);
  }
  while (opened < 5) await Promise.race([last, turn()]);
  feed!();
  assert.equal((await last).value!.count, 1);
  assert.equal((await results.next()).done, true);
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
