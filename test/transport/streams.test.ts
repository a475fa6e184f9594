import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { framed, openCall } from "../support/http2-client.js";
import { heldBytes } from "../support/memory.js";
import { consumeBytes, consumed, produceBytes, produced } from "../support/raw-client.js";
import { smallStorage, startTestNode } from "../support/test-node.js";

const topics = ["a", "b", "c"];

test("a ProduceStream answers hundreds of pipelined messages over several topics in order", async () => {
  await using node = await startTestNode({ storage: smallStorage });
  const messages = Array.from({ length: 600 }, (_, index) =>
    produceBytes({ topic: topics[index % 3]!, records: Array.from({ length: 1 + (index % 2) }, () => `v${index}`) }),
  );
  const answered = await node.raw("acme/root").call("ProduceStream", messages);
  expect(answered.code).toBe("OK");
  const next = new Map(topics.map((topic) => [topic, 0n]));
  const expected = messages.map((_, index) => {
    const topic = topics[index % 3]!;
    const offset = next.get(topic)!;
    next.set(topic, offset + BigInt(1 + (index % 2)));
    return { offset, count: 1 + (index % 2), requestId: undefined, error: null };
  });
  expect(answered.messages.map(produced)).toMatchObject(
    expected.map(({ offset, count, error }) => ({ offset, count, error })),
  );
  for (const topic of topics) expect(await node.recordsOf("acme", topic)).toHaveLength(Number(next.get(topic)));
});

test("with request ids every message is answered once, whatever the order", async () => {
  await using node = await startTestNode();
  const messages = Array.from({ length: 300 }, (_, index) =>
    index % 10 === 0
      ? Buffer.concat([produceBytes({ records: [], requestId: BigInt(index) }), Buffer.from([0x12, 0x01, 0x2f])])
      : produceBytes({ topic: topics[index % 3]!, records: [`v${index}`], requestId: BigInt(index) }),
  );
  const answered = await node.raw("acme/root").call("ProduceStream", messages);
  expect(answered.code).toBe("OK");
  const answers = answered.messages.map(produced).sort((a, b) => Number(a.requestId! - b.requestId!));
  expect(answers.map(({ requestId }) => requestId)).toEqual(messages.map((_, index) => BigInt(index)));
  for (const [index, { error }] of answers.entries()) expect(error?.code).toBe(index % 10 === 0 ? 3 : undefined);
});

describe("a refusal in mid-stream comes behind every earlier answer, and nothing later is stored", () => {
  const good = produceBytes({ topic: "a", records: ["good"] });
  const bad = [
    ["a topic name that is none", produceBytes({ topic: "A", records: ["v"] }), "INVALID_ARGUMENT", "INVALID_FIELD"],
    [
      "a wrong expected offset",
      produceBytes({ topic: "a", records: ["v"], expectedOffset: 7n }),
      "FAILED_PRECONDITION",
      "UNEXPECTED_OFFSET",
    ],
    ["another tenant", produceBytes({ tenant: "globex", records: ["v"] }), "PERMISSION_DENIED", "PERMISSION_DENIED"],
    ["bytes that are no message", Buffer.from([0xff]), "INVALID_ARGUMENT", "MALFORMED_MESSAGE"],
    ["no bytes", Buffer.alloc(0), "INVALID_ARGUMENT", "INVALID_FIELD"],
    [
      "a record that is too large",
      produceBytes({ topic: "a", records: ["v".repeat(1024 * 1024 + 1)] }),
      "RESOURCE_EXHAUSTED",
      "LIMIT_EXCEEDED",
    ],
    [
      "a request id where none was before",
      produceBytes({ topic: "a", records: ["v"], requestId: 1n }),
      "INVALID_ARGUMENT",
      "INVALID_FIELD",
    ],
  ] as const;
  for (const [name, message, code, reason] of bad) {
    test(name, async () => {
      await using node = await startTestNode();
      const before = new Array<Buffer>(40).fill(good);
      const answered = await node.raw("acme/root").call("ProduceStream", [...before, message, ...before]);
      expect(answered).toMatchObject({ code, reason, domain: "aclog" });
      expect(answered.messages.map((bytes) => produced(bytes).offset)).toEqual(before.map((_, index) => BigInt(index)));
      expect(await node.valuesOf("acme", "a")).toEqual(before.map(() => "good"));
    });
  }

  test("a message without a request id where the first had one", async () => {
    await using node = await startTestNode();
    const tagged = produceBytes({ topic: "a", records: ["tagged"], requestId: 0n });
    const answered = await node.raw("acme/root").call("ProduceStream", [tagged, good, tagged]);
    expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", fields: ["request_id"] });
    expect(answered.messages.map((bytes) => produced(bytes).requestId)).toEqual([0n]);
    expect(await node.valuesOf("acme", "a")).toEqual(["tagged"]);
  });
});

describe("a ConsumeStream gives each record once, in order, over the borders of segments and commits", () => {
  test.each([0, 1, 3, 7, 1000])("with max_records %i", async (maxRecords) => {
    await using node = await startTestNode({ storage: smallStorage });
    const values = Array.from({ length: 500 }, (_, index) => `${index}:`.padEnd((index * 37) % 400, "x"));
    for (let at = 0; at < values.length; at += 20)
      await node.as("acme/root").produce(values.slice(at, at + 20), { topic: "a" });
    for (const from of [0, 1, 19, 20, 333, 499]) {
      const call = node.raw("acme/root").open("ConsumeStream");
      call.send(consumeBytes({ topic: "a", offset: BigInt(from), maxRecords }));
      call.halfClose();
      const most = Math.max(1, maxRecords);
      const read = [];
      for (let messages = 1; read.length < values.length - from; messages++) {
        const { records, highWaterMark } = consumed((await call.received(messages))[messages - 1]!);
        expect(records.length).toBeGreaterThan(0);
        expect(records.length).toBeLessThanOrEqual(most);
        expect(highWaterMark).toBe(500n);
        read.push(...records);
      }
      call.cancel();
      expect(read.map(({ offset }) => Number(offset))).toEqual(values.slice(from).map((_, index) => from + index));
      expect(read.map(({ value }) => value.toString())).toEqual(values.slice(from));
    }
  });
});

