import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { status, type ServerDuplexStream, type ServerWritableStream } from "@grpc/grpc-js";
import { test, vi } from "vitest";
import { CallError, Client, type ProduceResult } from "../../src/client/index.js";
import type { ConsumeRequestOutput } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponse } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import type { ProduceRequestOutput } from "../../src/wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponse } from "../../src/wire/generated/log/v1/ProduceResponse.js";
import { TestAuthority } from "../support/certificates.js";
import { Relay } from "./relay.js";
import { BareServer, pemOf, refusal } from "./server.js";

type ProduceCall = ServerDuplexStream<ProduceRequestOutput, ProduceResponse>;
type FollowCall = ServerWritableStream<ConsumeRequestOutput, ConsumeResponse>;

const topicId = Buffer.alloc(16, 7);
const largest = 2n ** 64n - 1n;
const brokenDetail = { type_url: "type.googleapis.com/google.rpc.ErrorInfo", value: Buffer.from([0xff, 0xff]) };

test("a batch arrives as it was given, and the answer comes back exact", async () => {
  const requests: ProduceRequestOutput[] = [];
  await using server = await BareServer.start({
    Produce: (call, answer) => {
      requests.push(call.request);
      answer(null, { offset: largest, count: call.request.records.length, topicId });
    },
  });
  await using client = server.client();
  const records = ["text", Buffer.from([0, 255]), { value: "v", key: "k", headers: [{ name: "n", value: "h" }] }, {}];
  assert.deepEqual(await client.produce(records, { topic: "orders", tenant: "globex", expectedOffset: largest }), {
    offset: largest,
    count: 4,
    topicId,
  });
  const request = requests[0]!;
  assert.deepEqual(
    request.records.map(({ value, key, headers }) => [value.toString("latin1"), key.toString(), headers]),
    [
      ["text", "", []],
      ["\0\u00ff", "", []],
      ["v", "k", [{ name: "n", value: Buffer.from("h") }]],
      ["", "", []],
    ],
  );
  assert.deepEqual([request.topic, request.tenant, request.expectedOffset], ["orders", "globex", largest]);
  await client.produce("one");
  assert.deepEqual([requests[1]?.records.length, requests[1]?.expectedOffset], [1, undefined]);
});

const startingPoints = [
  // from                              start       offset   startTimeMs
  [undefined, "EARLIEST", 0n, 0n],
  ["earliest", "EARLIEST", 0n, 0n],
  ["latest", "LATEST", 0n, 0n],
  [0n, "OFFSET", 0n, 0n],
  [largest, "OFFSET", largest, 0n],
  [{ time: new Date(1_700_000_000_123) }, "TIME", 0n, 1_700_000_000_123n],
] as const;
for (const [from, start, offset, startTimeMs] of startingPoints) {
  test(`reading from ${from === undefined ? "nowhere in particular" : JSON.stringify(from, bigintAsText)} asks for ${start}`, async () => {
    let request: ConsumeRequestOutput | undefined;
    await using server = await BareServer.start({
      Consume: (call, answer) => {
        request = call.request;
        const record = { offset: largest, value: Buffer.from("v"), timestampMs: 1_700_000_000_123n };
        answer(null, { records: [record], topicId, highWaterMark: largest });
      },
    });
    await using client = server.client();
    assert.deepEqual(await client.consume({ from, maxRecords: 5, maxWaitMs: 7 }), {
      records: [
        { offset: largest, timestampMs: 1_700_000_000_123, value: Buffer.from("v"), key: Buffer.alloc(0), headers: [] },
      ],
      highWaterMark: largest,
      topicId,
    });
    assert.deepEqual([request?.start, request?.offset, request?.startTimeMs], [start, offset, startTimeMs]);
    assert.deepEqual([request?.maxRecords, request?.maxWaitMs, request?.maxBytes], [5, 7, 256 * 1024]);
  });
}

test("numbers that the wire cannot hold are refused before anything is sent", async () => {
  await using server = await BareServer.start({});
  await using client = server.client();
  for (const wrong of [
    { from: -1n },
    { from: largest + 1n },
    { maxRecords: 1.5 },
    { maxBytes: -1 },
    { maxWaitMs: NaN },
  ]) {
    await assert.rejects(client.consume(wrong), RangeError, JSON.stringify(wrong, bigintAsText));
  }
  await assert.rejects(client.produce("v", { expectedOffset: -1n }), RangeError);
});

