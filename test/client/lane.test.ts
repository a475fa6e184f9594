import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { status, type ServerDuplexStream } from "@grpc/grpc-js";
import fc from "fast-check";
import { test } from "vitest";
import { CallError, Client, QueueFull, type ProduceResult } from "../../src/client/index.js";
import { statusMessage } from "../../src/wire/definition.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf } from "./server.js";

type Stream = ServerDuplexStream<ProduceRequestOutput, ProduceResponse>;
type Answer = Omit<ProduceResponse, "requestId">;

const topicId = Buffer.alloc(16, 7);

/** A server of one ProduceStream after the other, which answers when the test says so. */
class HeldServer implements AsyncDisposable {
  readonly streams: Stream[] = [];
  readonly requests: ProduceRequestOutput[] = [];
  server!: BareServer;
  #arrived: (() => void) | undefined;
  #next = 0n;
  /** Of each producer in each topic, its epoch and the number of its next record. */
  readonly #producers = new Map<string, { epoch: number; next: bigint }>();

  static async start(answer?: (request: ProduceRequestOutput, held: HeldServer) => Answer | undefined) {
    const held = new HeldServer();
    held.server = await BareServer.start({
      ProduceStream: (stream) => {
        held.streams.push(stream);
        stream.on("data", (request: ProduceRequestOutput) => {
          held.requests.push(request);
          const response = held.#gapBefore(request) ?? answer?.(request, held);
          if (response?.error === undefined) held.#count(request);
          if (response !== undefined) stream.write({ ...response, requestId: request.requestId! });
          held.#arrived?.();
        });
        stream.on("end", () => stream.end());
      },
    });
    return held;
  }

  client(): Client {
    return this.server.client();
  }

  /** Resolves when so many requests have come in all. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => (this.#arrived = resolve));
  }

  /** The answer of a server on whose one topic everything is stored. */
  stored({ records }: ProduceRequestOutput): Answer {
    const offset = this.#next;
    this.#next += BigInt(records.length);
    return { offset, count: records.length, topicId };
  }

  /** As a server does, refuses a batch when what its producer sent before it was not taken. */
  #gapBefore(request: ProduceRequestOutput): Answer | undefined {
    const { epoch, sequence } = request.producer!;
    const known = this.#producers.get(producerOf(request));
    const expected = known?.epoch === epoch ? known.next : 0n;
    if (sequence <= expected) return undefined;
    const facts = { expected: `${expected}`, actual: `${sequence}` };
    return refusalOf("PRODUCER_SEQUENCE_GAP", facts, status.FAILED_PRECONDITION);
  }

  #count(request: ProduceRequestOutput): void {
    const { epoch, sequence } = request.producer!;
    this.#producers.set(producerOf(request), { epoch, next: sequence + BigInt(request.records.length) });
  }

  /** Answers a request that has come. */
  answer(at: number, response: Answer = this.stored(this.requests[at]!)): void {
    this.streams.at(-1)!.write({ ...response, requestId: this.requests[at]!.requestId! });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

function producerOf({ topic, tenant, topicId, producer }: ProduceRequestOutput): string {
  return [topic, tenant, topicId.toString("hex"), producer!.id.toString("hex")].join("/");
}

const storing = (request: ProduceRequestOutput, held: HeldServer) => held.stored(request);
const values = ({ records }: ProduceRequestOutput) => records.map(({ value }) => value.toString());

function refusalOf(reason: string, facts: Record<string, string> = {}, code: number = status.INVALID_ARGUMENT): Answer {
  const details = [{ type: "ErrorInfo" as const, value: { reason, domain: "aclog", metadata: facts } }];
  return { error: statusMessage({ code, message: reason, details }) };
}

test("one call at a time goes at once, each as a request of its own, over one stream", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  for (let call = 0; call < 3; call++) {
    assert.deepEqual(await client.produce(["a", "b"]), { offset: BigInt(2 * call), count: 2, topicId });
  }
  assert.deepEqual(held.requests.map(values), [
    ["a", "b"],
    ["a", "b"],
    ["a", "b"],
  ]);
  assert.equal(held.streams.length, 1);
});

