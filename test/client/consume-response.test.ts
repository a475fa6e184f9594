import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { test } from "vitest";
import { MalformedResponse, readConsumeResponse } from "../../src/client/consume-response.js";
import { logServiceDefinition } from "../../src/wire/definition.js";
import { bytesField, concat, tag, varint, varintField } from "../support/protobuf.js";

const { responseDeserialize, responseSerialize } = logServiceDefinition.ConsumeStream;

/** What protobufjs makes of the same bytes. */
function byProtobufjs(message: Buffer): object {
  const { records, highWaterMark, topicId } = responseDeserialize(message);
  return {
    records: records.map(({ offset, timestampMs, value, key, headers }) => ({
      offset,
      timestampMs: Number(timestampMs),
      value,
      key,
      headers: headers.map(({ name, value: content }) => ({ name, value: content })),
    })),
    highWaterMark,
    topicId,
  };
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  // Where a varint grows by a byte, and where a number is not exact any more.
  fc.integer({ min: 0, max: 64 }).map((bits) => 2n ** BigInt(bits) - 1n),
  fc.integer({ min: 0, max: 63 }).map((bits) => 2n ** BigInt(bits)),
);

/** Fields that this version does not know, each with a number from 16 on. */
const unknown = fc.oneof(
  fc.tuple(fc.integer({ min: 16, max: 2 ** 29 - 1 }), uint64).map(([field, value]) => varintField(field, value)),
  fc.tuple(fc.integer({ min: 16, max: 2000 }), bytes(300)).map(([field, value]) => bytesField(field, value)),
  fc.integer({ min: 16, max: 2000 }).map((field) => concat(tag(field, 1), Buffer.alloc(8, 7))),
  fc.integer({ min: 16, max: 2000 }).map((field) => concat(tag(field, 5), Buffer.alloc(4, 7))),
);
const header = fc
  .array(fc.oneof(fc.string({ unit: "binary" }).map(nameField), bytes(20_000).map(valueField), unknown))
  .map((fields) => bytesField(6, concat(...fields)));
/** In any order, none, or several times: of a field that comes twice, the last one counts. */
const record = fc
  .array(
    fc.oneof(
      bytes(300).map((value) => bytesField(1, value)),
      uint64.map((offset) => varintField(2, offset)),
      bytes(300).map((key) => bytesField(5, key)),
      header,
      uint64.map((timestampMs) => varintField(7, timestampMs)),
      unknown,
    ),
  )
  .map((fields) => bytesField(1, concat(...fields)));
const response = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: record },
      { weight: 1, arbitrary: bytes(16).map((id) => bytesField(2, id)) },
      { weight: 1, arbitrary: uint64.map((mark) => varintField(3, mark)) },
      { weight: 1, arbitrary: unknown },
    ),
  )
  .map((fields) => concat(...fields));

function nameField(name: string): Buffer {
  return bytesField(1, Buffer.from(name));
}

function valueField(value: Buffer): Buffer {
  return bytesField(2, value);
}

test("a response is decoded to what protobufjs makes of it, whatever the order of its fields", () => {
  fc.assert(
    fc.property(response, fc.nat(40), (message, before) => {
      // Somewhere in a larger piece of memory, as grpc-js hands them over.
      const placed = concat(Buffer.alloc(before, 0xff), message, Buffer.alloc(20, 0xff));
      const read = readConsumeResponse(placed.subarray(before, before + message.length));
      assert.deepStrictEqual(read, byProtobufjs(message));
    }),
    { numRuns: 1000 },
  );
});

test("header names that are no UTF-8 are read as protobufjs reads them", () => {
  const message = bytesField(1, bytesField(6, bytesField(1, Buffer.from([0x61, 0xff, 0xc3, 0xe2, 0x82]))));
  assert.deepStrictEqual(readConsumeResponse(message), byProtobufjs(message));
});

test("a timestamp before 1970 is negative", () => {
  const message = bytesField(1, varintField(7, 2n ** 64n - 5n));
  assert.equal(readConsumeResponse(message).records[0]?.timestampMs, -5);
});

