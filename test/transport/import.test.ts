import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ImportResponseOutput } from "../../src/wire/generated/log/v1/ImportResponse.js";
import { BacklogFull } from "../../src/errors.js";
import { framed, openCall } from "../support/http2-client.js";
import { EngineServer } from "../support/grpc-server.js";
import { decoded, encoded } from "../support/messages.js";
import { type RawClient, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node[Symbol.asyncDispose]());

async function imported(client: RawClient, messages: readonly Buffer[]): Promise<ImportResponseOutput> {
  const { code, words, messages: answers } = await client.call("Import", messages);
  if (code !== "OK") throw new Error(`${code}: ${words}`);
  expect(answers).toHaveLength(1);
  return decoded("ImportResponse", answers[0]!);
}

const batch = (topic: string, ...records: string[]): Buffer => produceBytes({ topic, records });

test("an import of a hundred thousand records is answered once, with a summary that is true", async () => {
  const perBatch = 1000;
  const messages = Array.from({ length: 100 }, (_, index) =>
    produceBytes({
      topic: index === 0 ? "large" : "",
      records: Array.from({ length: perBatch }, (_unused, record) => `${index * perBatch + record}`),
    }),
  );
  const summary = await imported(node.raw("acme/root"), messages);
  expect(summary).toMatchObject({ count: 100_000n, firstOffset: 0n, lastOffset: 99_999n });
  expect(summary.bytes).toBe(BigInt(messages.reduce((sum, message) => sum + message.length, 0)));
  expect(summary.seconds).toBeGreaterThan(0);
  expect(summary.topicId).toHaveLength(16);
  const values = (await node.valuesOf("acme", "large"))!;
  expect(values).toHaveLength(100_000);
  expect(values.every((value, index) => value === `${index}`)).toBe(true);
  // Of what comes behind it, the summary tells only its own part.
  const more = await imported(node.raw("acme/root"), [batch("large", "a", "b")]);
  expect(more).toMatchObject({ count: 2n, firstOffset: 100_000n, lastOffset: 100_001n, topicId: summary.topicId });
});

test("an import of nothing stores nothing and makes nothing", async () => {
  const before = await node.topics();
  expect(await imported(node.raw("acme/root"), [])).toEqual({
    count: 0n,
    firstOffset: 0n,
    lastOffset: 0n,
    bytes: 0n,
    seconds: 0,
    topicId: Buffer.alloc(0),
  });
  expect(await node.topics()).toEqual(before);
});

describe("a refusal in the middle of an import ends it: what came before is stored, nothing later is", () => {
  const refusals: readonly (readonly [what: string, message: Buffer, code: string, expected: object])[] = [
    ["another topic", batch("elsewhere", "x"), "INVALID_ARGUMENT", { reason: "INVALID_FIELD", fields: ["topic"] }],
    [
      "a topic that is closed to the caller",
      produceBytes({ tenant: "globex", records: ["x"] }),
      "PERMISSION_DENIED",
      {},
    ],
    ["a request id", produceBytes({ records: ["x"], requestId: 1n }), "INVALID_ARGUMENT", { fields: ["request_id"] }],
    ["no records", Buffer.alloc(0), "INVALID_ARGUMENT", { fields: ["records"] }],
    ["bytes that are no message", Buffer.from([0xff]), "INVALID_ARGUMENT", { reason: "MALFORMED_MESSAGE" }],
    [
      "an expected offset that does not hold",
      produceBytes({ records: ["x"], expectedOffset: 7n }),
      "FAILED_PRECONDITION",
      { reason: "UNEXPECTED_OFFSET", facts: { expected: "7", actual: "40", imported: "40", next: "40" } },
    ],
    [
      "another topic id",
      produceBytes({ records: ["x"], topicId: Buffer.alloc(16) }),
      "FAILED_PRECONDITION",
      { reason: "TOPIC_ID_MISMATCH" },
    ],
    [
      "a record that is too large",
      produceBytes({ records: ["v".repeat(1024 * 1024 + 1)] }),
      "RESOURCE_EXHAUSTED",
      { reason: "LIMIT_EXCEEDED" },
    ],
  ];
  test.each(refusals)("%s", async (what, message, code, expected) => {
    const topic = `refused.${what.replaceAll(" ", "-")}`;
    const before = Array.from({ length: 20 }, () => batch(topic, "a", "b"));
    const answered = await node.raw("acme/root").call("Import", [...before, message, ...before]);
    expect(answered).toMatchObject({ code, ...expected });
    expect(answered.facts).toMatchObject({ imported: "40", next: "40" });
    expect(answered.messages).toEqual([]);
    expect(await node.valuesOf("acme", topic)).toHaveLength(40);
    expect(await node.valuesOf("acme", "elsewhere")).toBeUndefined();
  });

  test("the very first message: nothing was imported", async () => {
    const answered = await node.raw("acme/root").call("Import", [batch("Bad", "x"), batch("never", "x")]);
    expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", facts: { field: "topic", imported: "0" } });
    expect(answered.facts).not.toHaveProperty("next");
    expect(await node.valuesOf("acme", "never")).toBeUndefined();
  });
});