const notRecords = [
  // what                  records                                                    says
  ["nothing", undefined, /^records: expected text, bytes or .* got undefined/],
  ["no records", [], /^records: expected at least one record/],
  ["a number among records", ["a", 5], /^records\[1\]: .* got a number/],
  ["a list in a list", [["a"]], /^records\[0\]: .* got an array/],
  ["an object of other fields", [{ valeu: "v" }], /^records\[0\]: .* got an object/],
  ["bytes of another kind", [new ArrayBuffer(3)], /^records\[0\]: /],
  ["a value that is none", { value: 5 }, /^records\.value: expected text or bytes, got a number/],
  ["a key that is none", [{ key: null }], /^records\[0\]\.key: .* got null/],
  ["headers as an object", [{ headers: { a: "b" } }], /^records\[0\]\.headers: expected an array/],
  ["a header without a name", [{ headers: [{ value: "v" }] }], /^records\[0\]\.headers\[0\]\.name: /],
  ["a header that is null", [{ headers: [null] }], /^records\[0\]\.headers\[0\]\.name: /],
] as const;
for (const [what, records, message] of notRecords) {
  test(`${what} to produce is a TypeError that says what was expected, and nothing is sent`, async () => {
    let called = false;
    await using server = await BareServer.start({
      Produce: (_call, answer) => {
        called = true;
        answer(null, {});
      },
    });
    await using client = server.client();
    await assert.rejects(client.produce(records as never), { name: "TypeError", message });
    assert.equal(called, false);
  });
}

test("options that are none are TypeErrors with the argument's name", async () => {
  await using server = await BareServer.start({ ProduceStream: answering(() => ({ offset: 0n, count: 1 })) });
  await using client = server.client();
  const rejected = (promise: Promise<unknown>, message: RegExp) =>
    assert.rejects(promise, { name: "TypeError", message }, String(message));
  await rejected(client.consume({ from: 3 as never }), /^from: expected "earliest", .* got a number/);
  await rejected(client.consume({ from: "bogus" as never }), /^from: .* got "bogus"/);
  await rejected(client.consume({ from: { time: "today" } as never }), /^from: .* got an object/);
  await rejected(client.consume({ topic: 5 as never }), /^topic: expected text/);
  await rejected(client.consume(null as never), /^options: expected an object, got null/);
  await rejected(client.produce("v", { expectedOffset: 3 as never }), /^expectedOffset: expected a bigint/);
  await rejected(collect(client.produceMany(undefined as never)), /^batches: expected an iterable/);
  await rejected(collect(client.produceMany(["text"] as never)), /^batches: expected arrays of records, got "text"/);
  await rejected(collect(client.follow({ from: 3 as never })), /^from: /);
});

test("connecting without a port, an authority or a certificate is a TypeError", async () => {
  const authority = await TestAuthority.create();
  const { certPem: cert, keyPem: key } = authority.issue({ principal: "acme/billing" });
  const good = { address: "localhost:8400", ca: authority.caPem, cert, key };
  await Client.connect(good).close();
  for (const [name, wrong] of Object.entries({
    address: ["localhost", "localhost:0", "::1:8400", "", undefined],
    ca: ["", undefined],
    cert: [undefined, Buffer.alloc(0)],
    key: [null],
  })) {
    for (const value of wrong) {
      const message = new RegExp(`^${name}: expected `);
      assert.throws(() => Client.connect({ ...good, [name]: value }), { name: "TypeError", message });
    }
  }
});

test("a certificate or key that is none, or of another certificate, is a TypeError that names it", async () => {
  const authority = await TestAuthority.create();
  const { certPem: cert, keyPem: key } = authority.issue({ principal: "acme/billing" });
  const good = { address: "localhost:8400", ca: authority.caPem, cert, key };
  const der = new X509Certificate(cert).raw;
  for (const [wrong, message] of [
    [{ ca: "x" }, "ca: this is not a certificate in PEM"],
    [{ ca: new X509Certificate(good.ca).raw }, "ca: this is not a certificate in PEM"],
    [{ cert: key }, "cert: this is not a certificate in PEM"],
    [{ cert: der }, "cert: this is not a certificate in PEM"],
    [{ key: cert }, "key: this is not a private key without a passphrase in PEM"],
    [{ key: authority.issue({ principal: "acme/other" }).keyPem }, "key: it does not belong to the certificate"],
  ] as const) {
    assert.throws(() => Client.connect({ ...good, ...wrong }), { name: "TypeError", message });
  }
});

