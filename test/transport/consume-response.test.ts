import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, Lease } from "../../src/buffer-pool.js";
import type { Consumed } from "../../src/service/index.js";
import { ConsumeMessages, encodeConsumeResponse } from "../../src/transport/consume-response.js";
import { bytesField, concat, varintField } from "../support/protobuf.js";
import { consumed } from "../support/raw-client.js";

const topicId = "00112233445566778899aabbccddeeff";
const highWaterMark = 12_345_678n;

/** Records of the given sizes, in parts that each hold so many of them. */
function framesOf(sizes: readonly number[], partRecords: number): NonNullable<Consumed["frames"]> {
  const frames = sizes.map((size, index) =>
    bytesField(1, concat(bytesField(1, Buffer.alloc(size, index)), varintField(2, BigInt(index)))),
  );
  const parts: Buffer[] = [];
  for (let at = 0; at < frames.length; at += partRecords) parts.push(concat(...frames.slice(at, at + partRecords)));
  return { offset: 0n, count: sizes.length, next: BigInt(sizes.length), parts, lease: undefined };
}

/** What a gRPC client takes out of the bytes of a stream. */
function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0);
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    expect(end).toBeLessThanOrEqual(bytes.length);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}

describe("the messages of a stream", () => {
  test("have every record once, in order, and each no more than its reader wants", () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 300 })), { minLength: 1, maxLength: 60 });
    const most = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(4096));
    const room = fc.oneof(fc.integer({ min: 1, max: 900 }), fc.constant(1 << 20));
    const pool = new BufferPool();
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 20 }), most, room, (values, partRecords, maxRecords, maxBytes) => {
        const frames = framesOf(values, partRecords);
        const frameBytes = frames.parts.reduce((sum, { length }) => sum + length, 0);
        const trailerBytes = encodeConsumeResponse({ topicId, highWaterMark, frames: undefined }).length;
        const messages = new ConsumeMessages({ topicId, highWaterMark, frames }, { maxRecords, maxBytes });
        const { bytes, lease } = messages.encode(pool);
        expect(bytes.length).toBeLessThanOrEqual(messages.byteLength);
        const sent = messagesIn(bytes);
        const read = sent.map(consumed);
        expect(read.flatMap(({ records }) => records.map(({ offset }) => Number(offset)))).toEqual([...values.keys()]);
        expect(read.flatMap(({ records }) => records.map(({ value }) => value.length))).toEqual(values);
        for (const [index, { records, topicId: id, highWaterMark: mark }] of read.entries()) {
          expect([id.toString("hex"), mark]).toEqual([topicId, highWaterMark]);
          expect(records.length).toBeLessThanOrEqual(maxRecords);
          if (records.length > 1) expect(sent[index]!.length - trailerBytes).toBeLessThanOrEqual(maxBytes);
        }
        // As few as the limits allow: none could have taken the first record of the next.
        if (values.length <= maxRecords && frameBytes <= maxBytes) expect(sent.length).toBe(1);
        for (const [index, { records }] of read.slice(0, -1).entries()) {
          const [next] = framesOf([read[index + 1]!.records[0]!.value.length], 1).parts;
          const grown = sent[index]!.length - trailerBytes + next!.length;
          expect(records.length === maxRecords || grown + 2 > maxBytes).toBe(true);
        }
        lease.release();
      }),
      { numRuns: 300 },
    );
  });

  test.each(["messages", "a response"])("as %s, give back what was read once it is copied, and not before", (kind) => {
    let given = 0;
    const memory = framesOf([10, 20, 30], 2);
    const frames = { ...memory, lease: new Lease(Buffer.alloc(0), () => (given += 1)) };
    const read = { topicId, highWaterMark, frames };
    const values: Buffer[] = [];
    if (kind === "messages") {
      const messages = new ConsumeMessages(read, { maxRecords: 2, maxBytes: 1 << 20 });
      expect(given).toBe(0);
      values.push(...messagesIn(messages.encode(new BufferPool()).bytes));
    } else {
      const response = encodeConsumeResponse(read);
      const target = Buffer.alloc(response.byteLength);
      expect(given).toBe(0);
      response.copy(target);
      values.push(target);
    }
    expect(given).toBe(1);
    expect(memory.parts).toEqual([]);
    expect(values.flatMap((bytes) => consumed(bytes).records.map(({ value }) => value.length))).toEqual([10, 20, 30]);
  });
});
