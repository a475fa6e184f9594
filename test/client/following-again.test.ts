/** Following past a server that goes: where it goes on, how long it waits, and what ends it. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { Metadata, status, type ServerWritableStream } from "@grpc/grpc-js";
import { test } from "vitest";
import { Client, type FollowOptions } from "../../src/client/index.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf, refusal } from "./server.js";

type FollowCall = ServerWritableStream<ConsumeRequestOutput, ConsumeResponse | Buffer>;

const topicId = Buffer.alloc(16, 7);
const done = { value: undefined, done: true };

/** A topic of so many records, which waits at its end; counts who waits there. */
class Topic {
  readonly requests: ConsumeRequestOutput[] = [];
  /** What the next call is answered with, behind the records. */
  ending: ReturnType<typeof refusal> | undefined;
  #length: number;
  readonly #changes = new EventEmitter();

  constructor(length: number) {
    this.#length = length;
  }

  readonly handlers = {
    Consume: (_call: unknown, answer: (error: null, response: ConsumeResponse) => void): void =>
      answer(null, { records: [], topicId, highWaterMark: BigInt(this.#length) }),
    ConsumeStream: (call: FollowCall): void => {
      this.requests.push(call.request);
      call.sendMetadata(new Metadata());
      const from = Number(call.request.offset);
      const records = Array.from({ length: this.#length - from }, (_, at) => ({ offset: BigInt(from + at) }));
      if (records.length > 0) call.write({ records, topicId, highWaterMark: BigInt(this.#length) });
      if (this.ending !== undefined) call.emit("error", this.ending);
      this.#changes.emit("change");
    },
  };

  grow(records: number): void {
    this.#length += records;
  }

  /** Resolves when it was called so often. */
  async wasCalled(times: number): Promise<void> {
    while (this.requests.length < times) await once(this.#changes, "change");
  }

  get starts(): unknown[] {
    return this.requests.map(({ start, offset, topicId: id }) => [start, offset, id.length]);
  }
}

function failing(code: status, reason: string): ReturnType<typeof refusal> {
  const value = { reason, domain: "aclog", metadata: {} };
  return refusal({ code, message: "so it is", details: [{ type: "ErrorInfo", value }] });
}

/** A server that goes and comes back at the same address, and whose connections can be broken off. */
class Place implements AsyncDisposable {
  readonly topic: Topic;
  readonly client: Client;
  readonly #relay: Relay | undefined;
  #server: BareServer;

  private constructor(topic: Topic, server: BareServer, relay: Relay | undefined) {
    this.topic = topic;
    this.#server = server;
    this.#relay = relay;
    const { port } = relay ?? server;
    this.client = Client.connect({ address: `localhost:${port}`, ...pemOf(server.authority) });
  }

  /** The client calls the server itself, which can be stopped. */
  static async make(length: number): Promise<Place> {
    const topic = new Topic(length);
    return new Place(topic, await BareServer.start(topic.handlers), undefined);
  }

  /** The client calls it over connections that can be cut. */
  static async afar(length: number): Promise<Place> {
    const topic = new Topic(length);
    const server = await BareServer.start(topic.handlers);
    return new Place(topic, server, await Relay.start(server.port));
  }

  cut(): void {
    this.#relay!.cut(this.#server.port);
  }

  async stop(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async startAgain(): Promise<void> {
    const { authority, port } = this.#server;
    this.#server = await BareServer.start(this.topic.handlers, { authority, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close({ graceMs: 0 });
    await this.#relay?.[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

const ways = {
  follow: async function* (client: Client, options: FollowOptions) {
    for await (const { offset } of client.follow(options)) yield offset;
  },
  followBatches: async function* (client: Client, options: FollowOptions) {
    for await (const { records } of client.followBatches(options)) for (const { offset } of records) yield offset;
  },
} as const;

for (const [name, follow] of Object.entries(ways)) {
  test.concurrent(
    `${name} goes on behind the last record over any number of connections, in the same topic`,
    async () => {
      await using place = await Place.afar(2);
      const { topic, client } = place;
      const offsets = follow(client, {
        topic: "t",
        from: "earliest",
        onWaiting: () => assert.fail("no server was gone"),
      });
      const seen: unknown[] = [];
      for (let round = 1; round <= 3; round++) {
        for (let at = 0; at < 2; at++) seen.push((await offsets.next()).value);
        const next = offsets.next();
        topic.grow(2);
        place.cut();
        await topic.wasCalled(round + 1);
        seen.push((await next).value, (await offsets.next()).value);
        topic.grow(2);
        place.cut();
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 12 }, (_, offset) => BigInt(offset)),
      );
      assert.deepEqual(topic.starts.slice(0, 3), [
        ["EARLIEST", 0n, 0],
        ["OFFSET", 2n, 16],
        ["OFFSET", 4n, 16],
      ]);
    },
  );

  test.concurrent(
    `${name} gives everything that was there before it goes on, however late it is asked for`,
    async () => {
      await using place = await Place.afar(3);
      const { topic, client } = place;
      const offsets = follow(client, { from: 0n });
      assert.equal((await offsets.next()).value, 0n);
      topic.grow(1);
      place.cut();
      assert.deepEqual(
        [(await offsets.next()).value, (await offsets.next()).value, topic.requests.length],
        [1n, 2n, 1],
      );
      assert.equal((await offsets.next()).value, 3n);
      assert.equal(topic.requests.length, 2);
    },
  );
}

test.concurrent("what begins at the end goes on where the end was, also if nothing had come", async () => {
  await using place = await Place.afar(5);
  const { topic, client } = place;
  const records = client.follow({ from: "latest" });
  const next = records.next();
  await topic.wasCalled(1);
  topic.grow(1);
  place.cut();
  assert.equal((await next).value?.offset, 5n);
  assert.deepEqual(topic.starts, [
    ["OFFSET", 5n, 16],
    ["OFFSET", 5n, 16],
  ]);
});

test.concurrent("a server that is gone is waited for, which is told once, and so is its return", async () => {
  await using place = await Place.make(1);
  const { topic, client } = place;
  const told: unknown[] = [];
  let wasTold!: () => void;
  const waiting = new Promise<void>((resolve) => (wasTold = resolve));
  const records = client.follow({
    onWaiting: (reason, forMs) => {
      told.push([reason.message.split(":")[0], forMs]);
      wasTold();
    },
    onBack: () => told.push("back"),
  });
  assert.equal((await records.next()).value?.offset, 0n);
  const next = records.next();
  await place.stop();
  await waiting;
  await place.startAgain();
  await topic.wasCalled(2);
  topic.grow(1);
  await place.stop();
  await place.startAgain();
  assert.equal((await next).value?.offset, 1n);
  assert.deepEqual(told, [["UNAVAILABLE", Infinity], "back"]);
});

test.concurrent(
  "a server that goes again before it has sent a record is told of again, and so is its return",
  async () => {
    await using place = await Place.make(1);
    const changes = new EventEmitter();
    const told: string[] = [];
    const tell = (what: string) => () => {
      told.push(what);
      changes.emit(what);
    };
    const records = place.client.follow({ onWaiting: tell("gone"), onBack: tell("back") });
    await records.next();
    const next = records.next();
    for (let round = 0; round < 2; round++) {
      const gone = once(changes, "gone");
      await place.stop();
      await gone;
      const back = once(changes, "back");
      await place.startAgain();
      await back;
    }
    await records.return();
    assert.deepEqual(await next, done);
    assert.deepEqual(told, ["gone", "back", "gone", "back"]);
  },
);

const endings: readonly (readonly [why: string, end: (waiting: AbortController, client: Client) => unknown])[] = [
  ["an abort", (aborting) => aborting.abort()],
  ["close", (_aborting, client) => client.close()],
];

test.concurrent.each(endings)("%s ends the wait for a server that is gone, without an error", async (_why, end) => {
  await using place = await Place.make(1);
  const aborting = new AbortController();
  const { client } = place;
  const records = client.follow({ signal: aborting.signal, onWaiting: () => void end(aborting, client) });
  await records.next();
  const next = records.next();
  await place.stop();
  assert.deepEqual(await next, done);
});

test.concurrent("leaving ends the wait, and so does the deadline, with DEADLINE_EXCEEDED", async () => {
  await using place = await Place.make(1);
  const { client } = place;
  const left = client.follow({ onWaiting: () => void left.return() });
  const late = client.follow({ timeoutMs: 1_500 });
  for (const records of [left, late]) await records.next();
  const [next, failed] = [left.next(), assert.rejects(late.next(), { codeName: "DEADLINE_EXCEEDED" })];
  await place.stop();
  assert.deepEqual(await next, done);
  await failed;
});

test.concurrent.each(["onWaiting", "onBack"] as const)("what %s throws ends the iteration", async (name) => {
  await using place = await Place.make(1);
  const { client } = place;
  const error = new Error("enough");
  let wasTold!: () => void;
  const waiting = new Promise<void>((resolve) => (wasTold = resolve));
  const records = client.follow({
    onWaiting: wasTold,
    [name]: () => {
      wasTold();
      throw error;
    },
  });
  await records.next();
  const failed = assert.rejects(records.next(), error);
  await place.stop();
  await waiting;
  if (name === "onBack") await place.startAgain();
  await failed;
  assert.deepEqual(await records.next(), done);
});

const final: readonly (readonly [code: keyof typeof status, reason: string])[] = [
  ["PERMISSION_DENIED", "PERMISSION_DENIED"],
  ["UNAUTHENTICATED", "UNAUTHENTICATED"],
  ["NOT_FOUND", "TOPIC_NOT_FOUND"],
  ["FAILED_PRECONDITION", "TOPIC_ID_MISMATCH"],
  ["OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE"],
  ["INTERNAL", "INTERNAL"],
];

test.concurrent.each(final)("%s ends what follows, also behind a connection that was lost", async (code, reason) => {
  await using place = await Place.afar(1);
  const { topic, client } = place;
  const records = client.follow();
  await records.next();
  const failed = assert.rejects(records.next(), { codeName: code, reason });
  topic.ending = failing(status[code], reason);
  place.cut();
  await failed;
  assert.equal(topic.requests.length, 2);
});

test.concurrent("where nobody has ever answered, it gives up soon", async () => {
  const server = await BareServer.start({});
  await using client = server.client();
  await server[Symbol.asyncDispose]();
  const onWaiting = (): void => assert.fail("nobody ever answered");
  const calls = (["earliest", "latest"] as const).map((from) => client.follow({ from, onWaiting }).next());
  for (const { status: outcome } of await Promise.allSettled(calls)) assert.equal(outcome, "rejected");
});