test("a connection that died without a word is noticed while a stream waits on it", async () => {
  let arrived!: () => void;
  const importing = new Promise<void>((resolve) => (arrived = resolve));
  await using server = await BareServer.start({ Import: () => arrived() });
  await using relay = await Relay.start(server.port);
  // Only what grpc-js waits for goes by this clock; the sockets are real.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    await using client = Client.connect({ address: `localhost:${relay.port}`, ...pemOf(server.authority) });
    const ended = assert.rejects(client.import([["v"]]), { codeName: "UNAVAILABLE" });
    await importing;
    relay.silence();
    await vi.advanceTimersByTimeAsync(20_000);
    await vi.advanceTimersByTimeAsync(10_000);
    await ended;
  } finally {
    vi.useRealTimers();
  }
});

test("a refusal carries its reason, facts, fields and when to try again", async () => {
  await using server = await BareServer.start({
    Produce: (_call, answer) =>
      answer(
        refusal({
          code: status.RESOURCE_EXHAUSTED,
          message: "too much",
          details: [
            { type: "ErrorInfo", value: { reason: "LIMIT_EXCEEDED", domain: "aclog", metadata: { maximum: "3" } } },
            { type: "BadRequest", value: { fieldViolations: [{ field: "records", description: "4 of them" }] } },
            {
              type: "QuotaFailure",
              value: { violations: [{ subject: "tenant:acme", description: "records: 4 of 3" }] },
            },
            { type: "RetryInfo", value: { retryDelay: { seconds: 1, nanos: 500_000_000 } } },
          ],
        }),
      ),
  });
  await using client = server.client();
  await assert.rejects(client.produce("v"), (error) => {
    assert.ok(error instanceof CallError);
    assert.equal(error.message, "RESOURCE_EXHAUSTED: too much");
    assert.deepEqual([error.code, error.codeName, error.details], [8, "RESOURCE_EXHAUSTED", "too much"]);
    assert.deepEqual([error.reason, error.facts], ["LIMIT_EXCEEDED", { maximum: "3" }]);
    assert.deepEqual([...error.fieldViolations], [{ field: "records", description: "4 of them" }]);
    assert.deepEqual([...error.quotaViolations], [{ subject: "tenant:acme", description: "records: 4 of 3" }]);
    assert.equal(error.retryAfterMs, 1500);
    return true;
  });
});

test("a status without details, and one with damaged details, are still reported", async () => {
  const damaged = refusal({ code: status.NOT_FOUND, message: "gone", details: [] });
  damaged.metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
  const error = { code: status.NOT_FOUND, message: "gone", details: [brokenDetail] };
  await using server = await BareServer.start({
    Consume: (_call, answer) => answer(damaged),
    ProduceStream: answering(({ requestId }) => ({ requestId: requestId!, error })),
  });
  await using client = server.client();
  await assert.rejects(client.consume(), { codeName: "NOT_FOUND", reason: undefined, facts: {} });
  await assert.rejects(client.produce("v"), { codeName: "NOT_FOUND", details: "gone", reason: undefined, facts: {} });
  await assert.rejects(client.import([["v"]]), { codeName: "UNIMPLEMENTED", reason: undefined });
});

test("an unanswered call fails at its deadline, and an aborted one with the signal's reason", async () => {
  const aborting = new AbortController();
  await using server = await BareServer.start({ Produce: () => undefined, Consume: () => aborting.abort() });
  await using client = server.client();
  await assert.rejects(client.produce("v", { timeoutMs: 50 }), { codeName: "DEADLINE_EXCEEDED" });
  await assert.rejects(client.consume({ signal: aborting.signal }), { name: "AbortError" });
  await assert.rejects(client.produce("v", { signal: aborting.signal }), { name: "AbortError" });
});

test("batches are sent without waiting for answers, and answers come in order", async () => {
  await using server = await BareServer.start({
    ProduceStream: (call: ProduceCall) => {
      const waiting: ProduceRequestOutput[] = [];
      call.on("data", (request: ProduceRequestOutput) => {
        waiting.push(request);
        // A client that waits for an answer before it sends more would wait for ever.
        if (waiting.length < 3) return;
        let offset = 0n;
        for (const { records } of waiting) {
          call.write({ offset, count: records.length, topicId });
          offset += BigInt(records.length);
        }
      });
      call.on("end", () => call.end());
    },
  });
  await using client = server.client();
  assert.deepEqual(await collect(client.produceMany([["a", "b"], ["c"], ["d"]], { topic: "orders" })), [
    { offset: 0n, count: 2, topicId },
    { offset: 2n, count: 1, topicId },
    { offset: 3n, count: 1, topicId },
  ]);
});

