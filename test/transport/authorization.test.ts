import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consumeBytes, consumed, produceBytes, produced } from "../support/raw-client.js";
import { type TestNode, startTestNode } from "../support/test-node.js";

/** Two tenants; a role held at home only; one principal of acme that may read everywhere. */
const policy = {
  "tenants.yaml": "tenants:\n  acme: {}\n  globex: {}\n",
  "policy.csv": `
p, role:root, *, *, *, allow
g, acme/root, role:root, acme
g, globex/root, role:root, globex
p, acme/billing, acme, orders, produce, allow
p, acme/billing, acme, new.*, produce, allow
p, acme/maker, acme, made.*, produce, allow
p, acme/maker, acme, made.*, create, allow
p, acme/reports, acme, orders, consume, allow
p, acme/auditor, *, *, consume, allow
`,
};

const methods = ["Produce", "ProduceStream", "Consume", "ConsumeStream"] as const;
type Method = (typeof methods)[number];

function requestOf(method: Method, tenant: string, topic: string): Buffer {
  return method.startsWith("Produce")
    ? produceBytes({ tenant, topic, records: ["intruder"] })
    : consumeBytes({ tenant, topic });
}

/** What is the same in two refusals. */
function comparable(words: string, topic: string): string {
  return words.replaceAll(topic, "TOPIC").replace(/decision [\w-]+/, "decision ID");
}

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ policy });
  for (const tenant of ["acme", "globex"]) {
    for (const topic of ["orders", "secrets", "default"]) {
      await node.as(`${tenant}/root`).produce(`${tenant} ${topic}`, { topic });
    }
  }
});
afterAll(() => node[Symbol.asyncDispose]());

const P = ["Produce", "ProduceStream"] as const;
const C = ["Consume", "ConsumeStream"] as const;

describe("refused, with nothing stored, nothing delivered and nothing created", () => {
  const refused = [
    // principal       methods  tenant    topic
    ["acme/nobody", methods, "acme", "orders"], // a certificate, and no rule
    ["acme/nobody", methods, "", ""], // his own tenant's default
    ["acme/billing", C, "acme", "orders"], // may write it, not read it
    ["acme/billing", methods, "acme", "secrets"], // her tenant, another topic
    ["acme/billing", methods, "globex", "orders"], // the same topic of another tenant
    ["acme/reports", P, "acme", "orders"], // may read it, not write it
    ["acme/root", methods, "globex", "orders"], // root at home
    ["globex/root", methods, "acme", "secrets"],
    ["globex/billing", methods, "acme", "orders"], // another tenant's billing
    ["acme/auditor", P, "globex", "orders"],
    ["acme/root", methods, "acme", "_audit"], // a system topic
    ["acme/root", methods, "_system", "default"], // the platform's tenant
    ["acme/auditor", methods, "_system", "server"],
    ["acme/auditor", methods, "initech", "default"], // no such tenant, and * is every declared one
  ] as const;
  for (const [principal, which, tenant, topic] of refused) {
    for (const method of which) {
      test(`${principal} ${method} ${tenant}/${topic}`, async () => {
        const before = await everything();
        const topics = await node.topics();
        const answered = await node.raw(principal).call(method, [requestOf(method, tenant, topic)]);
        expect(answered).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED", domain: "aclog" });
        expect(answered.messages).toEqual([]);
        expect(answered.details?.LocalizedMessage?.message).toBe(answered.words);
        expect(Object.keys(answered.facts)).toEqual(["decision"]);
        expect(answered.words).toContain(answered.facts["decision"]);
        expect(await everything()).toEqual(before);
        expect(await node.topics()).toEqual(topics);
        const { decision } = answered.facts;
        const line = await node.log.until(({ id }) => id === decision);
        expect(line).toMatchObject({ msg: "denied", principal, method: `/log.v1.Log/${method}` });
      });
    }
  }

  async function everything() {
    const read = [];
    for (const tenant of ["acme", "globex"]) {
      for (const topic of ["orders", "secrets", "default"]) read.push(await node.valuesOf(tenant, topic));
    }
    return read;
  }
});

for (const method of methods) {
  test(`${method}: a refusal says the same of a topic that is there and of one that is not`, async () => {
    for (const [principal, tenant] of [
      ["acme/nobody", "acme"],
      ["acme/billing", "globex"],
    ] as const) {
      const [there, missing] = await Promise.all(
        ["secrets", "missing"].map(async (topic) => {
          const { code, words, details, messages } = await node
            .raw(principal)
            .call(method, [requestOf(method, tenant, topic)]);
          return { code, words: comparable(words, topic), kinds: Object.keys(details ?? {}), messages };
        }),
      );
      expect(missing).toEqual(there);
      expect(there!.code).toBe("PERMISSION_DENIED");
    }
  });
}

