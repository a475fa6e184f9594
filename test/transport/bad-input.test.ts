import { once } from "node:events";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { gzipSync } from "node:zlib";
import { Metadata } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { bytesField, concat, tag, varint, varintField } from "../support/protobuf.js";
import { consumeBytes, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
let topics: string[];
beforeAll(async () => {
  node = await startTestNode();
  await node.as("acme/root").produce("kept", { topic: "a" });
  await node.as("acme/root").produce("kept");
  topics = await node.topics();
});
afterAll(() => node[Symbol.asyncDispose]());

// Whatever a test sent: nothing was stored, nothing failed inside, and other calls go on.
afterEach(async () => {
  expect(await node.valuesOf("acme", "a")).toEqual(["kept"]);
  expect(await node.valuesOf("acme", "default")).toEqual(["kept"]);
  expect(await node.topics()).toEqual(topics);
  expect(node.log.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const record = bytesField(1, Buffer.from("v"));
const oneRecord = bytesField(1, record);
const topicA = bytesField(2, Buffer.from("a"));
const text = (field: number, value: string): Buffer => bytesField(field, Buffer.from(value));
const malformed = ["INVALID_ARGUMENT", "MALFORMED_MESSAGE"] as const;
const invalid = ["INVALID_ARGUMENT", "INVALID_FIELD"] as const;
const tooMuch = ["RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"] as const;

/** Names that are none, whichever request they are in. Percent and newline also have to travel in a trailer. */
const names = ["A", ".", "..", "a/b", "a b", "-a", "a%2f", "a\nb", "a\0", "é", "🎉", "%", "x".repeat(10_000), "__a"];
const selectors: readonly (readonly [string, Buffer, readonly [string, string], string])[] = [
  ...names.flatMap((name) => [
    [`the topic ${JSON.stringify(name.slice(0, 20))}`, text(2, name), invalid, "topic"] as const,
    [`the tenant ${JSON.stringify(name.slice(0, 20))}`, text(3, name), invalid, "tenant"] as const,
  ]),
  ["a topic of 201 letters", text(2, "x".repeat(201)), invalid, "topic"],
  ["a tenant of 64 letters", text(3, "x".repeat(64)), invalid, "tenant"],
  ["a topic that is no UTF-8", bytesField(2, Buffer.from([0xc3, 0x28])), malformed, "request"],
  ["a topic that is half a surrogate pair", bytesField(2, Buffer.from([0xed, 0xa0, 0x80])), malformed, "request"],
  ["two topics", concat(topicA, topicA), malformed, "request"],
  ["a topic that is a number", varintField(2, 1n), malformed, "topic"],
  ["a truncated topic", Buffer.from([0x12, 0x7f, 0x61]), malformed, "request"],
  ["a group", concat(tag(15, 3), tag(15, 4)), malformed, "request"],
  ["field 0", Buffer.from([0x00, 0x00]), malformed, "request"],
  ["an overlong tag", Buffer.from([0x92, 0x80, 0x00, 0x01, 0x61]), malformed, "request"],
  ["a varint without an end", Buffer.from([0x20, ...new Array<number>(11).fill(0xff)]), malformed, "request"],
];

const produces: readonly (readonly [string, Buffer, readonly [string, string], string])[] = [
  ...selectors.map(([name, bytes, ...rest]) => [name, concat(oneRecord, bytes), ...rest] as const),
  ["no record", topicA, invalid, "records"],
  ["a topic id of 15 bytes", concat(oneRecord, topicA, bytesField(7, Buffer.alloc(15))), invalid, "topic_id"],
  ["a record with two values", concat(bytesField(1, concat(record, record)), topicA), malformed, "records[0]"],
  [
    "a record with a field of the future",
    concat(oneRecord, bytesField(1, varintField(9, 1n)), topicA),
    invalid,
    "records[1]",
  ],
  [
    "a record that is truncated",
    concat(bytesField(1, Buffer.from([0x0a, 0x05, 0x61])), topicA),
    malformed,
    "records[0]",
  ],
  [
    "65 headers",
    concat(bytesField(1, concat(...new Array<Buffer>(65).fill(bytesField(6, text(1, "h"))))), topicA),
    invalid,
    "records[0].headers",
  ],
  [
    "headers of 16 KiB and one byte",
    concat(bytesField(1, bytesField(6, bytesField(2, Buffer.alloc(16 * 1024 + 1)))), topicA),
    invalid,
    "records[0].headers",
  ],
  [
    "a header name that is no UTF-8",
    concat(bytesField(1, bytesField(6, bytesField(1, Buffer.from([0xff])))), topicA),
    malformed,
    "records[0].headers[0]",
  ],
  [
    "a record of 1 MiB and one byte",
    concat(bytesField(1, bytesField(1, Buffer.alloc(1024 * 1024 + 1))), topicA),
    tooMuch,
    "records[0]",
  ],
  ["65,537 records", concat(...new Array<Buffer>(65_537).fill(Buffer.from([0x0a, 0x00])), topicA), tooMuch, "records"],
  ["a producer without an id", concat(oneRecord, topicA, bytesField(5, Buffer.alloc(0))), invalid, "producer.id"],
  [
    "a producer's last sequence",
    concat(oneRecord, topicA, bytesField(5, concat(bytesField(1, Buffer.from("p")), varintField(3, 2n ** 64n - 1n)))),
    invalid,
    "producer.sequence",
  ],
];

const consumes: readonly (readonly [string, Buffer, readonly [string, string], string])[] = [
  ...selectors,
  ["a topic id of 17 bytes", bytesField(9, Buffer.alloc(17)), invalid, "topic_id"],
  ["a start that is none", varintField(7, 4n), invalid, "start"],
  ["a start of 2^64-1", varintField(7, 2n ** 64n - 1n), invalid, "start"],
  ["a negative time", varintField(8, 2n ** 64n - 1n), invalid, "start_time_ms"],
  ["max_records of 2^32", varintField(4, 2n ** 32n), invalid, "max_records"],
  ["max_bytes of 2^64-1", varintField(5, 2n ** 64n - 1n), invalid, "max_bytes"],
  ["max_wait_ms of 60,001", varintField(6, 60_001n), invalid, "max_wait_ms"],
];

for (const [methods, requests] of [
  [["Produce", "ProduceStream"], produces],
  [["Consume", "ConsumeStream"], consumes],
] as const) {
  for (const method of methods) {
    describe(`${method} refuses, and names the field:`, () => {
      test.each(requests)("%s", async (_name, bytes, [code, reason], field) => {
        const answered = await node.raw("acme/root").call(method, [bytes]);
        expect(answered).toMatchObject({ code, reason, domain: "aclog", fields: [field], messages: [] });
        expect(answered.details?.LocalizedMessage?.message).toBe(answered.words);
      });
    });
  }
}

test.each([2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n])(
  "offset %i is exact in the answer",
  async (offset) => {
    const past = await node.raw("acme/root").call("Consume", [consumeBytes({ topic: "a", offset })]);
    expect(past).toMatchObject({
      code: "OUT_OF_RANGE",
      reason: "OFFSET_OUT_OF_RANGE",
      facts: { requested: `${offset}`, base: "0", next: "1" },
    });
    const request = produceBytes({ topic: "a", records: ["v"], expectedOffset: offset });
    for (const method of ["Produce", "ProduceStream"]) {
      expect(await node.raw("acme/root").call(method, [request])).toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "UNEXPECTED_OFFSET",
        facts: { expected: `${offset}`, actual: "1" },
      });
    }
  },
);

describe("what never becomes a request", () => {
  const good = { Produce: produceBytes({ topic: "a", records: ["v"] }), Consume: consumeBytes({ topic: "a" }) };
  const methods = ["Produce", "ProduceStream", "Consume", "ConsumeStream"] as const;
  const requestOf = (method: string): Buffer => (method.startsWith("Produce") ? good.Produce : good.Consume);

  /** `grpc-status`, or the HTTP status where there is none. */
  async function statusOf(stream: ClientHttp2Stream): Promise<string> {
    let answer: IncomingHttpHeaders & { ":status"?: number } = {};
    const note = (headers: IncomingHttpHeaders): void => void (answer = { ...answer, ...headers });
    stream.once("response", note);
    stream.once("trailers", note);
    stream.resume();
    await once(stream, "close");
    const status = answer["grpc-status"];
    return typeof status === "string" ? status : `http ${answer[":status"] ?? "nothing"}`;
  }

  let session: ClientHttp2Session;
  beforeAll(() => void (session = node.http2("acme/root")));
  afterAll(() => session.destroy());

  const bomb = framed(gzipSync(Buffer.alloc(64 * 1024 * 1024)), 1);
  const cases: readonly (readonly [string, readonly Buffer[], Readonly<Record<string, string>>, RegExp])[] = [
    ["a gzip bomb", [bomb], { "grpc-encoding": "gzip" }, /^8$/],
    ["bad gzip", [framed(Buffer.from("no gzip"), 1)], { "grpc-encoding": "gzip" }, /^13$/],
    ["an unknown compression", [framed(Buffer.from("x"), 1)], { "grpc-encoding": "zstd" }, /^12$/],
    ["a message of 4 MiB and one byte", [framed(Buffer.alloc(4 * 1024 * 1024 + 1))], {}, /^8$/],
    ["a message that says it has 4 GiB", [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])], {}, /^8$/],
    ["a message that is cut off", [framed(Buffer.alloc(100)).subarray(0, 50)], {}, /^12$|^0$/],
    ["nothing", [], {}, /^12$|^0$/],
    ["another content type", [], { "content-type": "application/json" }, /^http 415$/],
    ["an absurd timeout", [], { "grpc-timeout": "soon" }, /^13$/],
    ["a timeout that has passed", [], { "grpc-timeout": "0n" }, /^4$|^12$|^0$/],
  ];
  for (const method of methods) {
    test.each(cases)(`${method}: %s`, async (_name, parts, headers, expected) => {
      const stream = openCall(session, method, headers);
      const status = statusOf(stream);
      for (const part of parts) stream.write(part);
      stream.end();
      expect(await status).toMatch(expected);
    });
  }

  test.each(["Produce", "Consume", "ConsumeStream"])("%s: two messages", async (method) => {
    const answered = await node.raw("acme/root").call(method, [requestOf(method), requestOf(method)]);
    expect(answered.code).toBe("UNIMPLEMENTED");
  });

  test("a header block that is too large ends its call alone", async () => {
    const metadata = new Metadata();
    metadata.set("x-large", "x".repeat(200_000));
    const answered = await node.raw("acme/nobody").call("Consume", [good.Consume], metadata);
    expect(answered.code).not.toBe("OK");
  });

  test.each([
    "/",
    "//",
    "/log.v1.Log",
    "/log.v1.Log/Produce/",
    "/log.v1.Log/produce",
    "/\u00ff",
    "/%",
    `/${"x".repeat(10_000)}`,
  ])("the path %s", async (path) => {
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    stream.on("error", () => undefined);
    stream.end(framed(good.Produce));
    expect(await statusOf(stream)).toMatch(/^12$|^http/);
  });
});

