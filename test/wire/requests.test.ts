import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidField, LimitExceeded, MalformedMessage, ServiceError } from "../../src/errors.js";
import { consumeLimits, readConsumeRequest, readProduceRequest, UnreadableRequest } from "../../src/wire/requests.js";
import type { Record as WireRecord } from "../../src/wire/generated/log/v1/Record.js";
import {
  checksumOf,
  frameEnd,
  framesThatFit,
  limits,
  type RecordBatch,
  varintSize,
  writeFrames,
} from "../../src/wire/records.js";
import { consumeRequestType, consumeResponseType, produceRequestType } from "../support/log-harness.js";
import { bytesField, concat, tag, varint, varintField } from "../support/protobuf.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function accepted(bytes: Buffer) {
  const request = readProduceRequest(bytes);
  if (request instanceof UnreadableRequest) throw request.error;
  return request;
}

function refusal(read: (bytes: Buffer) => object, bytes: Buffer): ServiceError {
  const request = read(bytes);
  expect(request).toBeInstanceOf(UnreadableRequest);
  expect((request as UnreadableRequest).error).toBeInstanceOf(ServiceError);
  return (request as UnreadableRequest).error as ServiceError;
}

/** Frames of a batch, checked to take exactly the bytes that were announced. */
function framed(batch: RecordBatch, offset: number, timestampMs: number): Buffer {
  const { to, bytes: size } = framesThatFit(batch, 0, offset, timestampMs);
  expect(to).toBe(batch.count);
  const target = Buffer.alloc(size + 8, 0xaa);
  expect(writeFrames(batch, 0, batch.count, offset, timestampMs, target, 4)).toBe(4 + size);
  expect(target.subarray(0, 4).equals(hex("aaaaaaaa")) && target.subarray(4 + size).equals(hex("aaaaaaaa"))).toBe(true);
  return target.subarray(4, 4 + size);
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 127n, 128n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n),
);
const header = fc.record({ name: fc.string({ unit: "grapheme", maxLength: 20 }), value: bytes(40) });
const record: fc.Arbitrary<WireRecord> = fc.record(
  { value: bytes(200), key: bytes(40), headers: fc.array(header, { maxLength: 5 }), offset: uint64 },
  { requiredKeys: [] },
);
const instants = fc.integer({ min: 0, max: 2 ** 52 });

/** One field of a record, as bytes. */
const recordField = {
  value: (value: Buffer) => bytesField(1, value),
  key: (key: Buffer) => bytesField(5, key),
  header: ({ name, value }: { name: string; value: Buffer }) =>
    bytesField(6, concat(bytesField(1, Buffer.from(name)), bytesField(2, value))),
  offset: (offset: bigint) => varintField(2, offset),
  timestamp: (timestamp: bigint) => varintField(7, timestamp),
};

