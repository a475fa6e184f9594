import { EventEmitter, once } from "node:events";
import { type IncomingHttpHeaders, constants } from "node:http2";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { StorageFull } from "../../src/errors.js";
import { EngineServer, framesOf } from "../support/grpc-server.js";
import { framed, openCall } from "../support/http2-client.js";
import { decoded, encoded } from "../support/messages.js";
import { type Answered, RawClient, consumeBytes, produceBytes } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** A server on which acme has these limits; globex has the defaults. */
async function limited(limits: string): Promise<TestNode> {
  return startTestNode({
    policy: {
      "tenants.yaml": `tenants:\n  acme: { limits: ${limits} }\n  globex: {}\n`,
      "policy.csv": `
p, role:root, *, *, *, allow
g, acme/root, role:root, acme
g, globex/root, role:root, globex
p, globex/partner, acme, shared, *, allow
`,
    },
  });
}

/** What every refusal for a limit of acme says. */
function quota(limit: string, maximum: number) {
  return {
    code: "RESOURCE_EXHAUSTED",
    reason: "QUOTA_EXCEEDED",
    domain: "aclog",
    facts: expect.objectContaining({ tenant: "acme", limit, maximum: `${maximum}` }) as object,
    details: expect.objectContaining({
      QuotaFailure: {
        violations: [{ subject: "tenant:acme", description: expect.stringContaining(limit) as string }],
      },
    }) as object,
  };
}

const createTopic = (node: TestNode, topic: string): Promise<Answered> =>
  node.raw("acme/root").call("/log.v1.Topics/Create", [encoded("CreateTopicRequest", { topic })]);
const deleteTopic = (node: TestNode, topic: string): Promise<Answered> =>
  node.raw("acme/root").call("/log.v1.Topics/Delete", [encoded("DeleteTopicRequest", { topic })]);

async function topicsOf(node: TestNode, principal: string) {
  const answer = await node.raw(principal).answer("/log.v1.Topics/List", encoded("ListTopicsRequest", {}));
  return decoded("ListTopicsResponse", answer).topics;
}

/** The ways to store a batch, each as one call. */
const producing = ["Produce", "ProduceStream", "Import"] as const;

describe("topics", () => {
  test("are as many as the tenant may have, however they are made", async () => {
    await using node = await limited("{ topics: 2 }");
    await node.as("acme/root").produce("v");
    expect((await createTopic(node, "a")).code).toBe("OK");
    expect((await node.as("acme/root").produce("v", { topic: "b" })).offset).toBe(0n);
    const before = await node.topics();
    expect(await createTopic(node, "c")).toMatchObject(quota("topics", 2));
    for (const method of producing) {
      const answered = await node.raw("acme/root").call(method, [produceBytes({ topic: "c", records: ["v"] })]);
      expect(answered, method).toMatchObject(quota("topics", 2));
      expect(answered.messages).toEqual([]);
    }
    expect(await createTopic(node, "a")).toMatchObject({ code: "ALREADY_EXISTS" });
    expect(await node.topics()).toEqual(before);
    expect((await topicsOf(node, "acme/root")).map(({ topic }) => topic)).toEqual(["a", "b", "default"]);

    expect((await deleteTopic(node, "a")).code).toBe("OK");
    expect((await createTopic(node, "c")).code).toBe("OK");
    expect(await createTopic(node, "d")).toMatchObject(quota("topics", 2));
    expect((await node.as("globex/root").produce("v", { topic: "c" })).offset).toBe(0n);
  });

  test("may be none: default and the server's own are there all the same", async () => {
    await using node = await limited("{ topics: 0 }");
    expect((await node.as("acme/root").produce("v")).offset).toBe(0n);
    const commit = encoded("CommitOffsetRequest", { group: "g", offset: 1 });
    await node.raw("acme/root").answer("/log.v1.Offsets/Commit", commit);
    expect(await createTopic(node, "a")).toMatchObject(quota("topics", 0));
  });

  test("are not one too many when they are made at a time", async () => {
    await using node = await limited("{ topics: 3 }");
    const attempts = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0
        ? createTopic(node, `t${index}`)
        : node.raw("acme/root").call("Produce", [produceBytes({ topic: `t${index}`, records: ["v"] })]),
    );
    const answers = await Promise.all(attempts);
    expect(answers.filter(({ code }) => code === "OK")).toHaveLength(3);
    for (const answer of answers.filter(({ code }) => code !== "OK")) {
      expect(answer).toMatchObject(quota("topics", 3));
    }
    expect((await topicsOf(node, "acme/root")).filter(({ topic }) => topic !== "default")).toHaveLength(3);
  });

  test("are not one too many when their names are being freed at the time", async () => {
    await using node = await limited("{ topics: 4 }");
    const names = ["a", "b", "c", "d"];
    for (const name of names) expect((await createTopic(node, name)).code).toBe("OK");
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        ...names.map((name) => deleteTopic(node, name)),
        ...names.map((name) => createTopic(node, name)),
        ...names.map((name) => createTopic(node, `${name}.${round}`)),
      ]);
      const made = (await topicsOf(node, "acme/root")).filter(({ topic }) => topic !== "default");
      expect(made.length).toBeLessThanOrEqual(4);
      for (const { topic } of made) expect((await deleteTopic(node, topic)).code).toBe("OK");
      for (const name of names) expect((await createTopic(node, name)).code).toBe("OK");
    }
  });

  test("that are full do not keep two from the same new one", async () => {
    await using node = await limited("{ topics: 1 }");
    const request = produceBytes({ topic: "new", records: ["v"] });
    const answers = await Promise.all([1, 2, 3].map(() => node.raw("acme/root").call("Produce", [request])));
    expect(answers.map(({ code }) => code)).toEqual(["OK", "OK", "OK"]);
    await deleteTopic(node, "new");
    const made = await Promise.all([1, 2, 3].map(() => createTopic(node, "made")));
    expect(made.map(({ code }) => code).sort()).toEqual(["ALREADY_EXISTS", "ALREADY_EXISTS", "OK"]);
  });
});