test("what the policy allows is done, unary and on streams, at home and across tenants", async () => {
  const billing = node.raw("acme/billing");
  const first = produced(await billing.answer("Produce", produceBytes({ topic: "orders", records: ["a"] })));
  const second = await billing.call("ProduceStream", [produceBytes({ topic: "orders", records: ["b"] })]);
  expect(second.code).toBe("OK");
  expect(produced(second.messages[0]!).offset).toBe(first.offset + 1n);
  const wanted = { topic: "orders", offset: first.offset };
  const read = await node.raw("acme/reports").answer("Consume", consumeBytes(wanted));
  expect(consumed(read).records[0]!.value.toString()).toBe("a");
  const across = node.raw("acme/auditor").open("ConsumeStream");
  across.send(consumeBytes({ tenant: "globex", topic: "orders" }));
  across.halfClose();
  const [record] = await across.received(1);
  expect(consumed(record!).records[0]!.value.toString()).toBe("globex orders");
  across.cancel();
  expect((await across.end()).code).toBe("CANCELLED");
});

test("producing to a missing topic needs create, and is NOT_FOUND without it", async () => {
  for (const method of P) {
    const answered = await node
      .raw("acme/billing")
      .call(method, [produceBytes({ topic: "new.topic", records: ["v"] })]);
    expect(answered).toMatchObject({
      code: "NOT_FOUND",
      reason: "TOPIC_NOT_FOUND",
      facts: { tenant: "acme", topic: "new.topic" },
    });
    const topic = `made.${method.toLowerCase()}`;
    const made = await node.raw("acme/maker").call(method, [produceBytes({ topic, records: ["v"] })]);
    expect(made.code).toBe("OK");
    expect(await node.valuesOf("acme", topic)).toEqual(["v"]);
  }
  expect(await node.topics()).not.toContain("acme/new.topic");
  const insisting = produceBytes({ topic: "made.other", records: ["v"], topicId: Buffer.alloc(16) });
  expect((await node.raw("acme/maker").call("Produce", [insisting])).code).toBe("NOT_FOUND");
});

test("consuming a missing topic is NOT_FOUND for whoever may, and creates nothing", async () => {
  for (const method of C) {
    const answered = await node.raw("acme/auditor").call(method, [consumeBytes({ topic: "missing" })]);
    expect(answered).toMatchObject({ code: "NOT_FOUND", reason: "TOPIC_NOT_FOUND" });
  }
  expect(await node.topics()).not.toContain("acme/missing");
});

describe("a ProduceStream whose second message names another topic", () => {
  test("is stopped there: the first is answered, the second and the third are not stored", async () => {
    const before = (await node.valuesOf("acme", "orders"))!;
    const answered = await node
      .raw("acme/billing")
      .call("ProduceStream", [
        produceBytes({ topic: "orders", records: ["first"] }),
        produceBytes({ topic: "secrets", records: ["second"] }),
        produceBytes({ topic: "orders", records: ["third"] }),
      ]);
    expect(answered).toMatchObject({ code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED" });
    expect(answered.messages.map((message) => produced(message).offset)).toEqual([BigInt(before.length)]);
    expect(await node.valuesOf("acme", "orders")).toEqual([...before, "first"]);
    expect(await node.valuesOf("acme", "secrets")).toEqual(["acme secrets"]);
  });

  test("goes on if its messages have request ids, with an error in the second answer", async () => {
    const before = (await node.valuesOf("acme", "orders"))!;
    const answered = await node
      .raw("acme/billing")
      .call("ProduceStream", [
        produceBytes({ topic: "orders", records: ["first"], requestId: 7n }),
        produceBytes({ topic: "secrets", records: ["second"], requestId: 0n }),
        produceBytes({ topic: "orders", records: ["third"], requestId: 2n ** 64n - 1n }),
      ]);
    expect(answered.code).toBe("OK");
    const byId = new Map(answered.messages.map(produced).map((answer) => [answer.requestId, answer]));
    expect(byId.get(7n)).toMatchObject({ offset: BigInt(before.length), error: null });
    expect(byId.get(0n)?.error).toMatchObject({ code: 7 });
    expect(byId.get(2n ** 64n - 1n)).toMatchObject({ offset: BigInt(before.length) + 1n, error: null });
    expect(await node.valuesOf("acme", "orders")).toEqual([...before, "first", "third"]);
    expect(await node.valuesOf("acme", "secrets")).toEqual(["acme secrets"]);
  });
});

test("health answers every authenticated caller, reflection nobody as long as it is off", async () => {
  const nobody = node.raw("acme/nobody");
  // HealthCheckResponse { status: SERVING }
  expect(await nobody.answer("/grpc.health.v1.Health/Check", Buffer.alloc(0))).toEqual(Buffer.from([0x08, 0x01]));
  for (const version of ["v1", "v1alpha"]) {
    const reflection = await nobody.call(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, []);
    expect(reflection.code).toBe("UNIMPLEMENTED");
  }
});

for (const path of ["/log.v1.Log/Delete", "/log.v1.Nothing/Produce", "/", "/log.v1.Log/", "/constructor", "/%00%ff"]) {
  test(`${path} is no method`, async () => {
    const answered = await node.raw("acme/root").call(path, [produceBytes({ records: ["v"] })]);
    expect(answered.code).toBe("UNIMPLEMENTED");
  });
}
