import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { status, type ServerWritableStream } from "@grpc/grpc-js";
import { test } from "vitest";
import { CallError, type Client, type ConsumeResult, type ConsumedRecord } from "../../src/client/index.js";
import { logServiceDefinition } from "../../src/wire/definition.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import { heldBytes } from "../support/memory.js";
import { BareServer, refusal } from "./server.js";

type FollowCall = ServerWritableStream<ConsumeRequestOutput, ConsumeResponse | Buffer>;
type Iterator = AsyncGenerator<ConsumedRecord | ConsumeResult, void, undefined>;

const topicId = Buffer.alloc(16, 7);
const done = { value: undefined, done: true };

/** A response with the records `[from, to)`. */
function holding(from: number, to: number): ConsumeResponse {
  const records = Array.from({ length: to - from }, (_, index) => ({ offset: BigInt(from + index) }));
  return { records, topicId, highWaterMark: BigInt(to) };
}

/** Sends these and waits, as a server does at the end of a topic; counts the calls that are open. */
class Tail {
  open = 0;
  calls = 0;
  readonly #changes = new EventEmitter();
  readonly #responses: readonly (ConsumeResponse | Buffer)[];

  constructor(...responses: readonly (ConsumeResponse | Buffer)[]) {
    this.#responses = responses;
  }