describe("answers that nobody reads", () => {
  test("are bounded for the tenant, and what they took is there again when they are gone", async () => {
    await using node = await limited("{}");
    const megabyte = "x".repeat(1_000_000);
    for (let n = 0; n < 3; n++) await node.as("acme/root").produce(megabyte, { topic: "big" });
    await node.as("globex/root").produce("v", { topic: "big" });
    const request = framed(consumeBytes({ topic: "big", maxRecords: 3, maxBytes: 3 << 20 }));
    const session = node.http2("acme/root");
    // Nobody takes their bytes; a refusal has none, and comes through.
    const refused = await new Promise<IncomingHttpHeaders>((resolve) => {
      for (let n = 0; n < 200; n++) {
        const call = openCall(session, "Consume");
        call.on("trailers", resolve);
        call.end(request);
      }
    });
    expect(refused["grpc-status"]).toBe(`${status.RESOURCE_EXHAUSTED}`);
    const again = () => node.raw("acme/root").call("Consume", [consumeBytes({ topic: "big" })]);
    expect(await again()).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "ANSWERS_UNREAD" });
    expect((await node.as("globex/root").consume({ topic: "big", from: "earliest" })).records).toHaveLength(1);
    session.destroy();
    while ((await again()).code !== "OK") await new Promise(setImmediate);
  });

  test("are bounded also when they are lists", async () => {
    await using node = await limited("{}");
    await node.as("acme/root").produce("v");
    const groups = Array.from({ length: 1000 }, (_, index) => `${index}`.padStart(60, "g"));
    const commit = (group: string) =>
      node.raw("acme/root").answer("/log.v1.Offsets/Commit", encoded("CommitOffsetRequest", { group }));
    await Promise.all(groups.map(commit));
    const list = encoded("ListOffsetsRequest", { pageSize: 1000 });
    const sessions = [node.http2("acme/root"), node.http2("acme/root")];
    const refused = await new Promise<IncomingHttpHeaders>((resolve) => {
      for (let n = 0; n < 400; n++) {
        const call = openCall(sessions[n % 2]!, "List", { ":path": "/log.v1.Offsets/List" });
        call.on("trailers", resolve);
        call.end(framed(list));
      }
    });
    expect(refused["grpc-status"]).toBe(`${status.RESOURCE_EXHAUSTED}`);
    const again = () => node.raw("acme/root").call("/log.v1.Offsets/List", [list]);
    expect(await again()).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "ANSWERS_UNREAD" });
    for (const session of sessions) session.destroy();
    while ((await again()).code !== "OK") await new Promise(setImmediate);
  });

  test("do not count for a caller who had gone before they came", async () => {
    const gate = new EventEmitter();
    const opened = once(gate, "open");
    let reads = 0;
    await using server = await EngineServer.start({
      range: () => ({ base: 0n, next: 1n }),
      read: async () => {
        reads++;
        await opened;
        return framesOf(0n, 1, 1_000_000);
      },
    });
    const session = server.http2("acme/root");
    const request = framed(consumeBytes({ topic: "orders" }));
    const calls = Array.from({ length: 200 }, () => openCall(session, "Consume").end(request));
    while (reads < calls.length) await new Promise(setImmediate);
    for (const call of calls) call.close(constants.NGHTTP2_CANCEL);
    // What came first on a connection is read first.
    await once(openCall(session, "Consume").end(framed(Buffer.from([0xff]))), "response");
    gate.emit("open");
    const raw = server.raw("acme/root");
    expect((await raw.call("Consume", [consumeBytes({ topic: "orders" })])).code).toBe("OK");
    session.destroy();
    await raw.close();
  });
});

