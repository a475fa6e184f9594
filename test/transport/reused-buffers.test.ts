import { type ClientHttp2Session, constants } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { consumeBytes, consumed } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** Each record says which one it is, in every byte: whatever another reader's bytes put in its place is found. */
const topics = ["a", "b", "c"];
const perTopic = 700;
function valueOf(topic: string, offset: number): Buffer {
  const own = `${topic}${offset}.`;
  return Buffer.from(own.repeat(1 + ((offset * 7919) % 700)));
}

let node: TestNode;
beforeAll(async () => {
  // Whole segments take some reads each; and what is read is always in a file, not in memory.
  node = await startTestNode({ storage: { segmentBytes: 1024 * 1024 } });
  for (const topic of topics) {
    for (let at = 0; at < perTopic; at += 35) {
      const values = Array.from({ length: 35 }, (_, index) => valueOf(topic, at + index));
      await node.as("acme/root").produce(values, { topic });
    }
  }
});
afterAll(() => node[Symbol.asyncDispose]());

interface Reader {
  readonly topic: string;
  readonly from: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Turns of the event loop that it lets pass between two chunks. */
  readonly idleTurns: number;
  /** It goes away when it has taken so many bytes. */
  readonly enough: number;
  readonly leaves: "by cancelling" | "with its connection" | "when it has all";
}

const reader: fc.Arbitrary<Reader> = fc.record({
  topic: fc.constantFrom(...topics),
  from: fc.nat({ max: perTopic - 1 }),
  maxRecords: fc.constantFrom(1, 2, 10, 1000),
  maxBytes: fc.constantFrom(1, 5_000, 100_000, 0),
  idleTurns: fc.constantFrom(0, 0, 1, 20),
  enough: fc.integer({ min: 1, max: 2_000_000 }),
  leaves: fc.constantFrom("by cancelling", "with its connection", "when it has all"),
});

/** Checks every record of whole messages at the start of the bytes; gives the rest of them, and where to read on. */
function check(topic: string, bytes: Buffer, from: number): { rest: Buffer; next: number } {
  let rest = bytes;
  let next = from;
  while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
    const end = 5 + rest.readUInt32BE(1);
    for (const { offset, value } of consumed(rest.subarray(5, end)).records) {
      expect(Number(offset)).toBe(next);
      if (!value.equals(valueOf(topic, next))) expect.fail(`${topic}/${next} has other bytes`);
      next++;
    }
    rest = rest.subarray(end);
  }
  return { rest, next };
}

async function stream(shared: ClientHttp2Session, plan: Reader): Promise<void> {
  const { topic, from, maxRecords, maxBytes, leaves } = plan;
  const session = leaves === "with its connection" ? node.http2("acme/root") : shared;
  const call = openCall(session, "ConsumeStream");
  call.end(framed(consumeBytes({ topic, offset: BigInt(from), maxRecords, maxBytes })));
  let state = { rest: Buffer.alloc(0) as Buffer, next: from };
  let taken = 0;
  for await (const chunk of call.iterator({ destroyOnReturn: false })) {
    taken += (chunk as Buffer).length;
    state = check(topic, Buffer.concat([state.rest, chunk as Buffer]), state.next);
    if (state.next === perTopic || (leaves !== "when it has all" && taken >= plan.enough)) break;
    for (let passed = 0; passed < plan.idleTurns; passed++) await turn();
  }
  if (leaves === "with its connection") session.destroy();
  else call.close(constants.NGHTTP2_CANCEL);
}

async function poll({ topic, from, maxRecords, maxBytes }: Reader): Promise<void> {
  for (let next = from, polls = 0; next < perTopic && polls < 5; polls++) {
    const request = consumeBytes({ topic, offset: BigInt(next), maxRecords, maxBytes });
    next = check(topic, framed(await node.raw("acme/root").answer("Consume", request)), next).next;
  }
}

test("readers beside one another get their own records, however slow they are and however they leave", async () => {
  const readers = fc.array(fc.tuple(fc.constantFrom(stream, stream, poll), reader), { minLength: 8, maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(readers, async (plans) => {
      const session = node.http2("acme/root");
      await Promise.all(plans.map(([read, plan]) => (read === poll ? poll(plan) : stream(session, plan))));
      session.destroy();
    }),
    { numRuns: 12 },
  );
}, 60_000);