test("calls of one turn go together, and each gets its own place in the answer", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  const results = await Promise.all([client.produce("a"), client.produce(["b", "c"]), client.produce("d")]);
  assert.deepEqual(
    results.map(({ offset, count }) => [offset, count]),
    [
      [0n, 1],
      [1n, 2],
      [3n, 1],
    ],
  );
  assert.deepEqual(held.requests.map(values), [["a", "b", "c", "d"]]);
});

test("while answers are due calls wait, and then go together", async () => {
  await using held = await HeldServer.start();
  await using client = held.client();
  const calls: Promise<ProduceResult>[] = [];
  const produce = async (value: string) => {
    calls.push(client.produce(value));
    await new Promise(setImmediate);
  };
  for (const value of ["a", "b", "c", "d", "e"]) await produce(value);
  // Those that could go at once have arrived when what is sent behind them, for another topic, has.
  calls.push(client.produce("other", { topic: "other" }));
  while (!held.requests.some(({ topic }) => topic === "other")) await held.received(held.requests.length + 1);
  const before = held.requests.filter(({ topic }) => topic === "").map(values);
  assert.ok(before.length < 5, `${before.length} requests were sent at once`);
  const count = held.requests.length;
  for (let at = 0; at < count; at++) held.answer(at);
  await held.received(count + 1);
  held.answer(count);
  await Promise.all(calls);
  const sent = held.requests.filter(({ topic }) => topic === "").flatMap(values);
  assert.deepEqual(sent, ["a", "b", "c", "d", "e"]);
  assert.equal(held.requests.length, count + 1);
});

test("calls for different topics, tenants and topic ids are not mixed, and keep their order in each", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  const targets = [
    { topic: "a" },
    { topic: "b" },
    { topic: "a", tenant: "globex" },
    { topic: "a", topicId: Buffer.alloc(16, 1) },
    { topic: "a", topicId: Buffer.alloc(16, 2) },
  ];
  await Promise.all([0, 1, 2].flatMap((round) => targets.map((target) => client.produce(`${round}`, target))));
  assert.deepEqual(
    held.requests.map((request) => [request.topic, request.tenant, request.topicId[0], values(request)]),
    targets.map(({ topic, tenant = "", topicId }) => [topic, tenant, topicId?.[0], ["0", "1", "2"]]),
  );
});

test("a call with an expected offset is never sent together with others, and keeps its place among them", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  await Promise.all([
    client.produce("a"),
    client.produce("b"),
    client.produce("c", { expectedOffset: 2n }),
    client.produce("d", { expectedOffset: 3n }),
    client.produce("e"),
    client.produce("f"),
  ]);
  assert.deepEqual(
    held.requests.map((request) => [values(request), request.expectedOffset]),
    [
      [["a", "b"], undefined],
      [["c"], 2n],
      [["d"], 3n],
      [["e", "f"], undefined],
    ],
  );
});

test("what is in one request is bounded, in bytes and in records", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  const large = Buffer.alloc(10_000);
  const small = new Array<string>(100).fill("");
  await Promise.all([
    ...Array.from({ length: 100 }, () => client.produce(large, { topic: "large" })),
    ...Array.from({ length: 200 }, () => client.produce(small, { topic: "small" })),
  ]);
  for (const { records } of held.requests) {
    assert.ok(records.length <= 8_192);
    assert.ok(records.reduce((sum, { value }) => sum + value.length, 0) <= 128 * 1024);
  }
  assert.ok(held.requests.length < 30);
});