describe("storage", () => {
  const limit = 256 * 1024;
  const value = "x".repeat(10_000);
  const stored = async (node: TestNode) =>
    (await topicsOf(node, "acme/root")).reduce((sum, { storedBytes }) => sum + Number(storedBytes), 0);

  test("has room again once enough of a topic is truncated, and not only when all of it is", async () => {
    await using node = await limited(`{ storage_bytes: ${limit} }`);
    const root = node.as("acme/root");
    const produce = () => node.raw("acme/root").call("Produce", [produceBytes({ topic: "a", records: [value] })]);
    let count = 0n;
    for (let answer = await produce(); answer.code === "OK"; answer = await produce()) count++;
    await root.topics.truncate("a", { before: count / 2n });
    while ((await produce()).code !== "OK") await new Promise(setImmediate);
    expect(await node.valuesOf("acme", "a")).toHaveLength(Number(count - count / 2n) + 1);
  });

  test("is never more than the tenant may have, whoever produces at a time; all that is acknowledged is there", async () => {
    await using node = await limited(`{ storage_bytes: ${limit} }`);
    const topics = ["a", "b", "shared"];
    for (const topic of topics) expect((await createTopic(node, topic)).code).toBe("OK");
    const attempts = Array.from({ length: 90 }, async (_, index) => {
      const topic = topics[index % 3]!;
      const principal = topic === "shared" ? "globex/partner" : "acme/root";
      const request = produceBytes({ tenant: "acme", topic, records: [value] });
      return { topic, ...(await node.raw(principal).call(producing[index % 2]!, [request])) };
    });
    const answers = await Promise.all(attempts);
    const taken = answers.filter(({ code }) => code === "OK");
    expect(taken.length).toBeGreaterThan(15);
    expect(taken.length).toBeLessThan(90);
    for (const answer of answers.filter(({ code }) => code !== "OK")) {
      expect(answer).toMatchObject(quota("storage_bytes", limit));
    }
    expect(await stored(node)).toBeLessThanOrEqual(limit);
    for (const topic of topics) {
      const acknowledged = taken.filter((answer) => answer.topic === topic).length;
      expect(await node.valuesOf("acme", topic), topic).toHaveLength(acknowledged);
    }
    // The owner's limit, not the caller's: his own topics take more.
    expect((await node.as("globex/root").produce(value, { topic: "own" })).offset).toBe(0n);
  });

  test("that is full lets a tenant read, commit offsets, and make room", async () => {
    await using node = await limited(`{ storage_bytes: ${limit} }`);
    const request = produceBytes({ topic: "a", records: [value] });
    let answered = await node.raw("acme/root").call("Produce", [request]);
    while (answered.code === "OK") answered = await node.raw("acme/root").call("Produce", [request]);
    expect(answered).toMatchObject(quota("storage_bytes", limit));
    const late = await node.raw("acme/root").call("Produce", [produceBytes({ topic: "new", records: [value] })]);
    expect(late).toMatchObject(quota("storage_bytes", limit));
    expect(await node.topics()).not.toContain("acme/new");
    const values = (await node.valuesOf("acme", "a"))!;
    expect(values.length).toBeGreaterThan(10);
    const commit = encoded("CommitOffsetRequest", { group: "g", topic: "a", offset: values.length });
    await node.raw("acme/root").answer("/log.v1.Offsets/Commit", commit);
    await deleteTopic(node, "a");
    expect((await node.raw("acme/root").call("Produce", [request])).code).toBe("OK");
  });

  test("refuses an import where it becomes full, and says how far it came", async () => {
    await using node = await limited(`{ storage_bytes: ${limit} }`);
    const request = produceBytes({ topic: "a", records: [value] });
    const answered = await node.raw("acme/root").call("Import", Array<Buffer>(60).fill(request));
    expect(answered).toMatchObject(quota("storage_bytes", limit));
    const { imported, next } = answered.facts;
    expect(imported).toBe(next);
    expect(await node.valuesOf("acme", "a")).toHaveLength(Number(imported));
  });
});

