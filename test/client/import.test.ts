import assert from "node:assert/strict";
import { once } from "node:events";
import { status } from "@grpc/grpc-js";
import { test } from "vitest";
import type { ImportProgress } from "../../src/client/index.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import { BareServer, refusal } from "./server.js";

const topicId = Buffer.alloc(16, 7);

test("an import sends every batch to one topic, and gives the server's one answer", async () => {
  const requests: ProduceRequestOutput[] = [];
  await using server = await BareServer.start({
    Import: (call, answer) => {
      call.on("data", (request: ProduceRequestOutput) => requests.push(request));
      call.on("end", () =>
        answer(null, { count: 3n, firstOffset: 40n, lastOffset: 42n, bytes: 99n, seconds: 0.25, topicId }),
      );
    },
  });
  await using client = server.client();
  const progress: ImportProgress[] = [];
  const result = await client.import([["a", "b"], ["c"]], {
    topic: "orders",
    expectedOffset: 40n,
    onProgress: (sums) => progress.push(sums),
  });
  assert.deepEqual(result, { count: 3, firstOffset: 40n, lastOffset: 42n, bytes: 99, seconds: 0.25, topicId });
  assert.deepEqual(
    requests.map(({ records, topic, expectedOffset }) => [
      records.map(({ value }) => value.toString()),
      topic,
      expectedOffset,
    ]),
    [
      [["a", "b"], "orders", 40n],
      [["c"], "orders", 42n],
    ],
  );
  assert.deepEqual(
    progress.map(({ records }) => records),
    [2, 3],
  );
  assert.ok(progress[0]!.bytes > 0 && progress[1]!.bytes > progress[0]!.bytes);
});

test("an import without a single record has no offsets", async () => {
  await using server = await BareServer.start({
    Import: (call, answer) => {
      call.resume().on("end", () => answer(null, { topicId }));
    },
  });
  await using client = server.client();
  const { count, firstOffset, lastOffset } = await client.import([]);
  assert.deepEqual([count, firstOffset, lastOffset], [0, undefined, undefined]);
});

test("a refusal ends an import although its source never would, with how far it came", async () => {
  await using server = await BareServer.start({
    Import: (call, answer) => {
      call.once("data", () =>
        answer(
          refusal({
            code: status.RESOURCE_EXHAUSTED,
            message: "enough",
            details: [{ type: "ErrorInfo", value: { reason: "QUOTA_EXCEEDED", metadata: { count: "0" } } }],
          }),
        ),
      );
    },
  });
  await using client = server.client();
  let refuse!: () => void;
  const refused = new Promise<void>((resolve) => (refuse = resolve));
  let leave!: () => void;
  const left = new Promise<void>((resolve) => (leave = resolve));
  let asked = 0;
  async function* endless() {
    try {
      yield ["v"];
      await refused;
      for (; ; asked++) yield ["v"];
    } finally {
      leave();
    }
  }
  await assert.rejects(client.import(endless()), { reason: "QUOTA_EXCEEDED", facts: { count: "0" } });
  refuse();
  await left;
  assert.equal(asked, 0);
});

test("what the source throws is thrown at once, and cancels the import", async () => {
  let arrived!: () => void;
  const received = new Promise<void>((resolve) => (arrived = resolve));
  let cancelled!: Promise<unknown>;
  await using server = await BareServer.start({
    Import: (call) => {
      cancelled = once(call, "cancelled");
      call.on("data", () => arrived());
    },
  });
  await using client = server.client();
  async function* failing() {
    yield ["v"];
    await received;
    throw new TypeError("the source failed");
  }
  await assert.rejects(client.import(failing()), { name: "TypeError", message: "the source failed" });
  await cancelled;
});

test("what the progress throws ends the import, and sources that are none are TypeErrors", async () => {
  await using server = await BareServer.start({});
  await using client = server.client();
  const onProgress = () => {
    throw new TypeError("the progress failed");
  };
  await assert.rejects(client.import([["v"]], { onProgress }), { message: "the progress failed" });
  await assert.rejects(client.import(["v"] as never), { name: "TypeError", message: /^batches: expected arrays/ });
  await assert.rejects(client.import(5 as never), { name: "TypeError", message: /^batches: expected an iterable/ });
});

test("a server that takes nothing stops the source of an import", async () => {
  let arrived!: () => void;
  const waiting = new Promise<void>((resolve) => (arrived = resolve));
  await using server = await BareServer.start({
    Import: () => arrived(),
    Consume: (_call, answer) => answer(null, {}),
  });
  await using client = server.client();
  const aborting = new AbortController();
  const reason = new Error("nobody waits for it any more");
  let taken = 0;
  async function* endless() {
    const batch = [Buffer.alloc(64 * 1024)];
    while (true) {
      taken++;
      yield batch;
    }
  }
  const imported = assert.rejects(client.import(endless(), { signal: aborting.signal }), reason);
  await waiting;
  // It has stopped for good when nothing was taken while many other calls came and went.
  for (let [before, quiet] = [taken, 0]; quiet < 20; before = taken) {
    await client.consume();
    quiet = taken === before ? quiet + 1 : 0;
  }
  assert.ok(taken < 200, `${taken} batches were taken for a server that reads none`);
  aborting.abort(reason);
  await imported;
});
