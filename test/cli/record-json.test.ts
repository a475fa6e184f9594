import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { NotARecord, recordFromJson, recordToJson } from "../../src/cli/record-json.js";

const bytes = fc
  .oneof(
    fc.uint8Array(),
    fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
  )
  .map((array) => Buffer.from(array));

test("whatever a record holds, its JSON is read as the same record", () => {
  const header = fc.record({ name: fc.string({ unit: "grapheme" }), value: bytes }, { noNullPrototype: true });
  const records = fc.record({
    offset: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    timestampMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    key: bytes,
    value: bytes,
    headers: fc.array(header, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(records, (record) => {
      const { key, value, headers } = record;
      assert.deepEqual(recordFromJson(Buffer.from(recordToJson(record))), { key, value, headers });
    }),
  );
});

test("what people write by hand may be short", () => {
  const empty = Buffer.alloc(0);
  assert.deepEqual(recordFromJson(Buffer.from('{"value":"é"}')), { key: empty, value: Buffer.from("é"), headers: [] });
  assert.deepEqual(recordFromJson(Buffer.from('{"value":"","offset":1,"timestamp":null}')), {
    key: empty,
    value: empty,
    headers: [],
  });
});

const refused = [
  // line                                                            says
  ["", /not JSON/],
  ["hello", /not JSON/],
  ['{"value":"a"', /not JSON/],
  ['{"value":"\xff"}', /not UTF-8/],
  ["null", /a record is an object/],
  ['["a"]', /a record is an object/],
  ['"a"', /a record is an object/],
  ["{}", /value: expected text/],
  ['{"value":1}', /value: expected text/],
  ['{"value":"a","key":null}', /key: expected text/],
  ['{"value":"a","vlaue":"b"}', /unknown field "vlaue"; did you mean "value"/],
  ['{"value":"a","encoding":"hex"}', /encoding: only "base64"/],
  ['{"value":"not base64","encoding":"base64"}', /value: it is not base64/],
  ['{"value":"YQ","encoding":"base64"}', /value: it is not base64/],
  ['{"value":"a","headers":{}}', /headers: expected an array/],
  ['{"value":"a","headers":["h"]}', /headers\[0\] is an object/],
  ['{"value":"a","headers":[{"name":"h"}]}', /headers\[0\]\.value: expected text/],
  ['{"value":"a","headers":[{"name":"h","value":"a","x":1}]}', /unknown field "x"/],
  [String.raw`{"value":"\ud800"}`, /value: half a surrogate pair/],
] as const;
for (const [line, says] of refused) {
  test(`${JSON.stringify(line)} is no record`, () => {
    assert.throws(
      () => recordFromJson(Buffer.from(line, "latin1")),
      (error) => error instanceof NotARecord && says.test(error.message),
    );
  });
}