const toAll = [
  // reason                 facts                                  code
  ["PERMISSION_DENIED", { decision: "d" }, status.PERMISSION_DENIED],
  ["TOPIC_NOT_FOUND", {}, status.NOT_FOUND],
  ["TOPIC_ID_MISMATCH", {}, status.FAILED_PRECONDITION],
  ["INVALID_FIELD", { field: "topic" }, status.INVALID_ARGUMENT],
  ["QUOTA_EXCEEDED", { limit: "topics" }, status.RESOURCE_EXHAUSTED],
  ["BACKLOG_FULL", {}, status.RESOURCE_EXHAUSTED],
  ["STORAGE_FULL", {}, status.RESOURCE_EXHAUSTED],
] as const;
for (const [reason, facts, code] of toAll) {
  test(`${reason}${"field" in facts || "limit" in facts ? ` of ${Object.values(facts).join("")}` : ""} fails every call of a request, and none is sent again`, async () => {
    await using held = await HeldServer.start(() => refusalOf(reason, facts, code));
    await using client = held.client();
    const outcomes = await Promise.allSettled([client.produce("a"), client.produce("b")]);
    for (const outcome of outcomes) {
      assert.ok(outcome.status === "rejected" && outcome.reason instanceof CallError);
      assert.deepEqual([outcome.reason.reason, outcome.reason.code], [reason, code]);
    }
    assert.equal(held.requests.length, 1);
  });
}

const toOne = [
  ["MALFORMED_MESSAGE", { field: "records[1]" }],
  ["LIMIT_EXCEEDED", { field: "records[1]" }],
  ["INVALID_FIELD", { field: "records[1].headers" }],
  ["QUOTA_EXCEEDED", { limit: "record_bytes", maximum: "10" }],
  ["QUOTA_EXCEEDED", { limit: "storage_bytes", maximum: "10" }],
] as const;
for (const [reason, facts] of toOne) {
  test(`${reason} of ${Object.values(facts)[0]} fails only the call that is to blame, and the others come through in order`, async () => {
    await using held = await HeldServer.start((request, server) =>
      values(request).includes("bad") ? refusalOf(reason, facts) : server.stored(request),
    );
    await using client = held.client();
    const outcomes = await Promise.allSettled(["a", "bad", "b", "c"].map((value) => client.produce(value)));
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? outcome.value.offset : (outcome.reason as CallError).reason,
      ),
      [0n, reason, 1n, 2n],
    );
    assert.deepEqual(held.requests.map(values), [["a", "bad", "b", "c"], ["a"], ["bad"], ["b"], ["c"]]);
  });
}

test("a call that has no time is not sent", async () => {
  await using held = await HeldServer.start((request, server) => server.stored(request));
  await using client = held.client();
  const late = client.produce("late", { timeoutMs: 0 });
  const next = client.produce("next");
  await assert.rejects(late, { codeName: "DEADLINE_EXCEEDED" });
  await next;
  assert.deepEqual(held.requests.map(values), [["next"]]);
});

test("a tenant that takes smaller requests gets smaller ones from then on", async () => {
  const maximum = 1_000;
  await using held = await HeldServer.start((request, server) => {
    const bytes = request.records.reduce((sum, { value }) => sum + value.length, 0);
    const facts = { limit: "batch_bytes", maximum: `${maximum}` };
    return bytes > maximum ? refusalOf("QUOTA_EXCEEDED", facts, status.RESOURCE_EXHAUSTED) : server.stored(request);
  });
  await using client = held.client();
  const produceAll = () => Promise.all(Array.from({ length: 40 }, () => client.produce(Buffer.alloc(100))));
  const results = await produceAll();
  assert.deepEqual(
    results.map(({ offset }) => offset),
    Array.from({ length: 40 }, (_, at) => BigInt(at)),
  );
  const before = held.requests.length;
  await produceAll();
  assert.ok(held.requests.slice(before).every(({ records }) => records.length === 9 || records.length < 9));
  await assert.rejects(client.produce(Buffer.alloc(maximum + 1)), { reason: "QUOTA_EXCEEDED" });
});