test("a consumer that tails sees everything that several producers send meanwhile", async () => {
  await using node = await startTestNode({ storage: smallStorage });
  await node.as("acme/root").produce("first", { topic: "a" });
  const producers = ["root", "billing"].flatMap((name) => [0, 1].map((number) => ({ name, number })));
  await node.writePolicy({
    "policy.csv": "p, acme/root, acme, *, *, allow\np, acme/billing, acme, a, produce, allow\n",
    "matrix.csv": "# states nothing\n",
  });
  await node.reloadPolicy();
  const sending = producers.map(async ({ name, number }) => {
    for (let index = 0; index < 100; index++)
      await node.as(`acme/${name}`).produce(`${name}${number}:${index}`, { topic: "a" });
  });
  const seen: string[] = [];
  for await (const { offset, value } of node.as("acme/root").follow({ topic: "a", from: "earliest", maxRecords: 5 })) {
    expect(offset).toBe(BigInt(seen.length));
    seen.push(value.toString());
    if (seen.length === 401) break;
  }
  await Promise.all(sending);
  for (const { name, number } of producers) {
    const own = seen.filter((value) => value.startsWith(`${name}${number}:`));
    expect(own).toEqual(Array.from({ length: 100 }, (_, index) => `${name}${number}:${index}`));
  }
});

describe("a client that vanishes leaves nothing behind", () => {
  const waits = [
    ["ConsumeStream", consumeBytes({ topic: "a", start: "LATEST" })],
    ["ConsumeStream", consumeBytes({ topic: "a", start: "TIME", startTimeMs: 2n ** 62n })],
    ["Consume", consumeBytes({ topic: "a", start: "LATEST", maxWaitMs: 60_000 })],
  ] as const;
  test.each(waits)("%s %#", async (method, request) => {
    await using node = await startTestNode();
    await node.as("acme/root").produce("v", { topic: "a" });
    const connections = await node.metric("aclog_connections");
    const session = node.http2("acme/root");
    const streams = [1, 2, 3].map(() => {
      const stream = openCall(session, method);
      stream.end(framed(request));
      return stream;
    });
    await node.metricReaches("aclog_open_consumes", streams.length);
    session.destroy();
    await node.metricReaches("aclog_open_consumes", 0);
    await node.metricReaches("aclog_connections", connections);
    // The waiters are gone too: what comes wakes nobody.
    await node.as("acme/root").produce("w", { topic: "a" });
    expect(node.log.lines.filter(({ level }) => level >= 50)).toEqual([]);
  });
});

test("two requests in one Consume leave nothing open", async () => {
  await using node = await startTestNode();
  const request = consumeBytes({ maxWaitMs: 60_000, start: "LATEST" });
  for (const method of ["Consume", "ConsumeStream"]) {
    expect((await node.raw("acme/root").call(method, [request, request])).code).toBe("UNIMPLEMENTED");
  }
  await node.metricReaches("aclog_open_consumes", 0);
});

test("a slow reader loses nothing", async () => {
  await using node = await startTestNode();
  const value = "x".repeat(64 * 1024);
  for (let count = 0; count < 4; count++)
    await node.as("acme/root").produce(new Array<string>(25).fill(value), { topic: "a" });
  const session = node.http2("acme/root");
  const stream = openCall(session, "ConsumeStream");
  stream.end(framed(consumeBytes({ topic: "a" })));
  stream.pause();
  await once(stream, "response");
  // Nothing is read while other calls come and go.
  for (let count = 0; count < 20; count++) await node.as("acme/root").produce("small", { topic: "b" });
  let bytes = Buffer.alloc(0);
  const offsets: bigint[] = [];
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    for (
      ;
      bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1);
      bytes = bytes.subarray(5 + bytes.readUInt32BE(1))
    ) {
      offsets.push(...consumed(bytes.subarray(5, 5 + bytes.readUInt32BE(1))).records.map(({ offset }) => offset));
    }
    if (offsets.length === 100) break;
  }
  session.destroy();
  expect(offsets).toEqual(Array.from({ length: 100 }, (_, index) => BigInt(index)));
});

test("a reader that stalls holds one message in the server, and nothing of what it has read", async () => {
  await using node = await startTestNode();
  const value = "x".repeat(1024 * 1024);
  for (let count = 0; count < 4; count++) await node.as("acme/root").produce(value, { topic: "a" });
  const session = node.http2("acme/root");
  const stall = async (): Promise<void> => {
    const stream = openCall(session, "ConsumeStream");
    stream.end(framed(consumeBytes({ topic: "a" })));
    let read = 0;
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      read += (chunk as Buffer).length;
      if (read > 1.5 * value.length) break;
    }
  };
  // What the server keeps to read into is the same however many read.
  await Promise.all(Array.from({ length: 10 }, stall));
  const before = await heldBytes();
  await Promise.all(Array.from({ length: 20 }, stall));
  expect(((await heldBytes()) - before) / 20).toBeLessThan(1.4 * value.length);
  session.destroy();
});