test("names that later messages leave out are those of the first, also where it is another tenant's topic", async () => {
  await using sharing = await startTestNode({
    policy: {
      "policy.csv": "p, acme/root, globex, shared, *, allow\np, globex/root, globex, *, *, allow\n",
    },
  });
  const messages = [
    produceBytes({ tenant: "globex", topic: "shared", records: ["a"] }),
    produceBytes({ records: ["b"] }),
    produceBytes({ topic: "shared", records: ["c"] }),
    produceBytes({ tenant: "globex", records: ["d"] }),
  ];
  expect(await imported(sharing.raw("acme/root"), messages)).toMatchObject({ count: 4n });
  expect(await sharing.valuesOf("globex", "shared")).toEqual(["a", "b", "c", "d"]);
});

test("an import is bound to the topic that it began with: a later one of that name gets nothing of it", async () => {
  const call = node.raw("acme/root").open("Import");
  call.send(batch("bound", "old"));
  await until(async () => (await node.valuesOf("acme", "bound"))?.length === 1);
  await node.raw("acme/root").answer("/log.v1.Topics/Delete", encoded("DeleteTopicRequest", { topic: "bound" }));
  await node.as("acme/root").produce("new", { topic: "bound" });
  call.send(batch("", "lost"));
  expect(await call.end()).toMatchObject({ code: "FAILED_PRECONDITION", facts: { imported: "1", next: "1" } });
  expect(await node.valuesOf("acme", "bound")).toEqual(["new"]);
});

test("an expected offset holds for each request", async () => {
  const expecting = (expectedOffset: bigint) => produceBytes({ topic: "expected", records: ["v"], expectedOffset });
  expect(await imported(node.raw("acme/root"), [expecting(0n), expecting(1n), expecting(2n)])).toMatchObject({
    count: 3n,
  });
});

test("messages are judged by the policy in force: those that came before stay", async () => {
  await using changing = await startTestNode();
  const call = changing.raw("acme/root").open("Import");
  call.send(batch("judged", "a"));
  await until(async () => (await changing.valuesOf("acme", "judged"))?.length === 1);
  await changing.writePolicy({
    "policy.csv": "p, acme/root, acme, *, consume, allow\n",
    "matrix.csv": "# states nothing\n",
  });
  await changing.reloadPolicy();
  call.send(batch("", "b"));
  expect(await call.end()).toMatchObject({ code: "PERMISSION_DENIED", facts: { imported: "1", next: "1" } });
  expect(await changing.valuesOf("acme", "judged")).toEqual(["a"]);
});