test("no call overtakes those that were too many, or too large, for one request of their topic's tenant", async () => {
  const refusals = [
    { limit: "batch_bytes", most: 1_000, of: (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0) },
    { limit: "record_bytes", most: 150, of: (sizes: number[]) => Math.max(...sizes) },
  ];
  for (const { limit, most, of } of refusals) {
    const stored: number[] = [];
    await using held = await HeldServer.start((request, server) => {
      const tooMuch = of(request.records.map(({ value }) => value.length)) > most;
      const facts = { limit, ...(limit === "batch_bytes" ? { maximum: `${most}` } : {}) };
      if (tooMuch) return refusalOf("QUOTA_EXCEEDED", facts, status.RESOURCE_EXHAUSTED);
      stored.push(...request.records.map(({ value }) => value.readUInt32LE()));
      return server.stored(request);
    });
    await using client = held.client();
    const outcomes: Promise<unknown>[] = [];
    let serial = 0;
    // Ever more in one turn, each time while answers are due to those before.
    for (let turn = 1; turn <= 30; turn++) {
      for (let call = 0; call < turn; call++) {
        const value = Buffer.alloc(100 + (call % 10) * (limit === "record_bytes" ? 10 : 0));
        value.writeUInt32LE(serial++);
        outcomes.push(client.produce(value).catch(() => undefined));
      }
      await new Promise(setImmediate);
    }
    await Promise.all(outcomes);
    assert.ok(stored.length > 100, `${stored.length} were stored`);
    assert.deepEqual(
      stored,
      stored.toSorted((one, other) => one - other),
    );
  }
});

test("a server that refuses requests for their size, however small they are, is not asked for ever", async () => {
  await using held = await HeldServer.start(() =>
    refusalOf("QUOTA_EXCEEDED", { limit: "batch_bytes", maximum: "400" }),
  );
  await using client = held.client();
  const calls = Array.from({ length: 10 }, () => client.produce(Buffer.alloc(100)));
  for (const call of calls) await assert.rejects(call, { reason: "QUOTA_EXCEEDED" });
  assert.ok(held.requests.length <= 1 + 4 + 10, `${held.requests.length} requests were sent`);
});

test("every call gets its own right answer, in the order of its topic, whatever is refused or aborted", async () => {
  /** What is stored, by topic. */
  const stored = new Map<string, string[]>();
  await using held = await HeldServer.start((request) => {
    if (values(request).some((value) => value.startsWith("bad"))) return refusalOf("LIMIT_EXCEEDED");
    const log = stored.get(request.topic) ?? [];
    stored.set(request.topic, log);
    const offset = BigInt(log.length);
    if (request.expectedOffset !== undefined && request.expectedOffset !== offset) {
      return refusalOf("UNEXPECTED_OFFSET", {}, status.FAILED_PRECONDITION);
    }
    log.push(...values(request));
    return { offset, count: request.records.length, topicId };
  });
  await using client = held.client();
  const call = fc.record({
    topic: fc.constantFrom("a", "b", "c"),
    count: fc.integer({ min: 1, max: 3 }),
    isBad: fc.nat(9).map((n) => n === 0),
    isExpecting: fc.nat(9).map((n) => n === 0),
    aborts: fc.constantFrom("never", "never", "never", "at once", "soon"),
    waits: fc.boolean(),
  });
  let serial = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
      const made: { topic: string; records: string[]; result: Promise<ProduceResult | Error> }[] = [];
      const reason = new Error("aborted");
      for (const { topic, count, isBad, isExpecting, aborts, waits } of calls) {
        const records = Array.from({ length: count }, () => `${isBad ? "bad" : "good"} ${serial++}`);
        const aborting = new AbortController();
        const options = { topic, signal: aborting.signal, ...(isExpecting ? { expectedOffset: 0n } : {}) };
        const result = client.produce(records, options).catch((error: unknown) => error as Error);
        made.push({ topic, records, result });
        if (aborts === "at once") aborting.abort(reason);
        if (aborts === "soon") setImmediate(() => aborting.abort(reason));
        if (waits) await new Promise(setImmediate);
      }
      const last = new Map<string, bigint>();
      for (const { topic, records, result } of made) {
        const outcome = await result;
        const log = stored.get(topic) ?? [];
        if (outcome instanceof Error) {
          const isOurs = outcome === reason;
          assert.ok(isOurs || /LIMIT_EXCEEDED|UNEXPECTED_OFFSET/.test(outcome.message));
          if (!isOurs) assert.ok(records.every((value) => !log.includes(value)));
          continue;
        }
        assert.deepEqual(log.slice(Number(outcome.offset), Number(outcome.offset) + records.length), records);
        assert.equal(outcome.count, records.length);
        assert.ok(outcome.offset > (last.get(topic) ?? -1n));
        last.set(topic, outcome.offset);
      }
      const all = [...stored.values()].flat();
      assert.equal(new Set(all).size, all.length);
    }),
    { numRuns: 60 },
  );
});

