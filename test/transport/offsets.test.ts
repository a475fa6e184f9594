import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FetchOffsetResponseOutput } from "../../src/wire/generated/log/v1/FetchOffsetResponse.js";
import type { ListOffsetsResponseOutput } from "../../src/wire/generated/log/v1/ListOffsetsResponse.js";
import type { TopicOutput } from "../../src/wire/generated/log/v1/Topic.js";
import { decoded, encoded } from "../support/messages.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": `
p, role:root, *, *, *, allow
p, role:root, acme, _offsets, consume, allow
p, role:root, acme, _offsets, describe, allow
g, acme/root, role:root, acme
g, globex/root, role:root, globex
p, acme/reports, acme, orders, consume, allow
p, globex/audit, acme, orders, consume, allow
`,
};

interface Position {
  readonly group: string;
  readonly topic?: string;
  readonly tenant?: string;
  readonly offset?: bigint | number;
  readonly topicId?: Buffer;
}

async function commit(node: TestNode, principal: string, position: Position): Promise<Buffer> {
  const answer = await node.raw(principal).answer("/log.v1.Offsets/Commit", encoded("CommitOffsetRequest", position));
  return decoded("CommitOffsetResponse", answer).topicId;
}

async function fetch(node: TestNode, principal: string, position: Position): Promise<FetchOffsetResponseOutput> {
  const answer = await node.raw(principal).answer("/log.v1.Offsets/Fetch", encoded("FetchOffsetRequest", position));
  return decoded("FetchOffsetResponse", answer);
}

async function forget(node: TestNode, principal: string, position: Position): Promise<void> {
  await node.raw(principal).answer("/log.v1.Offsets/Delete", encoded("DeleteOffsetRequest", position));
}

async function list(node: TestNode, principal: string, request: object = {}): Promise<ListOffsetsResponseOutput> {
  const answer = await node.raw(principal).answer("/log.v1.Offsets/List", encoded("ListOffsetsRequest", request));
  return decoded("ListOffsetsResponse", answer);
}

/** `topic/group=offset` of each entry. */
async function listed(node: TestNode, principal: string, request: object = {}): Promise<string[]> {
  return (await list(node, principal, request)).offsets.map(
    ({ topic, group, offset }) => `${topic}/${group}=${offset}`,
  );
}

async function describeTopic(node: TestNode, topic: string): Promise<TopicOutput> {
  const request = encoded("DescribeTopicRequest", { topic });
  return decoded("Topic", await node.raw("acme/root").answer("/log.v1.Topics/Describe", request));
}

async function deleteTopic(node: TestNode, topic: string): Promise<void> {
  await node.raw("acme/root").answer("/log.v1.Topics/Delete", encoded("DeleteTopicRequest", { topic }));
}