const whole = responseSerialize({
  records: [
    { value: Buffer.from("v"), offset: 2n ** 64n - 1n, key: Buffer.from("key"), timestampMs: 1_700_000_000_123n },
    { headers: [{ name: "name", value: Buffer.from("content") }], offset: 300n },
  ],
  topicId: Buffer.alloc(16, 7),
  highWaterMark: 2n ** 40n,
});

test("a response that is cut short anywhere but between two fields is malformed", () => {
  const [first, second] = readConsumeResponse(whole).records;
  const rest = whole.length - 18 - 7;
  for (let cut = 0; cut < whole.length; cut++) {
    const read = () => readConsumeResponse(whole.subarray(0, cut)).records;
    const isBetweenFields = cut === 0 || cut === 2 + whole[1]! || cut === rest || cut === rest + 18;
    if (!isBetweenFields) assert.throws(read, MalformedResponse, `cut at ${cut}`);
    else assert.deepStrictEqual(read(), [first, second].slice(0, cut === 0 ? 0 : cut < rest ? 1 : 2), `cut at ${cut}`);
  }
});

test("a flipped bit makes another response or a malformed one, and nothing else happens", () => {
  for (let at = 0; at < whole.length * 8; at++) {
    const flipped = Buffer.from(whole);
    flipped[at >> 3]! ^= 1 << (at & 7);
    try {
      readConsumeResponse(flipped);
    } catch (error) {
      assert.ok(error instanceof MalformedResponse, `bit ${at}: ${inspect(error)}`);
    }
  }
});

test("bytes of any kind are decoded or malformed", () => {
  fc.assert(
    fc.property(bytes(200), (message) => {
      try {
        readConsumeResponse(message);
      } catch (error) {
        assert.ok(error instanceof MalformedResponse, inspect(error));
      }
    }),
    { numRuns: 2000 },
  );
});

const malformed = [
  // what                                        bytes
  ["a value that reaches beyond its record", concat(bytesField(1, concat(tag(1, 2), varint(5n))), Buffer.alloc(20))],
  ["a header that reaches beyond its record", bytesField(1, concat(tag(6, 2), varint(1n)))],
  [
    "a name that reaches beyond its header",
    bytesField(1, concat(bytesField(6, Buffer.from([0x0a, 1])), Buffer.alloc(9))),
  ],
  ["a length of 2^63", concat(tag(1, 2), varint(2n ** 63n))],
  ["a varint of eleven bytes", concat(tag(3, 0), Buffer.alloc(10, 0x80), Buffer.from([0]))],
  ["field number 0", Buffer.from([0x00, 0x00])],
  ["a group", concat(tag(20, 3), tag(20, 4))],
  ["wire type 7", concat(tag(20, 7), Buffer.alloc(8))],
  ["a fixed64 that is cut short", concat(tag(20, 1), Buffer.alloc(7))],
  ["a fixed32 that is cut short", concat(tag(20, 5), Buffer.alloc(3))],
] as const;
for (const [what, message] of malformed) {
  test(`${what} is malformed`, () => {
    assert.throws(() => readConsumeResponse(message), MalformedResponse);
  });
}

test("records are plain objects: they can be spread, compared and printed", () => {
  const [, record] = readConsumeResponse(whole).records;
  const expected = {
    offset: 300n,
    timestampMs: 0,
    value: Buffer.alloc(0),
    key: Buffer.alloc(0),
    headers: [{ name: "name", value: Buffer.from("content") }],
  };
  assert.deepStrictEqual({ ...record }, expected);
  assert.deepStrictEqual(Object.keys(record!), Object.keys(expected));
  assert.equal(inspect(record), inspect(expected));
});

test("values share memory with the message, and the topic id does not", () => {
  const { records, topicId } = readConsumeResponse(whole);
  assert.equal(records[0]?.value.buffer, whole.buffer);
  assert.notEqual(topicId.buffer, whole.buffer);
});