describe("a producer", () => {
  const one = bytesField(1, recordField.value(hex("61")));
  const maxSequence = 2n ** 64n - 1n;

  test("comes back as protobufjs encoded it: any id of 1 to 64 bytes, any epoch, any sequence that leaves room", () => {
    const producer = fc.record({
      id: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((array) => Buffer.from(array)),
      epoch: fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1)),
      sequence: fc.oneof(
        fc.bigInt({ min: 0n, max: maxSequence - 2n }),
        fc.constantFrom(0n, 2n ** 53n, maxSequence - 2n),
      ),
    });
    fc.assert(
      fc.property(producer, ({ id, epoch, sequence }) => {
        const records = [{ value: hex("61") }, {}];
        const request = accepted(produceRequestType.serialize({ records, producer: { id, epoch, sequence } }));
        expect(request.producer).toEqual({ id: id.toString("latin1"), epoch, sequence });
        expect(Object.isFrozen(request.producer)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("is none where there is none, and may have fields that nobody knows", () => {
    expect(accepted(one).producer).toBeUndefined();
    const known = concat(bytesField(1, hex("00")), bytesField(9, hex("ff")), varintField(3, 7n));
    expect(accepted(concat(bytesField(5, known), one)).producer).toEqual({ id: "\0", epoch: 0, sequence: 7n });
  });

  test("has room for the sequence behind its batch, and not for one more", () => {
    const request = (sequence: bigint) =>
      readProduceRequest(concat(one, one, bytesField(5, concat(bytesField(1, hex("70")), varintField(3, sequence)))));
    expect(request(maxSequence - 2n)).toMatchObject({ producer: { sequence: maxSequence - 2n } });
    expect(request(maxSequence - 1n)).toMatchObject({ error: { reason: "INVALID_FIELD", field: "producer.sequence" } });
  });
});

describe("the checksum of a batch", () => {
  /** The records as fields of a request, one behind the other, as any client but an odd one sends them. */
  const plain = (records: readonly Buffer[]) => concat(...records.map((content) => bytesField(1, content)));

  test("is that of its records as fields of a request, wherever they are in it and whatever else is there", () => {
    const content = fc.record({ value: bytes(200), key: fc.option(bytes(20)) }).map(({ value, key }) => ({
      client: concat(recordField.value(value), ...(key === null ? [] : [recordField.key(key)])),
      spread: concat(
        recordField.offset(7n),
        recordField.value(value),
        recordField.timestamp(8n),
        ...(key === null ? [] : [recordField.key(key)]),
      ),
    }));
    fc.assert(
      fc.property(fc.array(fc.tuple(content, fc.nat({ max: 2 })), { minLength: 1, maxLength: 9 }), (records) => {
        const expected = crc32(plain(records.map(([{ client }]) => client)));
        const sent = records.map(([{ client, spread }, kind]) =>
          concat(bytesField(1, kind === 1 ? spread : client), kind === 2 ? varintField(20, 5n) : Buffer.alloc(0)),
        );
        expect(checksumOf(accepted(concat(...sent)).records)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("is another for the same bytes with other boundaries", () => {
    const sums = [["ab", "c"], ["a", "bc"], ["abc"], ["", "abc"], ["abc", ""]].map((values) =>
      checksumOf(accepted(plain(values.map((value) => recordField.value(Buffer.from(value))))).records),
    );
    expect(new Set(sums).size).toBe(sums.length);
  });
});

describe("a batch", () => {
  test("that protobufjs encodes comes back as it was, with offset and timestamp of the server", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), instants, instants, (records, offset, time) => {
        const batch = accepted(produceRequestType.serialize({ records })).records;
        const decoded = consumeResponseType.deserialize(framed(batch, offset, time)).records;
        expect(decoded).toEqual(
          records.map(({ value, key, headers }, index) => ({
            value: value ?? Buffer.alloc(0),
            key: key ?? Buffer.alloc(0),
            headers: (headers ?? []).map(({ name, value: content }) => ({ name, value: content })),
            offset: BigInt(offset + index),
            timestampMs: BigInt(time),
          })),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("whose records have their fields in any order keeps each of them, and none of the server's fields", () => {
    const fields = fc.record({
      value: fc.option(bytes(30)),
      key: fc.option(bytes(30)),
      headers: fc.array(header, { maxLength: 3 }),
      offset: fc.option(uint64),
      timestamp: fc.option(uint64),
      order: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(fc.array(fields, { minLength: 1, maxLength: 5 }), (records) => {
        const encoded = records.map(({ value, key, headers, offset, timestamp, order }) => {
          const rest = [
            ...(value === null ? [] : [recordField.value(value)]),
            ...(key === null ? [] : [recordField.key(key)]),
            ...(offset === null ? [] : [recordField.offset(offset)]),
            ...(timestamp === null ? [] : [recordField.timestamp(timestamp)]),
          ];
          // Headers keep their order among themselves; everything else lands anywhere between them.
          const mixed: Buffer[] = headers.map(recordField.header);
          for (const [index, field] of rest.entries()) mixed.splice(order[index]! % (mixed.length + 1), 0, field);
          return bytesField(1, concat(...mixed));
        });
        const batch = accepted(concat(...encoded)).records;
        const decoded = consumeResponseType.deserialize(framed(batch, 41, 1234)).records;
        expect(decoded).toEqual(
          records.map(({ value, key, headers }, index) => ({
            value: value ?? Buffer.alloc(0),
            key: key ?? Buffer.alloc(0),
            headers,
            offset: 41n + BigInt(index),
            timestampMs: 1234n,
          })),
        );
      }),
      { numRuns: 300 },
    );
  });

  test("can be framed in pieces, and each frame is found again from its start", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), instants, fc.nat(600), (records, offset, most) => {
        const batch = accepted(produceRequestType.serialize({ records })).records;
        const whole = framed(batch, offset, 99);
        let position = 0;
        for (let from = 0; from < batch.count;) {
          const { to, bytes: size } = framesThatFit(batch, from, offset + from, 99, most, true);
          expect(to).toBeGreaterThan(from);
          expect(size <= most || to === from + 1).toBe(true);
          // And no other would have fitted.
          expect(framesThatFit(batch, to, offset + to, 99, most - size)).toEqual({ to, bytes: 0 });
          expect(framesThatFit(batch, from, offset + from, 99, size - 1).to).toBe(to - 1);
          const piece = Buffer.alloc(size);
          expect(writeFrames(batch, from, to, offset + from, 99, piece, 0)).toBe(size);
          expect(piece.equals(whole.subarray(position, position + size))).toBe(true);
          position += size;
          from = to;
        }
        expect(position).toBe(whole.length);
        position = 0;
        for (let index = 0; index < batch.count; index++) {
          const end = frameEnd(whole, position, whole.length)!;
          expect(frameEnd(whole, position, end - 1)).toBeUndefined();
          expect(consumeResponseType.deserialize(whole.subarray(position, end)).records).toHaveLength(1);
          position = end;
        }
        expect(position).toBe(whole.length);
      }),
    );
  });

  test("gets offsets up to 2^53 exactly, also where they cross a varint's next byte", () => {
    const batch = accepted(
      concat(...Array.from({ length: 3 }, () => bytesField(1, recordField.value(hex("01"))))),
    ).records;
    for (const power of [7, 14, 21, 28, 31, 32, 35, 42, 49, 52, 53]) {
      const first = 2 ** power - 3;
      const { records } = consumeResponseType.deserialize(framed(batch, first, 2 ** 41 - 1));
      expect(records.map(({ offset }) => offset)).toEqual([0n, 1n, 2n].map((index) => BigInt(first) + index));
      expect(varintSize(first)).toBe(varint(BigInt(first)).length);
    }
  });
});

describe("a record with nothing but value and key", () => {
  // Behind a field of the server's it is read as any other record is.
  const behind = (body: Buffer): Buffer => concat(recordField.offset(0n), body);
  const read = (body: Buffer): unknown => {
    const request = readProduceRequest(bytesField(1, body));
    if (request instanceof UnreadableRequest) return (request.error as ServiceError).message;
    const { bodyBytes, payload } = request.records;
    return { bodyBytes, payload, frames: framed(request.records, 5, 99) };
  };
  const bodies = fc
    .array(fc.oneof(bytes(300).map(recordField.value), bytes(300).map(recordField.key)), { maxLength: 3 })
    .map((fields) => concat(...fields));

  test("is read like any other, also where its bytes are damaged", () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(255), fc.nat(), (body, at, byte, cut) => {
        const damaged = Buffer.from(body.subarray(0, body.length - (cut % 3)));
        if (damaged.length > 0) damaged[at % Math.min(damaged.length, 6)] = byte;
        for (const each of [body, damaged]) {
          const expected = read(behind(each));
          // Damage can make the server's own field of it, which the other one has already.
          if (expected !== "records[0]: field 2 comes twice") expect(read(each)).toEqual(expected);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ["a value twice", "0a01010a0102"],
    ["a value on both sides of a key", "0a01012a01020a0103"],
    ["a length in two bytes where one does", "0a810001"],
    ["a length in three bytes where two do", "0a80810000"],
    ["a length that leads out of the record", "0a02aa"],
    ["a length that is not there", "0a"],
    ["a length that goes on where the record ends", "0a80"],
    ["a length of 64 bits", "0affffffffffffffffff01"],
  ])("is refused with %s", (_what, body) => {
    const outcome = read(hex(body));
    expect(outcome).toBeTypeOf("string");
    expect(outcome).toBe(read(behind(hex(body))));
  });

  test("counts as large as it is, up to the limit and beyond it", () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, limits.recordBytes]) {
      const { records } = accepted(bytesField(1, recordField.value(Buffer.alloc(length))));
      expect(records.payload).toEqual({ total: length, largest: length });
    }
    const half = Buffer.alloc(limits.recordBytes / 2 + 1);
    expect(
      refusal(readProduceRequest, bytesField(1, concat(recordField.value(half), recordField.key(half)))),
    ).toMatchObject({ reason: "LIMIT_EXCEEDED" });
  });
});

describe("a request to produce", () => {
  const whole = produceRequestType.serialize({
    records: [
      { value: Buffer.from("value"), key: Buffer.from("key"), headers: [{ name: "n", value: Buffer.from("v") }] },
      { value: Buffer.alloc(200, 7), offset: 5n },
    ],
    topic: "orders",
    tenant: "acme",
    expectedOffset: 2n ** 40n,
    requestId: 77n,
    topicId: Buffer.alloc(16, 9),
  });

  test("gives every field", () => {
    const request = accepted(whole);
    expect(request).toMatchObject({
      kind: "produce",
      topic: "orders",
      tenant: "acme",
      topicId: "09".repeat(16),
      expectedOffset: 2n ** 40n,
      requestId: 77n,
    });
    expect(request.records.count).toBe(2);
    expect(Object.isFrozen(request)).toBe(true);
  });

  test("of any other length is a shorter request where a field ends, and refused everywhere else", () => {
    const boundaries = new Map<number, number>();
    for (let records = 0, at = 0; at < whole.length;) {
      const length = whole[at + 1]!;
      const type = whole[at]! & 7;
      if (whole[at] === 0x0a) records++;
      // Lengths above 127 and the long varint are walked by their continuation bits.
      let start = at + 1;
      while (whole[start]! >= 0x80) start++;
      const size = start === at + 1 ? length : (whole[at + 1]! & 0x7f) + whole[at + 2]! * 128;
      at = type === 0 ? start + 1 : start + 1 + size;
      boundaries.set(at, records);
    }
    expect(boundaries.has(whole.length)).toBe(true);
    for (let cut = 1; cut <= whole.length; cut++) {
      const records = boundaries.get(cut);
      if (records !== undefined) expect(accepted(whole.subarray(0, cut)).records.count, `cut at ${cut}`).toBe(records);
      else
        expect(refusal(readProduceRequest, whole.subarray(0, cut)), `cut at ${cut}`).toBeInstanceOf(MalformedMessage);
    }
    expect(refusal(readProduceRequest, Buffer.alloc(0))).toMatchObject({ reason: "INVALID_FIELD", field: "records" });
  });

  const one = bytesField(1, recordField.value(hex("61")));
  const inRecord = (...parts: Buffer[]) => bytesField(1, concat(...parts));
  const inHeader = (...parts: Buffer[]) => inRecord(bytesField(6, concat(...parts)));
  /** With an id. */
  const inProducer = (...parts: Buffer[]) => bytesField(5, concat(bytesField(1, hex("70")), ...parts));
  const refused: readonly [string, Buffer, new (...args: never[]) => ServiceError, string][] = [
    ["no records", bytesField(2, Buffer.from("orders")), InvalidField, "records"],
    ["field number 0", concat(one, hex("00 00")), MalformedMessage, "request"],
    ["field number 0 as bytes", concat(one, hex("02 00")), MalformedMessage, "request"],
    ["a group", concat(one, hex("5b 5c")), MalformedMessage, "request"],
    ["the end of a group", concat(one, hex("5c")), MalformedMessage, "request"],
    ["wire type 6", concat(one, hex("5e 00")), MalformedMessage, "request"],
    ["wire type 7", concat(one, hex("5f 00")), MalformedMessage, "request"],
    ["an overlong tag", concat(one, hex("92 00 00")), MalformedMessage, "request"],
    ["a tag of more than 32 bits", concat(one, hex("80 80 80 80 10 00")), MalformedMessage, "request"],
    ["a tag of six bytes", concat(one, hex("80 80 80 80 80 01 00")), MalformedMessage, "request"],
    ["an overlong length", concat(one, hex("12 81 00 61")), MalformedMessage, "request"],
    ["a length beyond the end", concat(one, hex("12 05 61")), MalformedMessage, "request"],
    ["a length of four gigabytes", concat(one, hex("12 ff ff ff ff 0f 61")), MalformedMessage, "request"],
    ["a length of more than 32 bits", concat(one, hex("12 ff ff ff ff 1f 61")), MalformedMessage, "request"],
    ["an overlong varint", concat(one, hex("20 80 00")), MalformedMessage, "request"],
    ["a varint of 65 bits", concat(one, hex("20 ff ff ff ff ff ff ff ff ff 02")), MalformedMessage, "request"],
    ["a varint of eleven bytes", concat(one, hex("20 ff ff ff ff ff ff ff ff ff ff 01")), MalformedMessage, "request"],
    ["an unknown varint of 65 bits", concat(one, hex("78 ff ff ff ff ff ff ff ff ff 02")), MalformedMessage, "request"],
    ["a topic twice", concat(one, bytesField(2, hex("61")), bytesField(2, hex("61"))), MalformedMessage, "request"],
    ["a tenant twice", concat(one, bytesField(3, hex("61")), bytesField(3, hex("61"))), MalformedMessage, "request"],
    ["an expected offset twice", concat(one, varintField(4, 1n), varintField(4, 1n)), MalformedMessage, "request"],
    ["a request id twice", concat(one, varintField(6, 1n), varintField(6, 1n)), MalformedMessage, "request"],
    ["a topic id twice", concat(one, bytesField(7, hex("")), bytesField(7, hex(""))), MalformedMessage, "request"],
    ["records as a varint", varintField(1, 1n), MalformedMessage, "request"],
    ["a topic as a varint", concat(one, varintField(2, 1n)), MalformedMessage, "topic"],
    ["an expected offset as bytes", concat(one, bytesField(4, hex("01"))), MalformedMessage, "request"],
    ["a request id as fixed64", concat(one, tag(6, 1), Buffer.alloc(8)), MalformedMessage, "request"],
    ["a topic that is not UTF-8", concat(one, bytesField(2, hex("c3 28"))), MalformedMessage, "request"],
    ["a topic with half of a surrogate pair", concat(one, bytesField(2, hex("ed a0 80"))), MalformedMessage, "request"],
    ["a topic that is not a name", concat(one, bytesField(2, Buffer.from("Orders"))), InvalidField, "topic"],
    ["a topic with a line end", concat(one, bytesField(2, Buffer.from("orders\n"))), InvalidField, "topic"],
    ["a topic behind a byte order mark", concat(one, bytesField(2, hex("ef bb bf 61"))), InvalidField, "topic"],
    ["a tenant that climbs", concat(one, bytesField(3, Buffer.from(".."))), InvalidField, "tenant"],
    ["a topic id of 15 bytes", concat(one, bytesField(7, Buffer.alloc(15))), InvalidField, "topic_id"],
    ["a producer as a varint", concat(one, varintField(5, 1n)), MalformedMessage, "producer"],
    ["a producer twice", concat(one, inProducer(), bytesField(5, hex(""))), MalformedMessage, "request"],
    ["a producer without an id", concat(one, bytesField(5, hex(""))), InvalidField, "producer.id"],
    [
      "a producer's id of 65 bytes",
      concat(one, bytesField(5, bytesField(1, Buffer.alloc(65)))),
      InvalidField,
      "producer.id",
    ],
    ["a producer's id twice", concat(one, inProducer(bytesField(1, hex("61")))), MalformedMessage, "producer"],
    [
      "a producer's epoch twice",
      concat(one, inProducer(varintField(2, 1n), varintField(2, 1n))),
      MalformedMessage,
      "producer",
    ],
    [
      "a producer's sequence twice",
      concat(one, inProducer(varintField(3, 1n), varintField(3, 1n))),
      MalformedMessage,
      "producer",
    ],
    ["a producer's id as a varint", concat(one, bytesField(5, varintField(1, 1n))), MalformedMessage, "producer"],
    ["a producer's epoch as bytes", concat(one, inProducer(bytesField(2, hex("01")))), MalformedMessage, "producer"],
    [
      "a producer's sequence as fixed64",
      concat(one, inProducer(tag(3, 1), Buffer.alloc(8))),
      MalformedMessage,
      "producer",
    ],
    [
      "a producer's epoch of 33 bits",
      concat(one, inProducer(varintField(2, 2n ** 32n))),
      InvalidField,
      "producer.epoch",
    ],
    ["an overlong producer's sequence", concat(one, inProducer(hex("18 80 00"))), MalformedMessage, "producer"],
    [
      "a producer's sequence of 65 bits",
      concat(one, inProducer(hex("18 ff ff ff ff ff ff ff ff ff 02"))),
      MalformedMessage,
      "producer",
    ],
    ["a group in a producer", concat(one, inProducer(hex("23 24"))), MalformedMessage, "producer"],
    ["a truncated producer", concat(one, bytesField(5, hex("0a 02 61"))), MalformedMessage, "producer"],
    [
      "a producer's last sequence",
      concat(one, inProducer(varintField(3, 2n ** 64n - 1n))),
      InvalidField,
      "producer.sequence",
    ],
    ["an unknown field in a record", inRecord(varintField(8, 1n)), InvalidField, "records[0]"],
    ["a reserved field in a record", concat(one, inRecord(bytesField(3, hex("61")))), InvalidField, "records[1]"],
    [
      "a value twice",
      inRecord(recordField.value(hex("61")), recordField.value(hex("61"))),
      MalformedMessage,
      "records[0]",
    ],
    ["a key twice", inRecord(recordField.key(hex("61")), recordField.key(hex("61"))), MalformedMessage, "records[0]"],
    ["an offset twice", inRecord(recordField.offset(1n), recordField.offset(1n)), MalformedMessage, "records[0]"],
    [
      "a timestamp twice",
      inRecord(recordField.timestamp(1n), recordField.timestamp(1n)),
      MalformedMessage,
      "records[0]",
    ],
    ["a value as a varint", inRecord(varintField(1, 1n)), MalformedMessage, "records[0]"],
    ["an offset as bytes", inRecord(bytesField(2, hex("01"))), MalformedMessage, "records[0]"],
    ["a group in a record", inRecord(hex("0b 0c")), MalformedMessage, "records[0]"],
    ["a value longer than its record", bytesField(1, hex("0a 02 61")), MalformedMessage, "records[0]"],
    ["field 0 in a record", inRecord(hex("02 00")), MalformedMessage, "records[0]"],
    ["an unknown field in a header", inHeader(bytesField(3, hex("61"))), InvalidField, "records[0].headers[0]"],
    [
      "a header name twice",
      inHeader(bytesField(1, hex("")), bytesField(1, hex(""))),
      MalformedMessage,
      "records[0].headers[0]",
    ],
    ["a header name that is not UTF-8", inHeader(bytesField(1, hex("ff"))), MalformedMessage, "records[0].headers[0]"],
    ["a header name as a varint", inHeader(varintField(1, 1n)), MalformedMessage, "records[0].headers[0]"],
    ["a header longer than its record", inRecord(hex("32 05 0a 00")), MalformedMessage, "records[0]"],
    ["a header name longer than its header", inHeader(hex("0a 05 61")), MalformedMessage, "records[0].headers[0]"],
  ];
  for (const [what, message, type, field] of refused) {
    test(`is refused with ${what}`, () => {
      const error = refusal(readProduceRequest, message);
      expect(error).toBeInstanceOf(type);
      expect(error.field).toBe(field);
    });
  }

  const ignored: readonly [string, Buffer][] = [
    ["varint", varintField(15, 2n ** 64n - 1n)],
    ["fixed64", concat(tag(15, 1), Buffer.alloc(8, 0xff))],
    ["bytes", bytesField(2000, Buffer.alloc(300))],
    ["fixed32", concat(tag(536_870_911, 5), Buffer.alloc(4, 0xff))],
  ];
  for (const [what, field] of ignored) {
    test(`ignores an unknown field of type ${what}, however often it comes`, () => {
      const request = accepted(concat(field, one, field, bytesField(2, hex("61"))));
      expect(request).toMatchObject({ topic: "a", requestId: undefined });
      expect(request.records.count).toBe(1);
    });
  }

  test("keeps every 64-bit number exact", () => {
    for (const value of [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const request = accepted(
        produceRequestType.serialize({ records: [{}], expectedOffset: value, requestId: value }),
      );
      expect(request).toMatchObject({ expectedOffset: value, requestId: value });
    }
  });

  const value = (length: number) => recordField.value(Buffer.alloc(length, 7));
  const headers = (count: number) =>
    Array.from({ length: count }, () => recordField.header({ name: "", value: hex("") }));
  const atTheEdge: readonly [string, Buffer, Buffer, object][] = [
    [
      "65,536 records",
      concat(...Array<Buffer>(65_536).fill(hex("0a 00"))),
      concat(...Array<Buffer>(65_537).fill(hex("0a 00"))),
      { reason: "LIMIT_EXCEEDED", facts: { field: "records", maximum: "65536", actual: "65537" } },
    ],
    [
      "64 headers",
      inRecord(...headers(64)),
      inRecord(...headers(65)),
      { reason: "INVALID_FIELD", field: "records[0].headers" },
    ],
    [
      "16 KiB of headers",
      inRecord(recordField.header({ name: "n".repeat(384), value: Buffer.alloc(16_000) })),
      inRecord(recordField.header({ name: "n".repeat(384), value: Buffer.alloc(16_001) })),
      { reason: "INVALID_FIELD", field: "records[0].headers" },
    ],
    [
      "a record of 1 MiB",
      inRecord(value(limits.recordBytes)),
      inRecord(value(limits.recordBytes + 1)),
      { reason: "LIMIT_EXCEEDED", facts: { field: "records[0]", maximum: "1048576", actual: "1048577" } },
    ],
    [
      "value, key and header of 1 MiB together",
      inRecord(
        value(limits.recordBytes - 9),
        recordField.key(Buffer.alloc(4)),
        recordField.header({ name: "abc", value: hex("0102") }),
      ),
      inRecord(
        value(limits.recordBytes - 8),
        recordField.key(Buffer.alloc(4)),
        recordField.header({ name: "abc", value: hex("0102") }),
      ),
      { reason: "LIMIT_EXCEEDED", facts: { field: "records[0]", actual: "1048577" } },
    ],
  ];
  for (const [what, inside, outside, expected] of atTheEdge) {
    test(`may have ${what}, and not one more`, () => {
      expect(accepted(inside).records.count).toBeGreaterThan(0);
      const error = refusal(readProduceRequest, outside);
      expect(error).toMatchObject(expected);
      if (error.reason === "LIMIT_EXCEEDED") expect(error).toBeInstanceOf(LimitExceeded);
    });
  }

  test("that is refused says which one it was, wherever its id stands", () => {
    const id = varintField(6, 2n ** 64n - 1n);
    const bad = inRecord(varintField(9, 1n));
    for (const message of [concat(id, bad), concat(bad, id), concat(bad, bytesField(5, hex("")), id)]) {
      expect(readProduceRequest(message)).toMatchObject({ requestId: 2n ** 64n - 1n });
      refusal(readProduceRequest, message);
    }
    expect(readProduceRequest(concat(bad, hex("12 05 61")))).toMatchObject({ requestId: undefined });
  });
});

describe("a request to consume", () => {
  const read = readConsumeRequest;

  test("with nothing in it asks for one record from offset 0 of the default topic", () => {
    expect(read(Buffer.alloc(0))).toEqual({
      kind: "consume",
      tenant: "",
      topic: "",
      topicId: undefined,
      start: "offset",
      offset: 0n,
      startTimeMs: 0n,
      maxRecords: 1,
      maxBytes: consumeLimits.defaultBytes,
      maxWaitMs: 0,
    });
  });

  test("that protobufjs encodes is read as it was meant", () => {
    const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const request = fc.record({
      offset: uint64,
      maxRecords: uint32,
      maxBytes: uint32,
      maxWaitMs: fc.integer({ min: 0, max: consumeLimits.maximumWaitMs }),
      start: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
      startTimeMs: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    });
    fc.assert(
      fc.property(request, (wanted) => {
        expect(read(consumeRequestType.serialize({ ...wanted, topic: "orders" }))).toMatchObject({
          topic: "orders",
          offset: wanted.offset,
          maxRecords: wanted.maxRecords || 1,
          maxBytes: Math.min(wanted.maxBytes || consumeLimits.defaultBytes, consumeLimits.maximumBytes),
          maxWaitMs: wanted.maxWaitMs,
          start: ["offset", "earliest", "latest", "time"][wanted.start],
          startTimeMs: wanted.startTimeMs,
        });
      }),
    );
  });

  const refused: readonly [string, Buffer, string, string][] = [
    ["an unknown start", varintField(7, 4n), "INVALID_FIELD", "start"],
    ["a start beyond every double", varintField(7, 2n ** 64n - 1n), "INVALID_FIELD", "start"],
    ["a negative start time", varintField(8, 2n ** 64n - 1n), "INVALID_FIELD", "start_time_ms"],
    ["max_records of 33 bits", varintField(4, 2n ** 32n), "INVALID_FIELD", "max_records"],
    ["max_bytes of 33 bits", varintField(5, 2n ** 32n), "INVALID_FIELD", "max_bytes"],
    ["max_wait_ms of 33 bits", varintField(6, 2n ** 32n), "INVALID_FIELD", "max_wait_ms"],
    ["a wait of more than a minute", varintField(6, 60_001n), "INVALID_FIELD", "max_wait_ms"],
    ["an offset of 65 bits", hex("08 ff ff ff ff ff ff ff ff ff 02"), "MALFORMED_MESSAGE", "request"],
    ["an offset as fixed64", concat(tag(1, 1), Buffer.alloc(8)), "MALFORMED_MESSAGE", "request"],
    ...([1, 4, 5, 6, 7, 8] as const)
      .map(
        (field) =>
          [
            `field ${field} twice`,
            concat(varintField(field, 1n), varintField(field, 1n)),
            "MALFORMED_MESSAGE",
            "request",
          ] as const,
      )
      .map((row) => [...row] as [string, Buffer, string, string]),
  ];
  for (const [what, message, reason, field] of refused) {
    test(`is refused with ${what}`, () => {
      expect(refusal(read, message)).toMatchObject({ reason, field });
    });
  }

  test("cut anywhere is a shorter request or a malformed one", () => {
    const whole = consumeRequestType.serialize({
      offset: 2n ** 60n,
      topic: "orders",
      tenant: "acme",
      start: 3,
      maxBytes: 9,
    });
    for (let cut = 0; cut <= whole.length; cut++) {
      const request = read(whole.subarray(0, cut));
      if (request instanceof UnreadableRequest) expect(request.error, `cut at ${cut}`).toBeInstanceOf(ServiceError);
    }
    expect(refusal(read, whole.subarray(0, 5))).toBeInstanceOf(MalformedMessage);
  });
});

describe("any bytes", () => {
  const seeds = [
    produceRequestType.serialize({
      records: [
        { value: Buffer.from("v"), key: Buffer.from("k"), headers: [{ name: "é", value: Buffer.from("x") }] },
        {},
      ],
      topic: "orders",
      tenant: "acme",
      requestId: 300n,
    }),
    consumeRequestType.serialize({ offset: 2n ** 60n, topic: "orders", maxRecords: 10, start: 2 }),
  ];
  const mutated = (originals: readonly Buffer[], maxLength: number) =>
    fc
      .tuple(fc.constantFrom(...originals), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength }))
      .map(([original, changes]) => {
        const copy = Buffer.from(original);
        for (const [at, byte] of changes) copy[at % copy.length] = byte;
        return copy;
      });
  const anything = fc.oneof(mutated(seeds, 4), bytes(200));

  test("give a request or a typed error, and never depend on what lies around them in memory", () => {
    fc.assert(
      fc.property(anything, (message) => {
        const around = (filler: number) => {
          const larger = Buffer.alloc(message.length + 64, filler);
          message.copy(larger, 32);
          return larger.subarray(32, 32 + message.length);
        };
        for (const read of [readProduceRequest, readConsumeRequest]) {
          const [first, second] = [read(around(0x00)), read(around(0x7f))];
          for (const request of [first, second]) {
            if (request instanceof UnreadableRequest) expect(request.error).toBeInstanceOf(ServiceError);
          }
          const plain = (request: object) =>
            JSON.stringify(request, (key, value: unknown) =>
              key === "source" ? undefined : typeof value === "bigint" ? `${value}` : value,
            );
          expect(plain(first)).toBe(plain(second));
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("that are accepted mean to protobufjs what they mean to us", () => {
    let both = 0;
    fc.assert(
      fc.property(mutated(seeds.slice(0, 1), 2), (message) => {
        const request = readProduceRequest(message);
        if (request instanceof UnreadableRequest) return;
        // What protobufjs cannot read at all, a client of it cannot have written.
        const theirs = produceRequestType.deserialize(message);
        both++;
        expect(request).toMatchObject({ topic: theirs.topic, tenant: theirs.tenant });
        expect(request.expectedOffset).toBe(theirs.expectedOffset);
        expect(request.requestId).toBe(theirs.requestId);
        const ours = consumeResponseType.deserialize(framed(request.records, 7, 8)).records;
        expect(ours).toEqual(
          theirs.records.map((one, index) => ({ ...one, offset: BigInt(7 + index), timestampMs: 8n })),
        );
      }),
      { numRuns: 5000 },
    );
    expect(both).toBeGreaterThan(300);
  });
});