test("an expected offset moves on with the records", async () => {
  const expected: (bigint | undefined)[] = [];
  await using server = await BareServer.start({
    ProduceStream: answering((request) => {
      expected.push(request.expectedOffset);
      return { offset: request.expectedOffset ?? 0n, count: request.records.length };
    }),
  });
  await using client = server.client();
  await collect(client.produceMany([["a", "b"], ["c"], ["d"]], { expectedOffset: 40n }));
  assert.deepEqual(expected, [40n, 42n, 43n]);
});

test("a refusal in the middle of a stream comes after the answers before it", async () => {
  await using server = await BareServer.start({
    ProduceStream: (call: ProduceCall) => {
      let offset = 0n;
      call.on("data", () => {
        if (offset < 2n) call.write({ offset, count: 1, topicId });
        if (offset === 2n) call.emit("error", refusal({ code: status.PERMISSION_DENIED, message: "no", details: [] }));
        offset += 1n;
      });
    },
  });
  await using client = server.client();
  const answers: ProduceResult[] = [];
  // The source never ends by itself: a client that waited for it would hang.
  async function* endless() {
    while (true) yield ["v"];
  }
  await assert.rejects(
    async () => {
      for await (const answer of client.produceMany(endless())) answers.push(answer);
    },
    { codeName: "PERMISSION_DENIED" },
  );
  assert.deepEqual(
    answers.map(({ offset }) => offset),
    [0n, 1n],
  );
});

test("what the source of batches throws comes after the answers that are due", async () => {
  await using server = await BareServer.start({ ProduceStream: answering(() => ({ offset: 0n, count: 1 })) });
  await using client = server.client();
  function* failing() {
    yield ["v"];
    throw new TypeError("the source failed");
  }
  const answers: ProduceResult[] = [];
  await assert.rejects(
    async () => {
      for await (const answer of client.produceMany(failing())) answers.push(answer);
    },
    { name: "TypeError", message: "the source failed" },
  );
  assert.equal(answers.length, 1);
});

test("leaving a stream of batches cancels it on the server", async () => {
  let cancelled: Promise<unknown> | undefined;
  await using server = await BareServer.start({
    ProduceStream: (call: ProduceCall) => {
      cancelled = once(call, "cancelled");
      call.on("data", () => call.write({ offset: 0n, count: 1, topicId }));
    },
  });
  await using client = server.client();
  for await (const answer of client.produceMany(onceAndWait())) {
    assert.equal(answer.offset, 0n);
    break;
  }
  await cancelled;
});

test("following yields the records of every response, and leaving cancels the call", async () => {
  let cancelled: Promise<unknown> | undefined;
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      cancelled = once(call, "cancelled");
      call.write({ records: [{ offset: 4n }, { offset: 5n }], topicId, highWaterMark: 6n });
      call.write({ records: [{ offset: 6n }], topicId, highWaterMark: 7n });
    },
  });
  await using client = server.client();
  const offsets: bigint[] = [];
  for await (const record of client.follow({ from: 4n })) {
    offsets.push(record.offset);
    if (offsets.length === 3) break;
  }
  assert.deepEqual(offsets, [4n, 5n, 6n]);
  await cancelled;
});

test("following ends quietly when the signal aborts while it waits, and at once when it was aborted before", async () => {
  const aborting = new AbortController();
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => void call.write({ records: [{ offset: 0n }], topicId, highWaterMark: 1n }),
  });
  await using client = server.client();
  const seen: bigint[] = [];
  for await (const { offset } of client.follow({ signal: aborting.signal })) {
    seen.push(offset);
    setImmediate(() => aborting.abort());
  }
  assert.deepEqual(seen, [0n]);
  assert.deepEqual(await collect(client.follow({ signal: aborting.signal })), []);
});

test("a call that is given up in the very turn in which it is opened does not stay open on the server", async () => {
  let open = 0;
  const changes = new EventEmitter();
  const change = (by: number) => {
    open += by;
    changes.emit("change");
  };
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      change(1);
      call.on("cancelled", () => change(-1));
    },
    Consume: (_call, answer) => answer(null, {}),
  });
  await using client = server.client();
  await client.consume();
  // Opening takes several microtasks, of which a few matter.
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const aborting = new AbortController();
    const next = client.follow({ signal: aborting.signal }).next();
    for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
    aborting.abort();
    assert.equal((await next).done, true);
  }
  // Once this is answered, everything that was sent before has arrived.
  await client.consume();
  while (open > 0) await once(changes, "change");
});