test("gzip is read", async () => {
  await using other = await startTestNode();
  const session = other.http2("acme/root");
  const stream = openCall(session, "Produce", { "grpc-encoding": "gzip" });
  stream.end(framed(gzipSync(produceBytes({ topic: "a", records: ["squeezed"] })), 1));
  stream.resume();
  const [trailers] = (await once(stream, "trailers")) as [Record<string, string>];
  expect(trailers["grpc-status"]).toBe("0");
  session.destroy();
  expect(await other.valuesOf("acme", "a")).toEqual(["squeezed"]);
});

describe("random bytes are answered with a status", () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...produces.map(([, bytes]) => bytes).filter((bytes) => bytes.length < 1000), oneRecord),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    });
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    mutated,
  );
  // Nobody may do anything: what happens to be a request is refused, and changes nothing either.
  test.each(["Produce", "ProduceStream", "Consume", "ConsumeStream"])("%s", async (method) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyBytes, { minLength: 1, maxLength: 3 }), async (messages) => {
        const answered = await node.raw("acme/nobody").call(method, messages);
        const ours = ["INVALID_ARGUMENT", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"];
        expect([...ours, ...(method === "ProduceStream" ? ["OK"] : [])]).toContain(answered.code);
        if (answered.reason === undefined) expect(["UNIMPLEMENTED", "OK"]).toContain(answered.code);
        else expect(answered.domain).toBe("aclog");
      }),
      { numRuns: 150 },
    );
  });

  test("outside of any message too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
        const session = node.http2("acme/nobody");
        const stream = openCall(session, "ProduceStream");
        stream.resume();
        stream.end(Buffer.from(bytes));
        await once(stream, "close");
        session.destroy();
      }),
      { numRuns: 30 },
    );
  });
});

test("a varint of the largest numbers in every numeric field is answered", async () => {
  for (let field = 0; field < 16; field++) {
    for (const value of [2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]) {
      const bytes = concat(tag(field, 0), varint(value));
      for (const method of ["Produce", "Consume"]) {
        expect((await node.raw("acme/nobody").call(method, [bytes])).domain).toBe("aclog");
      }
    }
  }
});
