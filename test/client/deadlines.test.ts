import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "vitest";
import { Calls } from "../../src/client/calls.js";
import { connectionTo } from "../../src/client/connect.js";
import type { CallOptions, Client } from "../../src/client/index.js";
import { BareServer, pemOf } from "./server.js";

const silent = () => undefined;
const silence = {
  Produce: silent,
  Consume: silent,
  ProduceStream: silent,
  ConsumeStream: silent,
  Import: silent,
  topics: { Create: silent, Delete: silent, Describe: silent, List: silent, Update: silent, Truncate: silent },
  offsets: { Commit: silent, Fetch: silent, List: silent, Delete: silent },
};

type Method = (client: Client, options: CallOptions) => Promise<unknown>;
const methods: readonly (readonly [name: string, call: Method])[] = [
  ["produce", (client, options) => client.produce("v", options)],
  ["produceMany", (client, options) => client.produceMany([["v"]], options).next()],
  ["consume", (client, options) => client.consume(options)],
  ["follow", (client, options) => client.follow(options).next()],
  ["followBatches", (client, options) => client.followBatches(options).next()],
  ["import", (client, options) => client.import([["v"]], options)],
  ["topics.create", ({ topics }, options) => topics.create("t", options)],
  ["topics.delete", ({ topics }, options) => topics.delete("t", options)],
  ["topics.describe", ({ topics }, options) => topics.describe("t", options)],
  ["topics.list", ({ topics }, options) => topics.list(options).next()],
  ["topics.update", ({ topics }, options) => topics.update("t", { settings: {}, ...options })],
  ["topics.truncate", ({ topics }, options) => topics.truncate("t", { before: 1n, ...options })],
  ["offsets.commit", ({ offsets }, options) => offsets.commit({ group: "g", offset: 1n, ...options })],
  ["offsets.fetch", ({ offsets }, options) => offsets.fetch({ group: "g", ...options })],
  ["offsets.list", ({ offsets }, options) => offsets.list(options).next()],
  ["offsets.delete", ({ offsets }, options) => offsets.delete({ group: "g", ...options })],
];

for (const [name, call] of methods) {
  test(`${name} ends at its deadline, on its signal, and refuses a time or a signal that is none`, async () => {
    await using server = await BareServer.start(silence);
    const client = server.client();
    await assert.rejects(call(client, { timeoutMs: 50 }), { name: "CallError", codeName: "DEADLINE_EXCEEDED" });

    const aborting = new AbortController();
    const reason = new Error("enough");
    const aborted = call(client, { signal: aborting.signal });
    setImmediate(() => aborting.abort(reason));
    if (name.startsWith("follow")) assert.deepEqual(await aborted, { value: undefined, done: true });
    else await assert.rejects(aborted, reason);
    const late = call(client, { signal: aborting.signal });
    if (name.startsWith("follow")) assert.deepEqual(await late, { value: undefined, done: true });
    else await assert.rejects(late, reason);

    for (const timeoutMs of [-1, NaN, Infinity, 24 * 24 * 3_600_000 + 1]) {
      await assert.rejects(call(client, { timeoutMs }), { name: "RangeError", message: /^timeoutMs: / });
    }
    await assert.rejects(call(client, { timeoutMs: "5" as never }), { name: "TypeError", message: /^timeoutMs: / });
    await assert.rejects(call(client, { signal: {} as never }), { name: "TypeError", message: /^signal: / });
    await client.close({ graceMs: 0 });
  });
}

test("24 days are not too long, and do not end at once", async () => {
  let isAsked = false;
  await using server = await BareServer.start({
    Produce: (_call, answer) => {
      isAsked = true;
      setImmediate(() => answer(null, { offset: 1n, count: 1 }));
    },
  });
  await using client = server.client();
  assert.equal((await client.produce("v", { timeoutMs: 24 * 24 * 3_600_000 })).offset, 1n);
  assert.ok(isAsked);
});

test("however often a call pauses, its pauses leave no listener behind, and none outlasts its end", async () => {
  await using server = await BareServer.start(silence);
  using call = new Calls(connectionTo({ address: "localhost:1", ...pemOf(server.authority) })).begin({});
  for (let paused = 0; paused < 12; paused++) await call.pause(1);
  assert.deepEqual(getEventListeners(call.ended, "abort"), []);
  const pausing = call.pause(1_000_000);
  call.cancel("enough");
  await pausing;
  await call.pause(1_000_000);
});