test("an import that is cancelled is over at once, and leaves nothing open", async () => {
  await using one = await startTestNode({
    policy: { "tenants.yaml": "tenants: { acme: { limits: { streams: 1 } }, globex: {}, ops: {} }\n" },
  });
  for (let count = 0; count < 3; count++) {
    const call = one.raw("acme/root").open("Import");
    call.send(batch("cancelled", "v"));
    await until(async () => ((await one.valuesOf("acme", "cancelled"))?.length ?? 0) > count);
    call.cancel();
    expect(await call.end()).toMatchObject({ code: "CANCELLED" });
    // Its place is free again: the next one begins.
  }
});

test("a drain ends an import behind what it has stored, and says how far it came", async () => {
  await using draining = await startTestNode();
  const call = draining.raw("acme/root").open("Import");
  call.send(batch("drained", "a", "b"));
  await until(async () => (await draining.valuesOf("acme", "drained"))?.length === 2);
  await draining.drain();
  expect(await call.end()).toMatchObject({ code: "UNAVAILABLE", facts: { imported: "2", next: "2" } });
  await draining.restart();
  expect(await draining.valuesOf("acme", "drained")).toEqual(["a", "b"]);
});

test("an import waits for its own backlog, and is not read further meanwhile", async () => {
  let appended = 0;
  const waiting: (() => void)[] = [];
  await using server = await EngineServer.start({
    append: async (records) => {
      appended++;
      const durable = new Promise<{ offset: bigint; count: number }>((resolve) => {
        waiting.push(() => resolve({ offset: 0n, count: records.count }));
      });
      return { durable };
    },
  });
  const session = server.http2("acme/root");
  const stream = openCall(session, "Import");
  const message = framed(produceBytes({ topic: "orders", records: Array<string>(3).fill("x".repeat(1024 * 1000)) }));
  for (let count = 0; count < 12; count++) stream.write(message);
  stream.end();
  const other = server.raw("acme/root");
  // Six of three megabytes are beyond 16 MiB.
  await until(async () => appended === 6);
  // Whatever the server takes on its own, it has taken when it has answered so many other calls.
  for (let count = 0; count < 300; count++) await other.call("Consume", [Buffer.from([0xff])]);
  expect(appended).toBe(6);
  const ended = once(stream, "end");
  stream.resume();
  let done = false;
  void ended.then(() => (done = true));
  while (!done) {
    waiting.shift()?.();
    await new Promise(setImmediate);
  }
  expect(appended).toBe(12);
  session.destroy();
  await other.close();
});

describe("where the tenant has too much on its way to the disk", () => {
  /** An engine that takes so many batches at a time. */
  async function busy(room: number) {
    let underWay = 0;
    let refused = 0;
    const server = await EngineServer.start({
      append: async (records) => {
        if (underWay >= room) {
          refused++;
          throw new BacklogFull(1);
        }
        underWay++;
        const written = async () => {
          // As long as it takes for more to come.
          for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
          underWay--;
          return { offset: 0n, count: records.count };
        };
        return { durable: written() };
      },
    });
    return { server, refusals: () => refused };
  }

  test("an import waits for its own part of it", async () => {
    const { server, refusals } = await busy(2);
    await using stopping = server;
    const raw = stopping.raw("acme/root");
    expect(await imported(raw, Array<Buffer>(50).fill(batch("orders", "v")))).toMatchObject({ count: 50n });
    expect(refusals()).toBeGreaterThan(0);
    await raw.close();
  });

  test("an import is refused where that is others'", async () => {
    const { server } = await busy(0);
    await using stopping = server;
    const raw = stopping.raw("acme/root");
    expect(await raw.call("Import", [batch("orders", "v")])).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "BACKLOG_FULL",
      facts: { imported: "0" },
      details: { QuotaFailure: { violations: [{ subject: "server:backlog" }] }, RetryInfo: {} },
    });
    await raw.close();
  });
});

test("an import without names goes to the caller's default", async () => {
  await using fresh = await startTestNode();
  expect(await imported(fresh.raw("acme/root"), [produceBytes({ records: ["v"] })])).toMatchObject({ count: 1n });
  expect(await fresh.valuesOf("acme", "default")).toEqual(["v"]);
});

/** What the server does by itself has no event here: it is asked until it has done it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}
