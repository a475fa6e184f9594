import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consumeBytes, consumed, produceBytes, produced } from "../support/raw-client.js";
import type { ConsumeRequest } from "../../src/wire/generated/log/v1/ConsumeRequest.js";
import type { ConsumeResponseOutput } from "../../src/wire/generated/log/v1/ConsumeResponse.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
  await node.as("acme/root").produce(["r0", "r1", "r2", "r3", "r4"], { topic: "five" });
});
afterAll(() => node[Symbol.asyncDispose]());

const consume = async (request: ConsumeRequest): Promise<ConsumeResponseOutput> =>
  consumed(await node.raw("acme/root").answer("Consume", consumeBytes(request)));
const valuesIn = ({ records }: ConsumeResponseOutput): string[] => records.map(({ value }) => value.toString());

test("what is said of a record comes back as it was, and offset and time are the server's", async () => {
  const before = Date.now();
  const headers = [
    { name: "content-type", value: Buffer.from("text/plain") },
    { name: "", value: Buffer.alloc(0) },
    { name: "naïve 🎉", value: Buffer.from([0, 255]) },
  ];
  const record = { value: Buffer.from([0, 1, 2]), key: Buffer.from("key"), headers };
  const { offset, topicId } = await node.as("acme/root").produce(record, { topic: "whole" });
  const read = await consume({ topic: "whole" });
  expect(read.records).toMatchObject([{ ...record, offset }]);
  expect(Number(read.records[0]!.timestampMs)).toBeGreaterThanOrEqual(before - 1);
  expect(Number(read.records[0]!.timestampMs)).toBeLessThanOrEqual(Date.now() + 1);
  expect(read).toMatchObject({ topicId, highWaterMark: 1n });
  expect(topicId).toHaveLength(16);
});

test("no topic is default, no tenant is the caller's own, and naming them is the same", async () => {
  const raw = node.raw("globex/root");
  await raw.answer("Produce", produceBytes({ records: ["mine"] }));
  await raw.answer("Produce", produceBytes({ tenant: "globex", topic: "default", records: ["too"] }));
  expect(await node.valuesOf("globex", "default")).toEqual(["mine", "too"]);
  expect(await node.valuesOf("acme", "default")).toEqual([]);
});

test("default exists before anything was produced", async () => {
  expect(await node.raw("ops/root").call("Consume", [consumeBytes({})])).toMatchObject({
    code: "OUT_OF_RANGE",
    facts: { base: "0", next: "0" },
  });
  expect((await node.as("ops/root").consume({ from: "earliest" })).records).toEqual([]);
});

test("a batch that expects records in a topic that is missing is refused, and does not create it", async () => {
  const raw = node.raw("acme/root");
  const request = produceBytes({ topic: "not-there", records: ["a"], expectedOffset: 5n });
  expect(await raw.call("Produce", [request])).toMatchObject({
    code: "FAILED_PRECONDITION",
    facts: { expected: "5", actual: "0" },
  });
  expect(await raw.call("Consume", [consumeBytes({ topic: "not-there" })])).toMatchObject({ code: "NOT_FOUND" });
});

test("expected_offset 0 is an expectation, and a batch is stored at the expected offset or not at all", async () => {
  const raw = node.raw("acme/root");
  const request = produceBytes({ topic: "expected", records: ["a", "b"], expectedOffset: 0n });
  expect(produced(await raw.answer("Produce", request))).toMatchObject({ offset: 0n, count: 2 });
  for (const method of ["Produce", "ProduceStream"]) {
    expect(await raw.call(method, [request])).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "UNEXPECTED_OFFSET",
      facts: { expected: "0", actual: "2" },
    });
  }
  const next = produceBytes({ topic: "expected", records: ["c"], expectedOffset: 2n });
  expect(produced(await raw.answer("Produce", next)).offset).toBe(2n);
  expect(await node.valuesOf("acme", "expected")).toEqual(["a", "b", "c"]);
});

test("a request id comes back from a unary call too, also 0", async () => {
  for (const requestId of [0n, 2n ** 64n - 1n]) {
    const answer = await node.raw("acme/root").answer("Produce", produceBytes({ records: ["v"], requestId }));
    expect(produced(answer).requestId).toBe(requestId);
  }
});

describe("a topic id", () => {
  test("that holds is as good as none", async () => {
    const { topicId } = await node.as("acme/root").produce("v", { topic: "known" });
    await node.as("acme/root").produce("w", { topic: "known", topicId });
    expect(valuesIn(await consume({ topic: "known", topicId, offset: 1n }))).toEqual(["w"]);
  });

  test("that does not hold is FAILED_PRECONDITION, and nothing is stored or delivered", async () => {
    const topicId = Buffer.alloc(16, 7);
    for (const [method, request] of [
      ["Produce", produceBytes({ topic: "five", records: ["v"], topicId })],
      ["ProduceStream", produceBytes({ topic: "five", records: ["v"], topicId })],
      ["Consume", consumeBytes({ topic: "five", topicId })],
      ["ConsumeStream", consumeBytes({ topic: "five", topicId })],
    ] as const) {
      expect(await node.raw("acme/root").call(method, [request])).toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "TOPIC_ID_MISMATCH",
        facts: { requested: topicId.toString("hex") },
        messages: [],
      });
    }
    expect(await node.valuesOf("acme", "five")).toHaveLength(5);
  });
});