test("a call that is aborted or late before it was sent is never sent; one that was sent fails, and its answer is nobody's", async () => {
  await using held = await HeldServer.start();
  await using client = held.client();
  const aborting = new AbortController();
  const reason = new Error("enough");
  const sent = client.produce("sent", { signal: aborting.signal });
  await held.received(1);
  const filling = client.produce("filling");
  await held.received(2);
  const [queued, late, kept] = [
    client.produce("queued", { signal: aborting.signal }),
    client.produce("late", { timeoutMs: 20 }),
    client.produce("kept"),
  ];
  await assert.rejects(late, { codeName: "DEADLINE_EXCEEDED" });
  aborting.abort(reason);
  await assert.rejects(sent, reason);
  await assert.rejects(queued, reason);
  held.answer(0);
  held.answer(1);
  await held.received(3);
  held.answer(2);
  assert.deepEqual([(await filling).offset, (await kept).offset], [1n, 2n]);
  assert.deepEqual(held.requests.map(values), [["sent"], ["filling"], ["kept"]]);
});

test("a hundred calls may share a signal: nothing is printed about it, and all of them end on it", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on("warning", note);
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  const aborting = new AbortController();
  const { signal } = aborting;
  const produceAll = () => Array.from({ length: 100 }, (_, at) => client.produce(`${at}`, { signal }));
  await Promise.all(produceAll());
  const calls = produceAll();
  const reason = new Error("enough");
  aborting.abort(reason);
  for (const call of calls) await assert.rejects(call, reason);
  assert.equal(held.requests.length, 1);
  assert.equal(getEventListeners(signal, "abort").length, 0);
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});

test("a stream on which nobody waits any more is given up, and the next call gets a new one", async () => {
  await using held = await HeldServer.start();
  await using client = held.client();
  const reason = new Error("enough");
  const aborting = new AbortController();
  const calls = ["a", "b"].map((topic) => client.produce("v", { topic, signal: aborting.signal }));
  await held.received(2);
  const [stalled] = held.streams;
  const cancelled = once(stalled!, "cancelled");
  aborting.abort(reason);
  for (const call of calls) await assert.rejects(call, reason);
  await cancelled;
  const next = client.produce("c");
  await held.received(3);
  held.answer(2);
  assert.equal((await next).offset, 0n);
  assert.equal(held.streams.length, 2);
});

test("a stream that nothing is sent over for a while is ended, and made anew when there is more", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  await client.produce("a");
  await once(held.streams[0]!, "end");
  await client.produce("b");
  assert.equal(held.streams.length, 2);
});

test("closing ends the stream", async () => {
  await using held = await HeldServer.start(storing);
  const client = held.client();
  await client.produce("a");
  const ended = once(held.streams[0]!, "end");
  await client.close();
  await ended;
});

test("what a leaving server did not take is sent over a new stream, in order, and every call is answered", async () => {
  const leaving = refusalOf("CONNECTION_TOO_OLD", {}, status.UNAVAILABLE);
  await using held = await HeldServer.start((request, server) => {
    if (server.streams.length > 1) return server.stored(request);
    if (request.topic === "last") server.streams[0]!.write(leaving);
    return undefined;
  });
  await using client = held.client();
  const calls = [client.produce("a"), client.produce("b", { expectedOffset: 1n }), client.produce("c")];
  await held.received(1);
  calls.push(client.produce("d"), client.produce("x", { topic: "last" }));
  await Promise.all(calls);
  const again = held.requests.slice(held.requests.findIndex(({ topic }) => topic === "last") + 1);
  assert.deepEqual(again.filter(({ topic }) => topic === "").flatMap(values), ["a", "b", "c", "d"]);
  assert.equal(held.streams.length, 2);
});