  readonly handle = (call: FollowCall): void => {
    this.calls++;
    this.open++;
    call.on("cancelled", () => {
      this.open--;
      this.#changes.emit("change");
    });
    for (const response of this.#responses) call.write(response);
  };

  async noneIsOpen(): Promise<void> {
    while (this.open > 0) await once(this.#changes, "change");
  }
}

const offsetOf = ({ value }: IteratorResult<ConsumedRecord, void>) => value?.offset;
const ways = {
  follow: (client: Client): Iterator => client.follow(),
  followBatches: (client: Client): Iterator => client.followBatches(),
} as const;

test("next may be asked again before it was answered, and the answers come in order", async () => {
  const tail = new Tail(holding(0, 2), holding(2, 3), holding(3, 6));
  await using server = await BareServer.start({ ConsumeStream: tail.handle });
  await using client = server.client();
  const records = client.follow();
  const answers = await Promise.all(Array.from({ length: 5 }, () => records.next()));
  assert.deepEqual(answers.map(offsetOf), [0n, 1n, 2n, 3n, 4n]);
  assert.equal(offsetOf(await records.next()), 5n);
});

test("responses without records are passed over", async () => {
  const tail = new Tail(holding(0, 0), holding(0, 1), holding(1, 1), holding(1, 2));
  await using server = await BareServer.start({ ConsumeStream: tail.handle });
  await using client = server.client();
  const records = client.follow();
  assert.deepEqual([await records.next(), await records.next()].map(offsetOf), [0n, 1n]);
  const batches = client.followBatches();
  const [first, second] = [await batches.next(), await batches.next()];
  assert.deepEqual([first.value?.records[0]?.offset, second.value?.records[0]?.offset], [0n, 1n]);
});

test("a batch is what came together, and says which topic it is of and how far that reached", async () => {
  const tail = new Tail({ ...holding(0, 2), highWaterMark: 9n }, holding(2, 5));
  await using server = await BareServer.start({ ConsumeStream: tail.handle });
  await using client = server.client();
  const seen: unknown[] = [];
  for await (const { records, highWaterMark, topicId: id } of client.followBatches({ from: 0n, maxRecords: 3 })) {
    seen.push([records.map(({ offset }) => offset), highWaterMark, id]);
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [
    [[0n, 1n], 9n, topicId],
    [[2n, 3n, 4n], 5n, topicId],
  ]);
  await tail.noneIsOpen();
});

for (const [name, follow] of Object.entries(ways)) {
  test(`${name}: return ends the call, and whoever waits in next is told that it is over`, async () => {
    const tail = new Tail(holding(0, 1));
    await using server = await BareServer.start({ ConsumeStream: tail.handle });
    await using client = server.client();
    const items = follow(client);
    assert.equal((await items.next()).done, false);
    const waiting = [items.next(), items.next()];
    assert.deepEqual(await items.return(), done);
    assert.deepEqual(await Promise.all(waiting), [done, done]);
    assert.deepEqual(await items.next(), done);
    await tail.noneIsOpen();
  });

  test(`${name}: throw ends the call and throws, and what is there already is not given any more`, async () => {
    const tail = new Tail(holding(0, 2), holding(2, 4));
    await using server = await BareServer.start({ ConsumeStream: tail.handle });
    await using client = server.client();
    const items = follow(client);
    assert.equal((await items.next()).done, false);
    const error = new Error("enough");
    await assert.rejects(items.throw(error), error);
    assert.deepEqual(await items.next(), done);
    await tail.noneIsOpen();
  });

  test(`${name}: what was never asked calls nobody, and is over once it was told so`, async () => {
    const tail = new Tail();
    await using server = await BareServer.start({ ConsumeStream: tail.handle });
    const client = server.client();
    const error = new Error("enough");
    const [returned, thrown, disposed] = [follow(client), follow(client), follow(client)];
    assert.deepEqual(await returned.return(), done);
    await assert.rejects(thrown.throw(error), error);
    await disposed[Symbol.asyncDispose]();
    for (const items of [returned, thrown, disposed]) assert.deepEqual(await items.next(), done);
    await client.close();
    assert.equal(tail.calls, 0);
  });

  test(`${name}: a refusal goes to the first who waits, and then it is over`, async () => {
    await using server = await BareServer.start({
      ConsumeStream: (call: FollowCall) => {
        call.emit("error", refusal({ code: status.PERMISSION_DENIED, message: "no", details: [] }));
      },
    });
    await using client = server.client();
    const items = follow(client);
    const [first, second] = [items.next(), items.next()];
    await assert.rejects(first, { name: "CallError", codeName: "PERMISSION_DENIED", details: "no" });
    assert.deepEqual(await second, done);
    assert.deepEqual(await items.next(), done);
  });

  test(`${name}: a server that ends the stream with OK ends the iteration behind what it sent`, async () => {
    await using server = await BareServer.start({
      ConsumeStream: (call: FollowCall) => {
        for (let at = 0; at < 50; at++) call.write(holding(at, at + 1));
        call.end();
      },
    });
    await using client = server.client();
    let items = 0;
    for await (const item of follow(client)) items += Object.keys(item).length > 0 ? 1 : 0;
    assert.equal(items, 50);
  });

  test(`${name}: a response that is none is an error behind the records before it, and ends the call`, async () => {
    const tail = new Tail(holding(0, 1), Buffer.from([0x0a, 0x05, 0x0a]), holding(2, 3));
    await using server = await BareServer.start({ ConsumeStream: tail.handle });
    await using client = server.client();
    const items = follow(client);
    assert.equal((await items.next()).done, false);
    const [failed, after] = [items.next(), items.next()];
    await assert.rejects(failed, (error) => {
      assert.ok(error instanceof CallError);
      assert.deepEqual([error.codeName, error.reason], ["INTERNAL", undefined]);
      assert.match(error.details, /^Response message parsing error: a field is cut short at byte 2$/);
      return true;
    });
    assert.deepEqual(await after, done);
    await tail.noneIsOpen();
  });

  test(`${name}: an abort ends what waits, and leaves out what is there already`, async () => {
    const tail = new Tail(holding(0, 3));
    await using server = await BareServer.start({ ConsumeStream: tail.handle });
    await using client = server.client();
    const aborting = new AbortController();
    const options = { signal: aborting.signal };
    const [waiting, reading] = [client.follow(options), client.follow(options)];
    for (let records = 0; records < 3; records++) await waiting.next();
    await reading.next();
    const last = waiting.next();
    aborting.abort();
    assert.deepEqual([await last, await reading.next(), await reading.next()], [done, done, done]);
    await tail.noneIsOpen();
  });
}

test("a consume that is answered with something else is an error, not a hang", async () => {
  await using server = await BareServer.start({ Consume: (_call, answer) => answer(null, Buffer.from([0x0a, 0x05])) });
  await using client = server.client();
  await assert.rejects(client.consume(), { name: "CallError", codeName: "INTERNAL", reason: undefined });
});

test("a call that is left in the very turn in which it is opened does not stay open on the server", async () => {
  const tail = new Tail();
  await using server = await BareServer.start({
    ConsumeStream: tail.handle,
    Consume: (_call, answer) => answer(null, {}),
  });
  await using client = server.client();
  await client.consume();
  // Opening takes several microtasks, of which a few matter.
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const records = client.follow();
    const next = records.next();
    for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
    await records.return();
    assert.deepEqual(await next, done);
  }
  // Once this is answered, everything that was sent before has arrived.
  await client.consume();
  await tail.noneIsOpen();
});

const { responseSerialize } = logServiceDefinition.ConsumeStream;

/** Some 256 KiB, as bytes that are made once: small records, or a few large ones. */
function fullResponse(valueBytes: number): Buffer {
  const value = Buffer.alloc(valueBytes, 120);
  const count = Math.floor((256 * 1024) / (valueBytes + 20));
  return responseSerialize({ ...holding(0, count), records: Array.from({ length: count }, () => ({ value })) });
}

test("a reader who stops holds a window and two messages at most", async () => {
  const response = fullResponse(1000);
  let written = 0;
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      const fill = () => {
        while (call.write(response, () => (written += response.length)));
        call.once("drain", fill);
      };
      fill();
    },
    Consume: (_call, answer) => answer(null, {}),
  });
  await using client = server.client();
  const records = client.follow();
  await records.next();
  // The server has stopped for good when nothing was written while many other calls came and went.
  for (let [before, quiet] = [written, 0]; quiet < 20; before = written) {
    await client.consume();
    quiet = written === before ? quiet + 1 : 0;
  }
  // What is being read, what waits here, the window, and one message that is on its way into it.
  const most = 2 * 1024 * 1024 + 4 * response.length;
  assert.ok(written <= most, `${written} bytes went to a reader who took one record, and at most ${most} may`);
  await records.return();
});

test("millions of records go through without leaving anything behind", async () => {
  const response = fullResponse(100);
  const perResponse = 2184;
  const responses = 500;
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      let sent = 0;
      const fill = () => {
        while (sent++ < responses) if (!call.write(response)) return void call.once("drain", fill);
        call.end();
      };
      fill();
    },
  });
  await using client = server.client();
  const before = await heldBytes();
  let [count, bytes, most] = [0, 0, 0];
  for await (const { value } of client.follow()) {
    bytes += value.length;
    if (++count % 400_000 === 0) most = Math.max(most, await heldBytes());
  }
  assert.deepEqual([count, bytes], [responses * perResponse, responses * perResponse * 100]);
  // The server's sixteen messages are in it too.
  assert.ok(most - before < 12 * 1024 * 1024, `${most - before} bytes held in between`);
  assert.ok((await heldBytes()) - before < 2 * 1024 * 1024, "and bytes held afterwards");
});