test("an abort in the middle of a response leaves out the records behind", async () => {
  const aborting = new AbortController();
  const records = [{ offset: 0n }, { offset: 1n }];
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => void call.write({ records, topicId, highWaterMark: 2n }),
  });
  await using client = server.client();
  const seen: bigint[] = [];
  for await (const { offset } of client.follow({ signal: aborting.signal })) {
    seen.push(offset);
    aborting.abort();
  }
  assert.deepEqual(seen, [0n]);
});

test("a status that ends a stream is thrown after the records before it", async () => {
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      call.write({ records: [{ offset: 0n }], topicId, highWaterMark: 1n });
      call.emit("error", refusal({ code: status.PERMISSION_DENIED, message: "no more", details: [] }));
    },
  });
  await using client = server.client();
  const offsets: bigint[] = [];
  await assert.rejects(
    async () => {
      for await (const { offset } of client.follow()) offsets.push(offset);
    },
    { codeName: "PERMISSION_DENIED", details: "no more" },
  );
  assert.deepEqual(offsets, [0n]);
});

test("a reader that stops reading stops the server, and other calls go on", async () => {
  const response = { records: [{ offset: 0n, value: Buffer.alloc(64 * 1024) }], topicId, highWaterMark: 1n };
  let written = 0;
  await using server = await BareServer.start({
    ConsumeStream: (call: FollowCall) => {
      const fill = () => {
        while (written < 2000 && call.write(response)) written++;
        call.once("drain", fill);
      };
      fill();
    },
    Consume: (_call, answer) => answer(null, {}),
  });
  await using client = server.client();
  for await (const record of client.follow()) {
    assert.equal(record.value.length, 64 * 1024);
    // The server has stopped for good when nothing was written while many other calls came and went.
    for (let [before, quiet] = [written, 0]; quiet < 20; before = written) {
      await client.consume();
      quiet = written === before ? quiet + 1 : 0;
    }
    break;
  }
  assert.ok(written < 200, `the server wrote ${written} responses to a reader that took one`);
});

for (const host of ["localhost", "127.0.0.1"]) {
  test(`a server is reached at ${host}, and nothing is printed about it`, async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => warnings.push(warning.message);
    process.on("warning", note);
    await using server = await BareServer.start({ Produce: (_call, answer) => answer(null, { offset: 1n, count: 1 }) });
    await using client = server.client(host);
    assert.equal((await client.produce("v")).offset, 1n);
    process.off("warning", note);
    assert.deepEqual(warnings, []);
  });
}

test("a server whose certificate is for another address or name is not spoken to", async () => {
  let called = false;
  const handlers = { Produce: () => void (called = true) };
  await using elsewhere = await BareServer.start(handlers, {
    names: ["10.0.0.1", "ip-127.0.0.1.address.invalid", "example.com"],
  });
  for (const host of ["localhost", "127.0.0.1"]) {
    await using client = elsewhere.client(host);
    await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE" }, host);
  }
  assert.equal(called, false);
});

test("a server that another authority vouches for is not spoken to, nor is one that is not there", async () => {
  await using server = await BareServer.start({});
  await using other = await BareServer.start({});
  const { certPem, keyPem } = server.authority.issue({ principal: "acme/billing" });
  await using client = Client.connect({
    address: `localhost:${server.port}`,
    ca: other.authority.caPem,
    cert: certPem,
    key: keyPem,
  });
  await assert.rejects(client.produce("v"), { codeName: "UNAVAILABLE" });
  await using nowhere = server.client();
  await server[Symbol.asyncDispose]();
  await assert.rejects(nowhere.produce("v"), { codeName: "UNAVAILABLE" });
});

test("a key that does not belong to the certificate is refused before dialling", async () => {
  await using server = await BareServer.start({});
  const { certPem } = server.authority.issue({ principal: "acme/billing" });
  const { keyPem } = server.authority.issue({ principal: "acme/reports" });
  assert.throws(() =>
    Client.connect({ address: `localhost:${server.port}`, ca: server.authority.caPem, cert: certPem, key: keyPem }),
  );
});

function answering(answer: (request: ProduceRequestOutput) => ProduceResponse): (call: ProduceCall) => void {
  return (call) => {
    call.on("data", (request: ProduceRequestOutput) => call.write(answer(request)));
    call.on("end", () => call.end());
  };
}

async function* onceAndWait(): AsyncGenerator<string[]> {
  yield ["v"];
  await new Promise(() => undefined);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