test("a call that a server only ever sends away is late in the end, and says what it got", async () => {
  const leaving = refusalOf("SHUTTING_DOWN", {}, status.UNAVAILABLE);
  await using held = await HeldServer.start((_, server) => void server.streams.at(-1)!.write(leaving));
  await using client = held.client();
  await assert.rejects(client.produce("a", { timeoutMs: 1_000 }), {
    codeName: "UNAVAILABLE",
    reason: "SHUTTING_DOWN",
    details: /no answer came in time.*the last attempt got UNAVAILABLE: SHUTTING_DOWN/,
  });
  assert.ok(held.streams.length >= 3, `${held.streams.length} streams`);
});

test("what was sent over a connection that is lost is sent again as it was, and what was not goes behind it", async () => {
  await using held = await HeldServer.start((request, server) =>
    server.streams.length > 1 ? server.stored(request) : undefined,
  );
  await using relay = await Relay.start(held.server.port);
  await using client = Client.connect({
    address: `localhost:${relay.port}`,
    ...pemOf(held.server.authority),
  });
  const calls = [client.produce("a")];
  await held.received(1);
  calls.push(client.produce("b"));
  await held.received(2);
  calls.push(client.produce("c"));
  relay.cut(held.server.port);
  await Promise.all(calls);
  assert.deepEqual(held.requests.map(values), [["a"], ["b"], ["a"], ["b"], ["c"]]);
  const sequences = held.requests.map(({ producer }) => [producer!.epoch, producer!.sequence]);
  assert.deepEqual(
    sequences,
    [0n, 1n, 0n, 1n, 2n].map((sequence) => [0, sequence]),
  );
  assert.deepEqual(new Set(held.requests.map(({ producer }) => producer!.id.toString("hex"))).size, 1);
});

for (const code of [status.UNAVAILABLE, status.INTERNAL] as const) {
  test(`what a server answers with ${status[code]} and ends is sent again as it was`, async () => {
    await using held = await HeldServer.start((request, server) => {
      if (server.streams.length > 1) return server.stored(request);
      server.streams[0]!.emit("error", { code, details: "gone" });
      return undefined;
    });
    await using client = held.client();
    assert.equal((await client.produce("a")).offset, 0n);
    assert.deepEqual(held.requests[1]!.producer, held.requests[0]!.producer);
  });
}

test("a stream that ends well but owes answers is made anew, and its calls are sent again", async () => {
  await using held = await HeldServer.start((request, server) => {
    if (server.streams.length > 1) return server.stored(request);
    server.streams[0]!.end();
    return undefined;
  });
  await using client = held.client();
  assert.equal((await client.produce("a")).offset, 0n);
  assert.equal(held.requests.length, 2);
});

test("behind a failed journal calls are sent again as they were, until somebody has started the server again", async () => {
  const failed = refusalOf("JOURNAL_FAILED", {}, status.UNAVAILABLE);
  await using held = await HeldServer.start((request, server) =>
    server.requests.length > 4 ? server.stored(request) : failed,
  );
  await using client = held.client();
  assert.equal((await client.produce(["a", "b"])).offset, 0n);
  assert.equal(held.requests.length, 5);
  for (const { producer } of held.requests) assert.deepEqual(producer, held.requests[0]!.producer);
});

