import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TopicOutput } from "../../src/wire/generated/log/v1/Topic.js";
import { decoded, encoded } from "../support/messages.js";
import { consumeBytes, produceBytes, produced } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const path = (method: string): string => `/log.v1.Topics/${method}`;

async function topic(node: TestNode, principal: string, method: string, request: object): Promise<TopicOutput> {
  const bytes = encoded(`${method}TopicRequest`, request);
  return decoded("Topic", await node.raw(principal).answer(path(method), bytes));
}

async function refused(node: TestNode, principal: string, method: string, request: object) {
  const { code, reason, facts, fields, messages } = await node
    .raw(principal)
    .call(path(method), [encoded(`${method}TopicRequest`, request)]);
  expect(messages).toEqual([]);
  return { code, reason, facts, fields };
}

async function remove(node: TestNode, principal: string, request: object): Promise<Buffer> {
  const answer = await node.raw(principal).answer(path("Delete"), encoded("DeleteTopicRequest", request));
  return decoded("DeleteTopicResponse", answer).topicId;
}

async function list(node: TestNode, principal: string, request: object = {}) {
  const answer = await node.raw(principal).answer(path("List"), encoded("ListTopicsRequest", request));
  const { topics, nextPageToken } = decoded("ListTopicsResponse", answer);
  return { names: topics.map(({ topic: name }) => name), topics, nextPageToken };
}

