import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { encodeExpectedOffset, encodeProducer, encodeRecords, encodeTarget } from "../../src/client/encoding.js";
import type { RecordInput } from "../../src/client/index.js";
import { logServiceDefinition } from "../../src/wire/definition.js";
import { limits as requestLimits } from "../../src/wire/records.js";
import { readProduceRequest, UnreadableRequest } from "../../src/wire/requests.js";

const largest = 2n ** 64n - 1n;

/** Sizes around those at which a length takes another byte. */
const bytes = fc
  .oneof(fc.nat(3), fc.integer({ min: 120, max: 135 }), fc.integer({ min: 16_370, max: 16_400 }))
  .map((length) => Buffer.alloc(length, length));
const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ minLength: 42, maxLength: 130, unit: "grapheme" }));
const content = fc.oneof(
  bytes,
  text,
  bytes.map((each) => new Uint8Array(each)),
);
const header = fc.record({ name: fc.oneof(text, fc.constant("")), value: content });
const record: fc.Arbitrary<RecordInput> = fc.oneof(
  content,
  fc.record(
    { value: content, key: content, headers: fc.array(header, { maxLength: 4 }) },
    { requiredKeys: [], noNullPrototype: true },
  ),
);

const asBuffer = (given: Uint8Array | string = "") => Buffer.from(given as string);

function contentOf(given: RecordInput) {
  if (typeof given === "string" || given instanceof Uint8Array) return [asBuffer(given), asBuffer(), []];
  const headers = (given.headers ?? []).map(({ name, value }) => [name, asBuffer(value)]);
  return [asBuffer(given.value), asBuffer(given.key), headers];
}

test("what is encoded is what another decoder reads, and what the server's walker takes", () => {
  const request = fc.record({
    records: fc.array(record, { minLength: 1, maxLength: 8 }),
    topic: fc.constantFrom("", "orders", "t".repeat(200)),
    tenant: fc.constantFrom("", "globex"),
    topicId: fc.constantFrom(undefined, Buffer.alloc(16, 7)),
    expectedOffset: fc.oneof(fc.constant(undefined), fc.bigInt(0n, largest), fc.constantFrom(0n, 127n, 128n, largest)),
    id: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    epoch: fc.oneof(fc.constantFrom(0, 127, 128, 2 ** 32 - 1), fc.nat()),
    sequence: fc.oneof(fc.constantFrom(0, 127, 128, Number.MAX_SAFE_INTEGER), fc.nat()),
    requestId: fc.oneof(fc.constant(undefined), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER)),
  });
  fc.assert(
    fc.property(request, ({ records, topic, tenant, topicId, expectedOffset, id, epoch, sequence, requestId }) => {
      const encoded = encodeRecords(records, [
        encodeTarget({ topic, tenant, topicId }),
        ...(expectedOffset === undefined ? [] : [encodeExpectedOffset(expectedOffset)]),
        encodeProducer({ id, epoch }, sequence, requestId),
      ]);
      assert.equal(encoded.count, records.length);
      const decoded = logServiceDefinition.Produce.requestDeserialize(encoded.bytes);
      assert.deepEqual(
        decoded.records.map(({ value, key, headers }) => [value, key, headers.map((h) => [h.name, h.value])]),
        records.map((each) => contentOf(wellFormed(each))),
      );
      assert.deepEqual([decoded.topic, decoded.tenant, decoded.expectedOffset], [topic, tenant, expectedOffset]);
      assert.deepEqual(decoded.topicId, topicId ?? Buffer.alloc(0));
      assert.deepEqual(decoded.producer, { id, epoch, sequence: BigInt(sequence) });
      assert.equal(decoded.requestId, requestId === undefined ? undefined : BigInt(requestId));
      const isRefused = readProduceRequest(encoded.bytes) instanceof UnreadableRequest;
      assert.equal(isRefused, encoded.isBeyondLimits);
    }),
  );
});

test("a record is read from its caller's object once, whatever its getters give the next time", () => {
  let asked = 0;
  const record = {
    get value() {
      return "x".repeat(++asked);
    },
  };
  const { bytes } = encodeRecords([record, "behind"]);
  const { records } = logServiceDefinition.Produce.requestDeserialize(bytes);
  assert.deepEqual(
    records.map(({ value }) => value.toString()),
    ["x", "behind"],
  );
});

const mebi = 1024 * 1024;
const limits: readonly (readonly [what: string, record: RecordInput, isBeyond: boolean])[] = [
  ["1 MiB of bytes", Buffer.alloc(mebi), false],
  ["a byte more", Buffer.alloc(mebi + 1), true],
  ["1 MiB in value and key", { value: Buffer.alloc(mebi - 1), key: "k" }, false],
  ["a byte more in value and key", { value: Buffer.alloc(mebi), key: "k" }, true],
  ["64 headers", { headers: new Array(64).fill({ name: "n", value: "v" }) }, false],
  ["65 headers", { headers: new Array(65).fill({ name: "n", value: "v" }) }, true],
  ["16 KiB of headers", { headers: [{ name: "n", value: Buffer.alloc(16 * 1024 - 1) }] }, false],
  ["a byte more of headers", { headers: [{ name: "n", value: Buffer.alloc(16 * 1024) }] }, true],
];
for (const [what, record, isBeyond] of limits) {
  test(`${what} ${isBeyond ? "is" : "is not"} beyond what a server takes`, () => {
    assert.equal(encodeRecords(record).isBeyondLimits, isBeyond);
    assert.equal(encodeRecords(["v", record]).isBeyondLimits, isBeyond);
    const isRefused = readProduceRequest(encodeRecords(record).bytes) instanceof UnreadableRequest;
    assert.equal(isRefused, isBeyond);
  });
}

/** Half of a surrogate pair is no character, and is sent as the one that stands for none. */
function wellFormed<Given>(given: Given): Given {
  if (typeof given === "string") return Buffer.from(given, "utf8").toString("utf8") as Given;
  if (Array.isArray(given)) return given.map(wellFormed) as Given;
  if (given instanceof Uint8Array || typeof given !== "object" || given === null) return given;
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, wellFormed(value as unknown)]),
  ) as Given;
}

test("records that no request can hold are a RangeError before anything is sent", () => {
  const most = requestLimits.messageBytes - 512;
  const { MAX_SAFE_INTEGER } = Number;
  const rest = [
    encodeTarget({ tenant: "t".repeat(63), topic: "o".repeat(200), topicId: Buffer.alloc(16) }),
    encodeExpectedOffset(largest),
    encodeProducer({ id: Buffer.alloc(16), epoch: 2 ** 32 - 1 }, MAX_SAFE_INTEGER, MAX_SAFE_INTEGER),
  ];
  assert.ok(Buffer.concat(rest).length <= 512);
  const value = (bytes: number) => Buffer.alloc(bytes - 10);
  assert.equal(encodeRecords(value(most)).bytes.length, most);
  for (const records of [value(most + 1), [value(most), "v"], [{ value: value(most), key: "k" }]]) {
    assert.throws(() => encodeRecords(records), {
      name: "RangeError",
      message: /^records: 419\d{4} bytes, .* several batches/,
    });
  }
});
