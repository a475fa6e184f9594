/** The lane against a whole server. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "vitest";
import { CallError, Client, type ProduceResult } from "../../src/client/index.js";
import { defaultLimits } from "../../src/config/index.js";
import { produceBytes } from "../support/raw-client.js";
import { startTestNode, type TestNode } from "../support/test-node.js";

const mebi = 1024 * 1024;

function limited(limits: string): Promise<TestNode> {
  return startTestNode({
    policy: {
      "tenants.yaml": `tenants:\n  acme: { limits: ${limits} }\n`,
      "policy.csv": "p, role:root, *, *, *, allow\ng, acme/root, role:root, acme\n",
    },
  });
}

/** What became of each call: its offset, or why it has none. */
async function outcomes(calls: readonly Promise<ProduceResult>[]): Promise<(bigint | string)[]> {
  return (await Promise.allSettled(calls)).map((outcome) => {
    if (outcome.status === "fulfilled") return outcome.value.offset;
    if (outcome.reason instanceof RangeError) return "RangeError";
    assert.ok(outcome.reason instanceof CallError, String(outcome.reason));
    return outcome.reason.reason ?? outcome.reason.codeName;
  });
}

test("of calls that go together only the one with too large a record, or with too many headers, fails", async () => {
  await using node = await startTestNode();
  const client = node.as("acme/root");
  const headers = Array.from({ length: 65 }, () => ({ name: "n", value: "v" }));
  const calls = ["a", Buffer.alloc(mebi + 1), "b", { headers }, "c"].map((record) => client.produce(record));
  assert.deepEqual(await outcomes(calls), [0n, "LIMIT_EXCEEDED", 1n, "INVALID_FIELD", 2n]);
  assert.deepEqual(await node.valuesOf("acme", "default"), ["a", "b", "c"]);
});

test("a call that is larger than a message may be is not sent, and one that is nearly as large comes through in its place", async () => {
  await using node = await startTestNode();
  const client = node.as("acme/root");
  const large = (count: number) => Array.from({ length: count }, () => Buffer.alloc(mebi - 100, "x"));
  const calls = [client.produce("a"), client.produce(large(5)), client.produce(large(3)), client.produce("b")];
  assert.deepEqual(await outcomes(calls), [0n, "RangeError", 1n, 4n]);
});

test("a record that is larger than the tenant takes fails alone", async () => {
  await using node = await limited("{ record_bytes: 100 }");
  const client = node.as("acme/root");
  const calls = [10, 101, 100, 10].map((size) => client.produce(Buffer.alloc(size)));
  assert.deepEqual(await outcomes(calls), [0n, "QUOTA_EXCEEDED", 1n, 2n]);
});

test("what the policy forbids fails every call for that topic, and no other", async () => {
  await using node = await startTestNode();
  const client = node.as("acme/billing");
  const topics = ["orders", "secret", "orders", "secret"];
  const made = topics.map((topic) => client.produce("v", { topic }));
  assert.deepEqual(await outcomes(made), [0n, "PERMISSION_DENIED", 1n, "PERMISSION_DENIED"]);
});

for (const streams of [0, 1]) {
  test(`where a tenant has all of its ${streams} streams open, calls go on without one`, async () => {
    await using node = await limited(`{ streams: ${streams} }`);
    const client = node.as("acme/root");
    if (streams === 1) {
      const other = node.raw("acme/root").open("ProduceStream");
      other.send(produceBytes({ topic: "other", records: ["v"] }));
      await other.received(1);
    }
    const values = Array.from({ length: 200 }, (_, at) => `${at}`);
    const first = values.slice(0, 100).map((value) => client.produce(value));
    assert.deepEqual(
      await outcomes(first),
      first.map((_, at) => BigInt(at)),
    );
    for (const value of values.slice(100)) await client.produce(value);
    assert.deepEqual(await node.valuesOf("acme", "default"), values);
  });
}

test("connections that reach their age under load lose no call, and store none twice", async () => {
  const limits = { ...defaultLimits, maxConnectionAgeMs: 100, maxConnectionAgeGraceMs: 20 };
  await using node = await startTestNode({ config: { limits } });
  const client = node.as("acme/root");
  const answered: string[] = [];
  let isOver = false;
  const caller = async (name: number) => {
    for (let at = 0; !isOver; at++) {
      const value = `${name} ${at}`;
      const { offset } = await client.produce(value, { topic: "orders" });
      answered[Number(offset)] = value;
    }
  };
  const callers = Array.from({ length: 20 }, (_, name) => caller(name));
  while ((await node.metric("aclog_connections_accepted_total")) < 8) {
    await Promise.race([...callers, new Promise(setImmediate)]);
  }
  isOver = true;
  await Promise.all(callers);
  assert.deepEqual(await node.valuesOf("acme", "orders"), answered);
});

test("a server that drains under load answers calls or takes none of them, and has stored what it has answered", async () => {
  await using node = await startTestNode();
  const client = node.as("acme/root");
  const answered = new Map<number, string>();
  const refused: unknown[] = [];
  // A server that comes back in time would be waited for.
  const options = { topic: "orders", timeoutMs: 1_000 };
  const caller = async (name: number) => {
    for (let at = 0; refused.length === 0; at++) {
      const value = `${name} ${at}`;
      try {
        answered.set(Number((await client.produce(value, options)).offset), value);
      } catch (error) {
        refused.push(error);
      }
    }
  };
  const callers = Array.from({ length: 20 }, (_, name) => caller(name));
  while (answered.size < 500) await Promise.race([...callers, new Promise(setImmediate)]);
  await node.drain();
  await Promise.all(callers);
  for (const error of refused as CallError[]) {
    const wasTold = error.codeName === "UNAVAILABLE" && error.reason === "SHUTTING_DOWN";
    assert.ok(wasTold || error.codeName === "DEADLINE_EXCEEDED", error.message);
  }
  await node.restart();
  const stored = (await node.valuesOf("acme", "orders"))!;
  assert.deepEqual(
    stored,
    stored.map((_, offset) => answered.get(offset)),
  );
});

test("a server that stops in good order and comes back at its address costs no call of produce", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await using node = await startTestNode({ config: { listen: { host: "127.0.0.1", port } } });
  await using client = Client.connect({ address: node.address, ...node.keysOf("acme/root") });
  const answered: string[] = [];
  let isBack = false;
  const caller = async (name: number) => {
    for (let at = 0; !isBack; at++) {
      const value = `${name} ${at}`;
      answered[Number((await client.produce(value, { topic: "orders" })).offset)] = value;
    }
  };
  const callers = Array.from({ length: 20 }, (_, name) => caller(name));
  while (answered.length < 500) await new Promise(setImmediate);
  await node.restart();
  isBack = true;
  await Promise.all(callers);
  assert.deepEqual(await node.valuesOf("acme", "orders"), answered);
});