const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": `
p, role:root, *, *, *, allow
p, role:root, acme, _audit, *, allow
g, acme/root, role:root, acme
g, globex/root, role:root, globex
p, acme/reports, acme, orders, describe, allow
p, acme/reports, acme, b.*, describe, allow
p, acme/reports, acme, b.2, describe, deny
p, acme/auditor, *, *, describe, allow
`,
};

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ policy });
});
afterAll(() => node[Symbol.asyncDispose]());

const noLimits = { retentionMs: 0n, retentionBytes: 0n, retentionRecords: 0n, compact: false };

describe("a topic", () => {
  test("is made with its settings, described, changed, and removed", async () => {
    const settings = { retentionMs: 1000, retentionRecords: 2 ** 40, compact: true };
    const before = BigInt(Date.now());
    const made = await topic(node, "acme/root", "Create", { topic: "made", settings });
    expect(made).toMatchObject({
      tenant: "acme",
      topic: "made",
      startOffset: 0n,
      highWaterMark: 0n,
      lastTimestampMs: 0n,
      settings: { ...noLimits, retentionMs: 1000n, retentionRecords: 2n ** 40n, compact: true },
    });
    expect(made.topicId).toHaveLength(16);
    expect(Math.abs(Number(made.createdMs - before))).toBeLessThan(10_000);
    expect(await topic(node, "acme/root", "Describe", { topic: "made" })).toEqual(made);

    const changed = await topic(node, "acme/root", "Update", { topic: "made", retentionMs: 0, compact: false });
    expect(changed).toEqual({ ...made, settings: { ...noLimits, retentionRecords: 2n ** 40n } });
    expect(await topic(node, "acme/root", "Update", { topic: "made" })).toEqual(changed);

    expect(await remove(node, "acme/root", { topic: "made" })).toEqual(made.topicId);
    expect(await refused(node, "acme/root", "Describe", { topic: "made" })).toMatchObject({
      code: "NOT_FOUND",
      reason: "TOPIC_NOT_FOUND",
    });
  });

  test("is made once, also by many at a time", async () => {
    const request = encoded("CreateTopicRequest", { topic: "once" });
    const attempts = Array.from({ length: 10 }, () => node.raw("acme/root").call(path("Create"), [request]));
    const answers = await Promise.all(attempts);
    expect(answers.filter(({ code }) => code === "OK")).toHaveLength(1);
    for (const { code, reason, facts } of answers.filter((answer) => answer.code !== "OK")) {
      expect({ code, reason, facts }).toEqual({
        code: "ALREADY_EXISTS",
        reason: "TOPIC_EXISTS",
        facts: { tenant: "acme", topic: "once" },
      });
    }
  });

  test("says what it holds", async () => {
    await node.as("acme/root").produce(["a", "b", "c"], { topic: "counted" });
    const state = await topic(node, "acme/root", "Describe", { topic: "counted" });
    expect(state).toMatchObject({ startOffset: 0n, highWaterMark: 3n });
    expect(state.storedBytes).toBeGreaterThan(0n);
    expect(state.lastTimestampMs).toBeGreaterThan(0n);
  });

  test("loses what is before an offset, and keeps the offsets of the rest", async () => {
    await node.as("acme/root").produce(["a", "b", "c"], { topic: "cut" });
    const cut = { topic: "cut", beforeOffset: 2 };
    expect(await topic(node, "acme/root", "Truncate", cut)).toMatchObject({ startOffset: 2n, highWaterMark: 3n });
    expect(await node.valuesOf("acme", "cut")).toEqual(["c"]);
    const again = { topic: "cut", beforeOffset: 1 };
    expect(await topic(node, "acme/root", "Truncate", again)).toMatchObject({ startOffset: 2n });
    expect(await refused(node, "acme/root", "Truncate", { topic: "cut", beforeOffset: 4 })).toMatchObject({
      code: "OUT_OF_RANGE",
      facts: { requested: "4", base: "2", next: "3" },
    });
    expect(await refused(node, "acme/root", "Truncate", { ...cut, beforeOffset: 2n ** 64n - 1n })).toMatchObject({
      code: "OUT_OF_RANGE",
    });
    expect(await topic(node, "acme/root", "Truncate", { topic: "cut", beforeOffset: 3 })).toMatchObject({
      startOffset: 3n,
      highWaterMark: 3n,
    });
    const late = await node.raw("acme/root").call("Consume", [consumeBytes({ topic: "cut", offset: 0n })]);
    expect(late).toMatchObject({ code: "OUT_OF_RANGE", facts: { base: "3" } });
  });

  test("keeps every one of several changes that are made at a time", async () => {
    await topic(node, "acme/root", "Create", { topic: "busy" });
    const changes = [{ retentionMs: 5 }, { retentionBytes: 6 }, { retentionRecords: 7 }, { compact: true }];
    await Promise.all(changes.map((change) => topic(node, "acme/root", "Update", { topic: "busy", ...change })));
    expect((await topic(node, "acme/root", "Describe", { topic: "busy" })).settings).toEqual({
      retentionMs: 5n,
      retentionBytes: 6n,
      retentionRecords: 7n,
      compact: true,
    });
  });
});

describe("a topic that is removed and made again", () => {
  test("is another one: another id, none of the old records, and offsets from 0", async () => {
    const root = node.as("acme/root");
    await root.produce(["old 0", "old 1"], { topic: "again" });
    const old = await topic(node, "acme/root", "Describe", { topic: "again" });
    await remove(node, "acme/root", { topic: "again" });
    expect(await node.valuesOf("acme", "again")).toBeUndefined();
    expect((await root.produce("new 0", { topic: "again" })).offset).toBe(0n);
    const made = await topic(node, "acme/root", "Describe", { topic: "again" });
    expect(made.topicId).not.toEqual(old.topicId);
    expect(await node.valuesOf("acme", "again")).toEqual(["new 0"]);
  });

  test("is not touched by requests that mean the old one", async () => {
    const old = await topic(node, "acme/root", "Create", { topic: "meant" });
    await remove(node, "acme/root", { topic: "meant", topicId: old.topicId });
    const made = await topic(node, "acme/root", "Create", { topic: "meant", settings: { retentionMs: 1 } });
    await node.as("acme/root").produce("v", { topic: "meant" });
    const before = await topic(node, "acme/root", "Describe", { topic: "meant" });
    const mistaken = { topic: "meant", topicId: old.topicId };
    const requests = [
      ["Delete", mistaken],
      ["Update", { ...mistaken, retentionMs: 0 }],
      ["Truncate", { ...mistaken, beforeOffset: 1 }],
    ] as const;
    for (const [method, request] of requests) {
      expect(await refused(node, "acme/root", method, request), method).toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "TOPIC_ID_MISMATCH",
        facts: { actual: made.topicId.toString("hex") },
      });
    }
    const stale = produceBytes({ records: ["v"], ...mistaken });
    expect((await node.raw("acme/root").call("Produce", [stale])).reason).toBe("TOPIC_ID_MISMATCH");
    expect(await topic(node, "acme/root", "Describe", { topic: "meant" })).toEqual(before);
  });

  test("ends the streams of the old one: they never show a record of the new one", async () => {
    const root = node.as("acme/root");
    await root.produce("old", { topic: "followed" });
    const follow = (request: object) => {
      const call = node.raw("acme/root").open("ConsumeStream");
      call.send(consumeBytes({ topic: "followed", ...request }));
      call.halfClose();
      return call;
    };
    const calls = [follow({}), follow({ start: "LATEST" }), follow({ start: "TIME", startTimeMs: 2n ** 62n })];
    const waiting = node
      .raw("acme/root")
      .call("Consume", [consumeBytes({ topic: "followed", start: "LATEST", maxWaitMs: 60_000 })]);
    await calls[0]!.received(1);
    await node.metricReaches("aclog_open_consumes", calls.length + 1);
    await remove(node, "acme/root", { topic: "followed" });
    await root.produce("new", { topic: "followed" });
    for (const call of calls) {
      const { code, reason, messages } = await call.end();
      expect({ code, reason }).toEqual({ code: "NOT_FOUND", reason: "TOPIC_NOT_FOUND" });
      for (const message of messages) expect(message.includes("new")).toBe(false);
    }
    expect(await waiting).toMatchObject({ code: "NOT_FOUND" });
  });

  test("is given all that a ProduceStream sends after", async () => {
    const call = node.raw("acme/root").open("ProduceStream");
    call.send(produceBytes({ topic: "sent", records: ["old"] }));
    const first = produced((await call.received(1))[0]!);
    await remove(node, "acme/root", { topic: "sent" });
    call.send(produceBytes({ topic: "sent", records: ["new"] }));
    call.halfClose();
    const [, second] = await call.received(2);
    expect(produced(second!).offset).toBe(0n);
    expect(produced(second!).topicId).not.toEqual(first.topicId);
    expect(await node.valuesOf("acme", "sent")).toEqual(["new"]);
  });
});

describe("default", () => {
  test("always exists: it is described, listed and changed without being made, and cannot be made", async () => {
    await using fresh = await startTestNode({ policy });
    expect((await list(fresh, "globex/root")).names).toEqual(["default"]);
    const state = await topic(fresh, "acme/root", "Describe", {});
    expect(state).toMatchObject({ tenant: "acme", topic: "default", highWaterMark: 0n });
    expect(await refused(fresh, "acme/root", "Create", { topic: "default" })).toMatchObject({ code: "ALREADY_EXISTS" });
    const changed = await topic(fresh, "acme/root", "Update", { retentionRecords: 3 });
    expect(changed.settings).toMatchObject({ retentionRecords: 3n });
    expect(await topic(fresh, "acme/root", "Truncate", {})).toEqual(changed);
  });

  test("that is removed is there again, empty, and another one", async () => {
    await node.as("acme/root").produce("v");
    const old = await remove(node, "acme/root", { topic: "default" });
    const state = await topic(node, "acme/root", "Describe", { topic: "default" });
    expect(state).toMatchObject({ highWaterMark: 0n, settings: noLimits });
    expect(state.topicId).not.toEqual(old);
    expect((await list(node, "acme/root")).names).toContain("default");
  });

  test("is not what a request to remove means that names nothing", async () => {
    for (const method of ["Create", "Delete"]) {
      expect(await refused(node, "acme/root", method, {})).toMatchObject({
        code: "INVALID_ARGUMENT",
        fields: ["topic"],
      });
    }
  });
});

describe("a list", () => {
  let listed: TestNode;
  beforeAll(async () => {
    listed = await startTestNode({ policy });
    for (const name of ["orders", "b.1", "b.2", "b.10", "z"]) {
      await topic(listed, "acme/root", "Create", { topic: name });
    }
    await topic(listed, "globex/root", "Create", { topic: "secret" });
  });
  afterAll(() => listed[Symbol.asyncDispose]());

  const shown: readonly (readonly [principal: string, tenant: string, names: readonly string[]])[] = [
    ["acme/root", "", ["b.1", "b.10", "b.2", "default", "orders", "z"]],
    ["acme/root", "acme", ["b.1", "b.10", "b.2", "default", "orders", "z"]],
    ["acme/reports", "", ["b.1", "b.10", "orders"]],
    ["acme/nobody", "", []],
    ["globex/root", "acme", []],
    ["acme/root", "globex", []],
    ["acme/auditor", "globex", ["default", "secret"]],
    ["acme/auditor", "initech", []],
    ["acme/auditor", "_system", []],
    ["acme/nobody", "initech", []],
  ];
  test.each(shown)("of %s over %j shows what may be described", async (principal, tenant, names) => {
    const before = await listed.topics();
    expect(await list(listed, principal, { tenant })).toMatchObject({ names, nextPageToken: "" });
    // Whoever sees default has made it; nobody else makes anything.
    expect((await listed.topics()).filter((name) => !name.endsWith("/default"))).toEqual(
      before.filter((name) => !name.endsWith("/default")),
    );
    expect(listed.log.lines.filter(({ msg }) => msg === "denied")).toEqual([]);
  });

  test("says of each topic what Describe says", async () => {
    const { topics } = await list(listed, "acme/root");
    for (const entry of topics) {
      expect(entry).toEqual(await topic(listed, "acme/root", "Describe", { topic: entry.topic }));
    }
  });

  test("goes on page by page, and begins with a prefix", async () => {
    const pages: string[][] = [];
    let pageToken = "";
    do {
      const page = await list(listed, "acme/root", { pageSize: 2, pageToken });
      pages.push(page.names);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(pages).toEqual([
      ["b.1", "b.10"],
      ["b.2", "default"],
      ["orders", "z"],
    ]);
    expect((await list(listed, "acme/root", { prefix: "b.1" })).names).toEqual(["b.1", "b.10"]);
    expect(await list(listed, "acme/reports", { prefix: "b.", pageSize: 1 })).toMatchObject({
      names: ["b.1"],
      nextPageToken: "b.1",
    });
    // What is not shown is no reason for another page either.
    expect(await list(listed, "acme/reports", { pageToken: "b.10", pageSize: 1 })).toMatchObject({
      names: ["orders"],
      nextPageToken: "",
    });
  });

  test("refuses a token that no answer gave", async () => {
    const request = encoded("ListTopicsRequest", { pageToken: "../x" });
    expect(await listed.raw("acme/root").call(path("List"), [request])).toMatchObject({
      code: "INVALID_ARGUMENT",
      fields: ["page_token"],
    });
  });
});
