import assert from "node:assert/strict";
import type { sendUnaryData } from "@grpc/grpc-js";
import { test, vi } from "vitest";
import { Client, ClientClosed } from "../../src/client/index.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { BareServer } from "./server.js";

const topicId = Buffer.alloc(16, 7);
const record = { offset: 0n, value: Buffer.from("v") };

/** A promise, and what settles it. */
function arrival<T = void>(): { readonly promise: Promise<T>; readonly arrive: (value: T) => void } {
  let arrive!: (value: T) => void;
  const promise = new Promise<T>((resolve) => (arrive = resolve));
  return { promise, arrive };
}

test("closing waits for the calls under way, and takes no more", async () => {
  const produced = arrival<sendUnaryData<ProduceResponse>>();
  await using server = await BareServer.start({ Produce: (_call, answer) => produced.arrive(answer) });
  const client = server.client();
  const call = client.produce("v");
  const answer = await produced.promise;
  const closing = client.close();
  for (const refused of laterCalls(client)) await assert.rejects(refused, ClientClosed);
  answer(null, { offset: 5n, count: 1, topicId });
  assert.equal((await call).offset, 5n);
  await closing;
  await client.close();
  await assert.rejects(client.produce("v"), { name: "ClientClosed" });
});

test("closing waits for a stream of batches and for an import until they have ended by themselves", async () => {
  const [more, arrived] = [arrival(), arrival()];
  let batches = 0;
  await using server = await BareServer.start({
    ProduceStream: (call) => {
      call.on("data", ({ records }: ProduceRequestOutput) => {
        call.write({ offset: 0n, count: records.length, topicId });
        if (++batches === 2) arrived.arrive();
      });
      call.on("end", () => call.end());
    },
    Import: (call, answer) => {
      let count = 0;
      call.on("data", ({ records }: ProduceRequestOutput) => {
        count += records.length;
        if (++batches === 2) arrived.arrive();
      });
      call.on("end", () => answer(null, { count, topicId }));
    },
  });
  const client = server.client();
  async function* source() {
    yield ["a"];
    await more.promise;
    yield ["b", "c"];
  }
  const produced = collect(client.produceMany(source()));
  const imported = client.import(source());
  await arrived.promise;
  const closing = client.close();
  more.arrive();
  assert.deepEqual(
    (await produced).map(({ count }) => count),
    [1, 2],
  );
  assert.equal((await imported).count, 3);
  await closing;
});

test("closing ends what follows without an error, also where nobody asks for the next record", async () => {
  await using server = await BareServer.start({
    ConsumeStream: (call) => void call.write({ records: [record], topicId, highWaterMark: 1n }),
  });
  const client = server.client();
  const abandoned = client.follow();
  assert.equal((await abandoned.next()).done, false);
  const followed = client.follow();
  assert.equal((await followed.next()).done, false);
  const waiting = followed.next();
  await client.close({ graceMs: 3_600_000 });
  assert.deepEqual(await waiting, { value: undefined, done: true });
  assert.deepEqual(await abandoned.next(), { value: undefined, done: true });
});

test("what has not finished when the time of grace is over is cancelled", async () => {
  const arrived = arrival();
  await using server = await BareServer.start({
    Produce: () => arrived.arrive(),
    ProduceStream: (call) => {
      call.on("data", () => call.write({ offset: 0n, count: 1, topicId }));
    },
  });
  const client = server.client();
  async function* endless() {
    while (true) yield ["v"];
  }
  const abandoned = client.produceMany(endless());
  await abandoned.next();
  const call = client.produce("v");
  await arrived.promise;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const closing = client.close();
    const ended = assert.rejects(call, { codeName: "CANCELLED", details: "the client was closed" });
    await vi.advanceTimersByTimeAsync(5_000);
    await closing;
    await ended;
  } finally {
    vi.useRealTimers();
  }
  await assert.rejects(collect(abandoned), { codeName: "CANCELLED" });
});

test("closing gives up on a call that still waits for its certificates", async () => {
  const asked = arrival();
  const client = Client.connect({
    address: "localhost:8400",
    credentials: () => {
      asked.arrive();
      return new Promise(() => undefined);
    },
  });
  const call = assert.rejects(client.produce("v"), { codeName: "CANCELLED" });
  await asked.promise;
  await client.close({ graceMs: 0 });
  await call;
});

test("a time of grace that is none is refused, and closes nothing", async () => {
  await using server = await BareServer.start({ Produce: (_call, answer) => answer(null, { offset: 1n, count: 1 }) });
  await using client = server.client();
  for (const graceMs of [-1, NaN, Infinity]) await assert.rejects(client.close({ graceMs }), RangeError);
  await assert.rejects(client.close({ graceMs: "1" as never }), TypeError);
  assert.equal((await client.produce("v")).offset, 1n);
});

/** One of every kind. */
function laterCalls(client: Client): Promise<unknown>[] {
  return [
    client.produce("v"),
    client.consume(),
    collect(client.produceMany([])),
    client.import([]),
    collect(client.follow()),
    collect(client.followBatches()),
    client.topics.describe("orders"),
    collect(client.topics.list()),
    client.offsets.fetch({ group: "g" }),
    collect(client.offsets.list()),
  ];
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