describe("max_records and max_bytes bound a response, and the first record always comes whole", () => {
  const cases = [
    [{}, ["r0"]],
    [{ maxRecords: 1 }, ["r0"]],
    [{ maxRecords: 3 }, ["r0", "r1", "r2"]],
    [{ maxRecords: 2 ** 32 - 1 }, ["r0", "r1", "r2", "r3", "r4"]],
    [{ maxRecords: 9, maxBytes: 1 }, ["r0"]],
    [{ maxRecords: 9, maxBytes: 2 ** 32 - 1 }, ["r0", "r1", "r2", "r3", "r4"]],
    [{ maxRecords: 2, offset: 3n }, ["r3", "r4"]],
  ] as const;
  test.each(cases)("%o", async (request, expected) => {
    expect(valuesIn(await consume({ topic: "five", ...request }))).toEqual(expected);
  });

  test("three large records with room for two", async () => {
    await node.as("acme/root").produce(
      ["a", "b", "c"].map((letter) => letter.repeat(1000)),
      { topic: "large" },
    );
    expect((await consume({ topic: "large", maxRecords: 9, maxBytes: 2100 })).records).toHaveLength(2);
  });
});

describe("a start", () => {
  test("at EARLIEST, LATEST and a time", async () => {
    const client = node.as("acme/root");
    const times: bigint[] = [];
    for (const value of ["first", "second", "third"]) {
      await client.produce(value, { topic: "timed" });
      const { records } = await consume({ topic: "timed", offset: BigInt(times.length) });
      times.push(records[0]!.timestampMs);
      // The next one is to have a later time.
      while (BigInt(Date.now()) <= times.at(-1)!) await new Promise(setImmediate);
    }
    // One response need not hold all there is; where it begins is what counts here.
    const first = async (request: ConsumeRequest): Promise<string | undefined> =>
      valuesIn(await consume({ topic: "timed", maxRecords: 9, ...request }))[0];
    expect(await first({ start: "EARLIEST", offset: 2n })).toBe("first");
    expect(await first({ start: "LATEST" })).toBeUndefined();
    expect(await first({ start: "TIME" })).toBe("first");
    expect(await first({ start: "TIME", startTimeMs: times[0]! })).toBe("first");
    expect(await first({ start: "TIME", startTimeMs: times[0]! + 1n })).toBe("second");
    expect(await first({ start: "TIME", startTimeMs: times[2]! })).toBe("third");
    expect(await first({ start: "TIME", startTimeMs: times[2]! + 60_000n })).toBeUndefined();
    expect(await first({ start: "TIME", startTimeMs: 2n ** 63n - 1n })).toBeUndefined();
    expect((await consume({ topic: "timed", start: "LATEST" })).highWaterMark).toBe(3n);
  });

  test("at LATEST of a stream gives only what comes later", async () => {
    const call = node.raw("acme/root").open("ConsumeStream");
    call.send(consumeBytes({ topic: "five", start: "LATEST", maxRecords: 9 }));
    call.halfClose();
    await node.metricReaches("aclog_open_consumes", 1);
    await node.as("acme/root").produce("late", { topic: "five" });
    const [message] = await call.received(1);
    expect(valuesIn(consumed(message!))).toEqual(["late"]);
    call.cancel();
  });
});

describe("max_wait_ms", () => {
  test.each([
    ["an offset at the end", { offset: 0n }],
    ["LATEST", { start: "LATEST" }],
    ["a time", { start: "TIME", startTimeMs: 1n }],
  ] as const)("from %s is answered as soon as a record comes", async (name, start) => {
    const topic = `waited.${name.replaceAll(" ", "-").toLowerCase()}`;
    const { topicId } = await node.as("acme/root").produce("old", { topic });
    const wanted =
      "offset" in start
        ? { offset: 1n }
        : "startTimeMs" in start
          ? { ...start, startTimeMs: BigInt(Date.now() + 5) }
          : start;
    const waiting = consume({ topic, topicId, maxWaitMs: 60_000, ...wanted });
    await node.metricReaches("aclog_open_consumes", 1);
    while (Date.now() < Number("startTimeMs" in wanted ? wanted.startTimeMs : 0n)) await new Promise(setImmediate);
    await node.as("acme/root").produce("new", { topic });
    expect(valuesIn(await waiting)).toEqual(["new"]);
  });

  test("in vain gives an empty answer, and not before the time", async () => {
    const started = performance.now();
    expect(await consume({ topic: "five", start: "LATEST", maxWaitMs: 50 })).toMatchObject({ records: [] });
    const end = BigInt((await node.recordsOf("acme", "five"))!.length);
    expect(await consume({ topic: "five", offset: end, maxWaitMs: 50 })).toMatchObject({
      records: [],
      highWaterMark: end,
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(98);
  });

  test("does not wait where there is something to read", async () => {
    expect(valuesIn(await consume({ topic: "five", offset: 4n, maxWaitMs: 60_000 }))).toEqual(["r4"]);
  });
});

test("a ConsumeStream past the end waits there, and gives the records of that offset on", async () => {
  const call = node.raw("acme/root").open("ConsumeStream");
  call.send(consumeBytes({ topic: "ahead", offset: 2n }));
  call.halfClose();
  expect((await call.end()).code).toBe("NOT_FOUND");
  await node.as("acme/root").produce("0", { topic: "ahead" });
  const waiting = node.raw("acme/root").open("ConsumeStream");
  waiting.send(consumeBytes({ topic: "ahead", offset: 2n }));
  waiting.halfClose();
  await node.metricReaches("aclog_open_consumes", 1);
  await node.as("acme/root").produce("1", { topic: "ahead" });
  await node.as("acme/root").produce("2", { topic: "ahead" });
  const [message] = await waiting.received(1);
  expect(valuesIn(consumed(message!))).toEqual(["2"]);
  waiting.cancel();
});