describe("a committed offset", () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode({ policy });
    await node.as("acme/root").produce(["a", "b", "c"], { topic: "orders" });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  test("is fetched as it was stored, with the topic that it is bound to", async () => {
    const { topicId } = await describeTopic(node, "orders");
    const before = await fetch(node, "acme/root", { group: "g", topic: "orders" });
    expect(before).toEqual({ _offset: undefined, offset: undefined, topicId, committedMs: 0n });
    expect(await commit(node, "acme/root", { group: "g", topic: "orders", offset: 2 })).toEqual(topicId);
    const after = await fetch(node, "acme/root", { group: "g", topic: "orders" });
    expect(after).toMatchObject({ offset: 2n, topicId });
    expect(Math.abs(Date.now() - Number(after.committedMs))).toBeLessThan(10_000);
    // Back is allowed, and 0 is a position too.
    await commit(node, "acme/root", { group: "g", topic: "orders", offset: 0 });
    expect(await fetch(node, "acme/root", { group: "g", topic: "orders" })).toMatchObject({ offset: 0n });
  });

  test("is at most the high-water mark", async () => {
    await commit(node, "acme/root", { group: "end", topic: "orders", offset: 3 });
    for (const offset of [4n, 2n ** 64n - 1n]) {
      const request = encoded("CommitOffsetRequest", { group: "end", topic: "orders", offset });
      const answered = await node.raw("acme/root").call("/log.v1.Offsets/Commit", [request]);
      expect(answered).toMatchObject({ code: "OUT_OF_RANGE", facts: { requested: `${offset}`, base: "0", next: "3" } });
    }
    expect(await fetch(node, "acme/root", { group: "end", topic: "orders" })).toMatchObject({ offset: 3n });
  });

  test("is not stored for a topic id that the topic does not have", async () => {
    const position = { group: "stale", topic: "orders", offset: 1, topicId: Buffer.alloc(16, 1) };
    const answered = await node
      .raw("acme/root")
      .call("/log.v1.Offsets/Commit", [encoded("CommitOffsetRequest", position)]);
    expect(answered).toMatchObject({ code: "FAILED_PRECONDITION", reason: "TOPIC_ID_MISMATCH" });
    expect((await fetch(node, "acme/root", { group: "stale", topic: "orders" })).offset).toBeUndefined();
  });

  test("is each tenant's own, on the same topic and under the same name", async () => {
    const orders = { group: "shared", tenant: "acme", topic: "orders" };
    await commit(node, "acme/root", { ...orders, offset: 1 });
    await commit(node, "globex/audit", { ...orders, offset: 2 });
    expect(await fetch(node, "acme/reports", orders)).toMatchObject({ offset: 1n });
    expect(await fetch(node, "globex/audit", orders)).toMatchObject({ offset: 2n });
    expect(await listed(node, "globex/audit", { tenant: "acme" })).toEqual(["orders/shared=2"]);
    expect(await listed(node, "globex/audit")).toEqual([]);
    await forget(node, "globex/audit", orders);
    expect(await fetch(node, "acme/root", orders)).toMatchObject({ offset: 1n });
  });

  test("is forgotten, and to forget it again is as good", async () => {
    const position = { group: "gone", topic: "orders" };
    await commit(node, "acme/root", { ...position, offset: 1 });
    for (let count = 0; count < 2; count++) {
      await forget(node, "acme/root", position);
      expect((await fetch(node, "acme/root", position)).offset).toBeUndefined();
    }
    expect(await listed(node, "acme/root", { group: "gone" })).toEqual([]);
  });

  test("of default is one like any other", async () => {
    await commit(node, "globex/root", { group: "g" });
    expect(await fetch(node, "globex/root", { group: "g" })).toMatchObject({ offset: 0n });
    expect(await listed(node, "globex/root")).toEqual(["default/g=0"]);
  });

  test("is the last of many that were stored at a time", async () => {
    await node.as("acme/root").produce(new Array<string>(300).fill("v"), { topic: "raced" });
    const call = node.raw("acme/root");
    for (let round = 0; round < 5; round++) {
      const offsets = Array.from({ length: 50 }, (_, index) => round * 50 + index);
      const commits = offsets.map((offset) =>
        call.answer("/log.v1.Offsets/Commit", encoded("CommitOffsetRequest", { group: "g", topic: "raced", offset })),
      );
      await Promise.all(commits);
      expect(await fetch(node, "acme/root", { group: "g", topic: "raced" })).toMatchObject({
        offset: BigInt(offsets.at(-1)!),
      });
    }
  });

  test("is a record of _offsets, for whom the policy lets read it", async () => {
    const request = encoded("ConsumeRequest", { topic: "_offsets", maxRecords: 1000, start: "EARLIEST" });
    const answer = decoded("ConsumeResponse", await node.raw("acme/root").answer("Consume", request));
    const [first] = answer.records;
    expect(first!.key.toString()).toBe("acme/orders/g");
    const { topicId } = await describeTopic(node, "orders");
    expect(JSON.parse(first!.value.toString())).toEqual({
      topicId: topicId.toString("hex"),
      offset: "2",
      committedMs: expect.any(Number) as number,
      by: "acme/root",
    });
    expect((await describeTopic(node, "_offsets")).settings).toMatchObject({ compact: true });
    const denied = await node.raw("globex/root").call("Consume", [encoded("ConsumeRequest", { topic: "_offsets" })]);
    expect(denied.code).toBe("PERMISSION_DENIED");
  });
});