describe("records and batches", () => {
  const sized = (bytes: number): object => ({
    value: Buffer.alloc(bytes - 30),
    key: Buffer.alloc(10),
    headers: [{ name: "n".repeat(15), value: Buffer.alloc(5) }],
  });
  const request = (topic: string, ...records: object[]): Buffer =>
    encoded("ProduceRequest", { tenant: "acme", topic, records });

  test.each(producing)("have the size that the topic's tenant may have, and not a byte more: %s", async (method) => {
    await using node = await limited("{ record_bytes: 1000, batch_bytes: 2500 }");
    const root = node.raw("acme/root");
    expect((await root.call(method, [request("shared", sized(1000), sized(1000), sized(500))])).code).toBe("OK");
    const refused = [
      ["record_bytes", 1000, [sized(100), sized(1001)]],
      ["batch_bytes", 2500, [sized(1000), sized(1000), sized(501)]],
    ] as const;
    for (const [limit, maximum, records] of refused) {
      for (const principal of ["acme/root", "globex/partner"]) {
        const answered = await node.raw(principal).call(method, [request("shared", ...records)]);
        expect(answered, `${principal} ${limit}`).toMatchObject(quota(limit, maximum));
      }
      expect((await root.call(method, [request("new", ...records)])).code).toBe("RESOURCE_EXHAUSTED");
    }
    expect(await node.recordsOf("acme", "shared")).toHaveLength(3);
    expect(await node.topics()).not.toContain("acme/new");
    const own = encoded("ProduceRequest", { topic: "own", records: [sized(1001)] });
    expect((await node.raw("globex/root").call(method, [own])).code).toBe("OK");
  });
});

describe("streams", () => {
  const opened = {
    ConsumeStream: consumeBytes({ topic: "a" }),
    ProduceStream: produceBytes({ topic: "a", records: ["v"] }),
    Import: produceBytes({ topic: "a", records: ["v"] }),
  } as const;
  const kinds = Object.keys(opened) as (keyof typeof opened)[];

  test("are as many as the tenant may have open, of all kinds together, over all its principals and connections", async () => {
    await using node = await limited("{ streams: 3 }");
    // Not by the typed client, whose calls of produce go over a stream.
    await node.raw("acme/root").call("Produce", [produceBytes({ topic: "a", records: ["v"] })]);
    const calls = kinds.map((kind) => {
      const call = node.raw("acme/root").open(kind);
      call.send(opened[kind]);
      return call;
    });
    await calls[0]!.received(0);
    for (const kind of kinds) {
      for (const principal of ["acme/root", "acme/nobody"]) {
        const answered = await node.raw(principal).call(kind, []);
        expect(answered, `${kind} of ${principal}`).toMatchObject(quota("streams", 3));
        expect(answered.details).toHaveProperty("RetryInfo");
        expect(answered.details?.RetryInfo?.retryDelay).toMatchObject({ seconds: 1n });
      }
    }
    expect((await node.as("acme/root").produce("v", { topic: "a" })).offset).toBeGreaterThan(0n);
    expect((await node.raw("globex/root").call("Import", [])).code).toBe("OK");
    for (const call of calls) {
      call.cancel();
      await call.end();
    }
    for (let count = 0; count < 6; count++) expect((await node.raw("acme/root").call("Import", [])).code).toBe("OK");
  });

  test("that have ended are not counted any more, however they ended", async () => {
    await using node = await limited("{ streams: 1 }");
    await node.raw("acme/root").call("Produce", [produceBytes({ topic: "a", records: ["v"] })]);
    const next = async (): Promise<void> => {
      // The end of a connection is noticed when it is: nothing tells its former client.
      for (;;) {
        const { code } = await node.raw("acme/root").call("Import", []);
        if (code === "OK") return;
        expect(code).toBe("RESOURCE_EXHAUSTED");
      }
    };
    for (const kind of kinds) {
      // Refused.
      expect((await node.raw("acme/root").call(kind, [Buffer.from([0xff])])).code).toBe("INVALID_ARGUMENT");
      await next();
      // Cancelled; behind an answer, because what grpc-js cancels before it has sent it, it sends all the same.
      const cancelled = node.raw("acme/root").open(kind);
      cancelled.send(opened[kind]);
      await node.raw("acme/root").call("Consume", [consumeBytes({ topic: "a" })]);
      cancelled.cancel();
      await cancelled.end();
      await next();
      // Gone with its connection.
      const client = new RawClient({ address: node.address, ...node.keysOf("acme/root") });
      const gone = client.open(kind);
      gone.send(opened[kind]);
      await client.call("Consume", [consumeBytes({ topic: "a" })]);
      await client.close();
      gone.cancel();
      await next();
    }
  });

  test("of a tenant that may have none are none", async () => {
    await using node = await limited("{ streams: 0 }");
    for (const kind of kinds) {
      const answered = await node.raw("acme/root").call(kind, [opened[kind]]);
      expect(answered).toMatchObject(quota("streams", 0));
      // None comes free, so trying again cannot help.
      expect(answered.details).not.toHaveProperty("RetryInfo");
    }
    expect((await node.as("acme/root").produce("v")).offset).toBe(0n);
    expect((await node.raw("acme/root").call("/grpc.health.v1.Health/Watch", [])).code).not.toBe("RESOURCE_EXHAUSTED");
  });
});

