import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actions } from "../../src/authz/actions.js";
import { decoded, encoded } from "../support/messages.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** What each method asks of the policy, and a request of it. */
const methods = [
  ["log.v1.Log/Import", "produce", (names: object) => encoded("ProduceRequest", { ...names, records: [{}] })],
  ["log.v1.Topics/Create", "create", (names: object) => encoded("CreateTopicRequest", names)],
  ["log.v1.Topics/Delete", "delete", (names: object) => encoded("DeleteTopicRequest", names)],
  ["log.v1.Topics/Describe", "describe", (names: object) => encoded("DescribeTopicRequest", names)],
  [
    "log.v1.Topics/Update",
    "admin",
    (names: object) => encoded("UpdateTopicRequest", { ...names, retentionMs: 2 ** 40 }),
  ],
  [
    "log.v1.Topics/Truncate",
    "delete",
    (names: object) => encoded("TruncateTopicRequest", { ...names, beforeOffset: 1 }),
  ],
  [
    "log.v1.Offsets/Commit",
    "consume",
    (names: object) => encoded("CommitOffsetRequest", { ...names, group: "g", offset: 0 }),
  ],
  ["log.v1.Offsets/Fetch", "consume", (names: object) => encoded("FetchOffsetRequest", { ...names, group: "g" })],
  ["log.v1.Offsets/Delete", "consume", (names: object) => encoded("DeleteOffsetRequest", { ...names, group: "g" })],
] as const;

/** For each action a principal who may do that and nothing else, here and with system topics. */
const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": [
    "p, role:root, *, *, *, allow",
    "g, acme/root, role:root, acme",
    "g, globex/root, role:root, globex",
    ...actions.flatMap((action) => [
      `p, acme/${action}, acme, *, ${action}, allow`,
      `p, acme/${action}, acme, _audit, ${action}, allow`,
      `p, acme/${action}, acme, _missing, ${action}, allow`,
    ]),
    "p, acme/root, acme, _offsets, describe, allow",
    "",
  ].join("\n"),
};

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ policy });
  await node.as("acme/root").produce(["kept", "too"], { topic: "orders" });
  await node.as("globex/root").produce("theirs", { topic: "orders" });
  await commit("acme/root", { topic: "orders" });
});
afterAll(() => node[Symbol.asyncDispose]());

async function commit(principal: string, names: object): Promise<void> {
  const request = encoded("CommitOffsetRequest", { ...names, group: "g", offset: 1 });
  await node.raw(principal).answer("/log.v1.Offsets/Commit", request);
}

/** Everything that any of the methods could change. */
async function everything() {
  const root = node.raw("acme/root");
  return [
    await topicsOf("acme/root"),
    await topicsOf("globex/root"),
    await root.answer("/log.v1.Offsets/List", encoded("ListOffsetsRequest", { pageSize: 1000 })),
    await node.valuesOf("acme", "orders"),
    await node.valuesOf("globex", "orders"),
    await node.topics(),
  ];
}

async function topicsOf(principal: string): Promise<object[]> {
  const answer = await node
    .raw(principal)
    .answer("/log.v1.Topics/List", encoded("ListTopicsRequest", { pageSize: 1000 }));
  const { topics } = decoded("ListTopicsResponse", answer);
  // What a topic takes on disk changes behind the answers.
  return topics.map((topic) => ({ ...topic, storedBytes: undefined }));
}

const comparable = (words: string, topic: string): string =>
  words.replaceAll(topic, "TOPIC").replace(/decision [\w-]+/, "decision ID");