describe("the list of committed offsets", () => {
  test("has each one's lag, from the start where that is later", async () => {
    await using node = await startTestNode({ policy });
    await node.as("acme/root").produce(["a", "b", "c", "d"], { topic: "orders" });
    for (const offset of [0, 1, 4]) await commit(node, "acme/root", { group: `at.${offset}`, topic: "orders", offset });
    const lags = async () =>
      (await list(node, "acme/root")).offsets.map(({ group, offset, lag }) => `${group}: ${offset}, ${lag}`);
    expect(await lags()).toEqual(["at.0: 0, 4", "at.1: 1, 3", "at.4: 4, 0"]);
    await node.as("acme/root").produce("e", { topic: "orders" });
    const truncate = encoded("TruncateTopicRequest", { topic: "orders", beforeOffset: 3 });
    await node.raw("acme/root").answer("/log.v1.Topics/Truncate", truncate);
    expect(await lags()).toEqual(["at.0: 0, 2", "at.1: 1, 2", "at.4: 4, 1"]);
    const { topicId } = await describeTopic(node, "orders");
    expect((await list(node, "acme/root")).offsets[0]).toMatchObject({ tenant: "acme", topic: "orders", topicId });
  });

  test("is by topic and group, goes on page by page, and shows what may be consumed", async () => {
    await using node = await startTestNode({ policy });
    // A dash and a dot sort before the slash that is between the two names.
    const topics = ["a", "a-b", "a.b", "orders"];
    for (const topic of topics) {
      await node.as("acme/root").produce("v", { topic });
      for (const group of ["g", "g-2", "h"]) await commit(node, "acme/root", { group, topic, offset: 1 });
    }
    const all = topics.flatMap((topic) => ["g", "g-2", "h"].map((group) => `${topic}/${group}=1`));
    expect(await listed(node, "acme/root")).toEqual(all);
    const paged: string[] = [];
    let pageToken = "";
    do {
      const page = await list(node, "acme/root", { pageSize: 5, pageToken });
      paged.push(...page.offsets.map(({ topic, group, offset }) => `${topic}/${group}=${offset}`));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(all);
    expect(await listed(node, "acme/root", { group: "h" })).toEqual(topics.map((topic) => `${topic}/h=1`));
    expect(await listed(node, "acme/root", { topic: "a-b", group: "g" })).toEqual(["a-b/g=1"]);
    const orders = ["orders/g=1", "orders/g-2=1", "orders/h=1"];
    expect(await listed(node, "acme/reports")).toEqual(orders);
    // What is not shown takes no place on a page, and is no reason for another one.
    expect(await list(node, "acme/reports", { pageSize: 3 })).toMatchObject({ nextPageToken: "" });
    expect(await list(node, "acme/reports", { pageSize: 1 })).toMatchObject({
      offsets: [{ topic: "orders", group: "g" }],
      nextPageToken: "orders/g",
    });
    for (const [principal, tenant] of [
      ["acme/nobody", ""],
      ["acme/nobody", "initech"],
      ["acme/root", "globex"],
      ["globex/root", "acme"],
    ] as const) {
      expect(await list(node, principal, { tenant })).toEqual({ offsets: [], nextPageToken: "" });
    }
    expect(node.log.lines.filter(({ msg }) => msg === "denied")).toEqual([]);
  });
});

test("a topic that is made again has no committed offsets", async () => {
  await using node = await startTestNode({ policy });
  await node.as("acme/root").produce(["a", "b"], { topic: "orders" });
  await commit(node, "acme/root", { group: "g", topic: "orders", offset: 2 });
  await deleteTopic(node, "orders");
  expect(await listed(node, "acme/root")).toEqual([]);
  await node.as("acme/root").produce("new", { topic: "orders" });
  expect(await listed(node, "acme/root")).toEqual([]);
  expect((await fetch(node, "acme/root", { group: "g", topic: "orders" })).offset).toBeUndefined();
  await commit(node, "acme/root", { group: "g", topic: "orders", offset: 1 });
  expect(await listed(node, "acme/root")).toEqual(["orders/g=1"]);
});

test("a restart loses none, and brings none back that was forgotten", async () => {
  await using node = await startTestNode({ policy });
  await node.as("acme/root").produce(["a", "b", "c"], { topic: "orders" });
  await node.as("acme/root").produce(["a", "b", "c"], { topic: "again" });
  for (const offset of [1, 3, 2]) await commit(node, "acme/root", { group: "g", topic: "orders", offset });
  await commit(node, "acme/root", { group: "forgotten", topic: "orders", offset: 1 });
  await forget(node, "acme/root", { group: "forgotten", topic: "orders" });
  await commit(node, "acme/root", { group: "g", topic: "again", offset: 1 });
  await deleteTopic(node, "again");
  await node.as("acme/root").produce("new", { topic: "again" });
  const { committedMs } = await fetch(node, "acme/root", { group: "g", topic: "orders" });
  await node.restart();
  expect(await listed(node, "acme/root")).toEqual(["orders/g=2"]);
  expect(await fetch(node, "acme/root", { group: "g", topic: "orders" })).toMatchObject({ offset: 2n, committedMs });
  await commit(node, "acme/root", { group: "g", topic: "orders", offset: 3 });
  await node.restart();
  expect(await listed(node, "acme/root")).toEqual(["orders/g=3"]);
});