describe("connections", () => {
  test("are as many as the tenant may have: on one more every call is told why, and then it is closed", async () => {
    await using node = await limited("{ connections: 2 }");
    const clients: RawClient[] = [];
    const connect = (principal: string): RawClient => {
      const client = new RawClient({ address: node.address, ...node.keysOf(principal) });
      clients.push(client);
      return client;
    };
    const request = produceBytes({ records: ["v"] });
    for (let count = 0; count < 2; count++)
      expect((await connect("acme/root").call("Produce", [request])).code).toBe("OK");
    const over = connect("acme/root");
    for (const [method, message] of [
      ["Produce", request],
      ["ConsumeStream", consumeBytes({})],
      ["/log.v1.Topics/List", encoded("ListTopicsRequest", {})],
      ["/grpc.health.v1.Health/Check", Buffer.alloc(0)],
    ] as const) {
      const answered = await over.call(method, [message]);
      expect(answered, method).toMatchObject(quota("connections", 2));
      expect(answered.details?.RetryInfo).toBeDefined();
      expect(answered.messages).toEqual([]);
    }
    expect((await connect("globex/root").call("Produce", [request])).code).toBe("OK");
    await node.metricReaches("aclog_connections", 3);
    // Its client connects again by itself, and is in once there is room.
    await clients[0]!.close();
    await node.metricReaches("aclog_connections", 2);
    expect((await over.call("Produce", [request])).code).toBe("OK");
    expect(await clients[1]!.call("Consume", [consumeBytes({ offset: 2n })])).toMatchObject({ code: "OK" });
    for (const client of clients) await client.close();
  });
});

test("a full disk says so, and that it may pass", async () => {
  await using server = await EngineServer.start({
    append: () => Promise.reject(new StorageFull()),
  });
  const raw = server.raw("acme/root");
  for (const method of producing) {
    const answered = await raw.call(method, [produceBytes({ topic: "orders", records: ["v"] })]);
    expect(answered, method).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "STORAGE_FULL",
      details: { QuotaFailure: { violations: [{ subject: "server:storage" }] }, RetryInfo: {} },
    });
    expect(answered.messages).toEqual([]);
  }
  expect(server.reported.filter((error) => !(error instanceof StorageFull))).toEqual([]);
  await raw.close();
});

test("another limit is in force as soon as the policy is read again", async () => {
  await using node = await limited("{ topics: 1 }");
  await createTopic(node, "a");
  expect(await createTopic(node, "b")).toMatchObject(quota("topics", 1));
  await node.writePolicy({ "tenants.yaml": "tenants:\n  acme: { limits: { topics: 2 } }\n  globex: {}\n" });
  await node.reloadPolicy();
  expect((await createTopic(node, "b")).code).toBe("OK");
  await node.writePolicy({ "tenants.yaml": "tenants:\n  acme: { limits: { topics: 0 } }\n  globex: {}\n" });
  await node.reloadPolicy();
  // What is there stays, and can be used.
  expect((await node.as("acme/root").produce("v", { topic: "b" })).offset).toBe(0n);
  expect(await createTopic(node, "c")).toMatchObject(quota("topics", 0));
});