/** What was given up may still come to the server: a higher epoch keeps it from being stored behind what comes next. */
const givingUp = [
  ["aborted", () => ({ signal: AbortSignal.timeout(50) })],
  ["late", () => ({ timeoutMs: 50 })],
] as const;
for (const [how, options] of givingUp) {
  test(`behind a call that is ${how} while nobody knows whether it is stored, the epoch is higher`, async () => {
    await using held = await HeldServer.start((request, server) =>
      values(request).includes("a") ? undefined : server.stored(request),
    );
    await using client = held.client();
    await client.produce("first");
    await assert.rejects(client.produce("a", options()));
    await client.produce("b");
    assert.deepEqual(held.requests.map(values), [["first"], ["a"], ["b"]]);
    const numbers = held.requests.map(({ producer }) => [producer!.epoch, producer!.sequence]);
    assert.deepEqual(numbers, [
      [0, 0n],
      [0, 1n],
      [1, 0n],
    ]);
  });
}

const afterLoss = [
  // reason                      code                        what the call fails with
  ["PRODUCER_SEQUENCE_FORGOTTEN", status.FAILED_PRECONDITION, { reason: "PRODUCER_SEQUENCE_FORGOTTEN" }],
  ["LIMIT_EXCEEDED", status.RESOURCE_EXHAUSTED, { reason: "LIMIT_EXCEEDED" }],
  ["PERMISSION_DENIED", status.PERMISSION_DENIED, { codeName: "UNKNOWN", details: /^it is not known whether/ }],
  ["PRODUCER_FENCED", status.FAILED_PRECONDITION, { codeName: "UNKNOWN", details: /^it is not known whether/ }],
] as const;
for (const [reason, code, failure] of afterLoss) {
  test(`${reason} for what was sent before fails it with ${"reason" in failure ? "that" : "nobody knows"}, and later calls go on`, async () => {
    await using held = await HeldServer.start((request, server) => {
      if (!values(request).includes("a")) return server.stored(request);
      if (server.streams.length > 1) return refusalOf(reason, {}, code);
      server.streams[0]!.emit("error", { code: status.UNAVAILABLE, details: "gone" });
      return undefined;
    });
    await using client = held.client();
    await assert.rejects(client.produce("a"), failure);
    assert.equal((await client.produce("b")).offset, 0n);
  });
}

test("names that a server may find to be one topic are numbered under different ids", async () => {
  await using held = await HeldServer.start(storing);
  await using client = held.client();
  const names = [
    {},
    { topic: "default" },
    { tenant: "acme" },
    { topicId },
    { topic: "default", tenant: "acme", topicId },
  ];
  await Promise.all(names.map((options) => client.produce("v", options)));
  assert.equal(new Set(held.requests.map(({ producer }) => producer!.id.toString("hex"))).size, names.length);
});

test("never are more batches of a topic without an answer than a server knows again", async () => {
  await using held = await HeldServer.start();
  await using client = held.client();
  // Each is a request of its own.
  const calls = Array.from({ length: 200 }, (_, at) => client.produce("v", { expectedOffset: BigInt(at) }));
  for (let answered = 0; answered < 200; answered++) {
    await held.received(Math.min(answered + 64, 200));
    if (answered === 0)
      await client.topics
        .list()
        .next()
        .catch(() => undefined);
    assert.ok(held.requests.length <= answered + 64, `${held.requests.length} behind ${answered} answers`);
    held.answer(answered);
  }
  await Promise.all(calls);
});

test("a server that takes nothing makes calls wait, until so much waits that no more is taken", async () => {
  await using held = await HeldServer.start();
  await using client = held.client();
  const value = Buffer.alloc(512 * 1024);
  const calls = Array.from({ length: 140 }, () => client.produce(value).catch((error: unknown) => error));
  const full = await Promise.race(calls);
  assert.ok(full instanceof QueueFull);
  assert.match(full.message, /67108864 bytes/);
  await held.received(1);
  await client.close({ graceMs: 0 });
  const outcomes = await Promise.all(calls);
  const refused = outcomes.filter((outcome) => outcome instanceof QueueFull);
  assert.equal(refused.length, 13);
  assert.ok(held.requests.length < 20, `${held.requests.length} requests were sent although none was answered`);
});