describe.each(methods)("%s", (method, needed, requestOf) => {
  const path = `/${method}`;

  for (const action of actions.filter((other) => other !== needed)) {
    test(`is not open to who may ${action}: nothing is changed, and it says the same of what is not there`, async () => {
      const before = await everything();
      const answers = [];
      for (const topic of ["orders", "missing", "_audit"]) {
        const answered = await node.raw(`acme/${action}`).call(path, [requestOf({ topic })]);
        expect(answered).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", messages: [] });
        expect(Object.keys(answered.facts)).toEqual(["decision"].concat(method.endsWith("Import") ? ["imported"] : []));
        answers.push(comparable(answered.words, topic));
      }
      expect(new Set(answers).size).toBe(1);
      expect(await everything()).toEqual(before);
    });
  }

  test("is not open to another tenant's root, nor to a tenant that does not exist", async () => {
    const before = await everything();
    for (const names of [
      { tenant: "globex", topic: "orders" },
      { tenant: "initech", topic: "orders" },
      { tenant: "_system", topic: "orders" },
      { tenant: "globex", topic: "default" },
    ]) {
      expect(await node.raw("acme/root").call(path, [requestOf(names)])).toMatchObject({ code: "PERMISSION_DENIED" });
    }
    expect(await everything()).toEqual(before);
  });

  test(`is let in for who may ${needed}`, async () => {
    const { code } = await node.raw(`acme/${needed}`).call(path, [requestOf({ topic: `mine.${needed}` })]);
    // To make what is missing takes create; only forgetting a position needs no topic.
    const found = method.endsWith("Create") || method.endsWith("Offsets/Delete") ? "OK" : "NOT_FOUND";
    expect(code).toBe(found);
    await node.raw("acme/root").call("Produce", [encoded("ProduceRequest", { topic: "used", records: [{}] })]);
    const used = await node.raw(`acme/${needed}`).call(path, [requestOf({ topic: "used" })]);
    expect(used.code).toBe(method.endsWith("Create") ? "ALREADY_EXISTS" : "OK");
  });

  test("writes to no system topic, whatever the policy says", async () => {
    const before = await everything();
    for (const topic of ["_audit", "_missing"]) {
      const answered = await node.raw(`acme/${needed}`).call(path, [requestOf({ topic })]);
      const isRead = needed === "describe" || needed === "consume";
      if (isRead) expect(answered.code).toBe(method.endsWith("Offsets/Delete") ? "OK" : "NOT_FOUND");
      else expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_FIELD", fields: ["topic"] });
    }
    expect(await everything()).toEqual(before);
  });

  test("is refused with bytes that are no request", async () => {
    const answered = await node.raw(`acme/${needed}`).call(path, [Buffer.from([0xff])]);
    expect(answered).toMatchObject({ code: "INVALID_ARGUMENT", reason: "MALFORMED_MESSAGE" });
  });
});

test("producing to a system topic is refused like every other writing", async () => {
  const request = encoded("ProduceRequest", { topic: "_audit", records: [{}] });
  for (const method of ["Produce", "ProduceStream"]) {
    expect(await node.raw("acme/produce").call(method, [request])).toMatchObject({
      code: "INVALID_ARGUMENT",
      fields: ["topic"],
    });
  }
});

describe("a request that waited for its half-close while the policy changed", () => {
  const writing = methods.filter(([, action]) => action !== "describe" && action !== "produce");
  test.each(writing)("%s is judged again, and changes nothing", async (method, action, requestOf) => {
    await using changing = await startTestNode({ policy });
    await changing.as("acme/root").produce(["a", "b"], { topic: "orders" });
    const call = changing.raw(`acme/${action}`).open(`/${method}`);
    call.send(requestOf({ topic: action === "create" ? "new" : "orders" }));
    // Behind this answer on the same connection, the server has read the request.
    await changing.raw(`acme/${action}`).call("/grpc.health.v1.Health/Check", [Buffer.alloc(0)]);
    await changing.writePolicy({ "policy.csv": "p, acme/root, acme, *, *, allow\n" });
    await changing.reloadPolicy();
    call.halfClose();
    expect(await call.end()).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await changing.valuesOf("acme", "orders")).toEqual(["a", "b"]);
    expect(await changing.valuesOf("acme", "new")).toBeUndefined();
  });
});
