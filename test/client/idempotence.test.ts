/** Whole servers behind a relay that breaks connections off: what is stored, against what the calls were told. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { CallError, Client, type ProduceResult } from "../../src/client/index.js";
import { ServedProcess } from "../support/served-process.js";
import { startTestNode, type TestNode } from "../support/test-node.js";
import { Relay } from "./relay.js";

/** What a call was told, beside the records that it brought. */
interface Made {
  readonly values: readonly string[];
  readonly outcome: Promise<ProduceResult | CallError>;
}

class Ledger {
  readonly #made: Made[] = [];
  #serial = 0;

  /** Values that no other call has. */
  values(count: number): string[] {
    return Array.from({ length: count }, () => `${this.#serial++}`);
  }

  note(values: readonly string[], result: Promise<ProduceResult>): Promise<ProduceResult | CallError> {
    const outcome = result.catch((error: unknown) => {
      if (error instanceof CallError) return error;
      throw error;
    });
    this.#made.push({ values, outcome });
    return outcome;
  }

  /** Resolves when every call has its outcome. */
  async settled(): Promise<void> {
    await Promise.all(this.#made.map(({ outcome }) => outcome));
  }

  /** Every call that resolved is there once, at its offset, in the order of the calls; none is there twice. */
  async check(stored: readonly string[]): Promise<{ acked: number; failed: number }> {
    assert.equal(new Set(stored).size, stored.length, "something is stored twice");
    let [next, acked, failed] = [0n, 0, 0];
    for (const { values, outcome } of this.#made) {
      const result = await outcome;
      const at = stored.indexOf(values[0]!);
      if (result instanceof CallError) {
        failed++;
        const mayBeStored = /not known|no answer came/.test(result.details);
        if (!mayBeStored) assert.equal(at, -1, `${result.message}, and it is stored`);
        if (at >= 0) assert.deepEqual(stored.slice(at, at + values.length), values);
      } else {
        acked++;
        assert.ok(result.offset >= next, `${result.offset} comes behind ${next}`);
        assert.deepEqual(stored.slice(Number(result.offset), Number(result.offset) + values.length), values);
      }
      if (at >= 0) next = BigInt(at + values.length);
    }
    return { acked, failed };
  }
}

function clientOf(node: TestNode, relay: Relay): Client {
  return Client.connect({ address: `localhost:${relay.port}`, keepaliveMs: 1_000, ...node.keysOf("acme/root") });
}

async function storedIn(node: TestNode, topic: string): Promise<readonly string[]> {
  return (await node.valuesOf("acme", topic)) ?? [];
}

const moments = [
  ["before the request has reached the server", (relay: Relay) => relay.cutBefore("server")],
  ["when the request is stored and before its answer has come", (relay: Relay) => relay.cutBefore("client")],
] as const;
for (const [when, cut] of moments) {
  test(`a connection that is cut ${when} costs nothing, and stores nothing twice`, async () => {
    await using node = await startTestNode();
    await using relay = await Relay.start(node.port);
    await using client = clientOf(node, relay);
    const ledger = new Ledger();
    const produce = (count: number) => {
      const values = ledger.values(count);
      return ledger.note(values, client.produce(values, { topic: "orders" }));
    };
    await produce(1);
    for (let round = 0; round < 5; round++) {
      cut(relay);
      const calls = [produce(3), produce(1)];
      await relay.wasCut();
      await Promise.all([...calls, produce(2)]);
    }
    const stored = await storedIn(node, "orders");
    assert.deepEqual(await ledger.check(stored), { acked: 16, failed: 0 });
    assert.equal(stored.length, 31);
  });
}

/** A small generator of numbers that are the same again for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Waits until `count` more answers have come. */
async function answersOf(outcomes: readonly Promise<unknown>[], count: number): Promise<void> {
  let left = count;
  await new Promise<void>((resolve) => {
    for (const outcome of outcomes) void outcome.then(() => --left === 0 && resolve());
  });
}

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const rounds = Number(process.env["ROUNDS"] ?? 12);

test(`connections that are cut at any moment lose no call, store none twice and keep the order (seed ${seed})`, async () => {
  const random = seeded(seed);
  const pick = (below: number) => Math.floor(random() * below);
  await using node = await startTestNode();
  await using relay = await Relay.start(node.port);
  await using client = clientOf(node, relay);
  const topics = ["orders", "clicks"].map((topic) => ({ topic, ledger: new Ledger() }));
  await client.produce("first", { topic: "default" });
  let cuts = 0;
  for (let round = 0; round < rounds; round++) {
    const outcomes: Promise<unknown>[] = [];
    const turns = 1 + pick(6);
    for (let turn = 0; turn < turns; turn++) {
      for (let call = 1 + pick(20); call > 0; call--) {
        const { topic, ledger } = topics[pick(topics.length)]!;
        const values = ledger.values(1 + pick(4));
        // Some are refused: a record that is too large, or that is nowhere near where it is expected.
        const records = pick(30) === 0 ? [...values, Buffer.alloc(1024 * 1024 + 1)] : values;
        const options = pick(30) === 0 ? { topic, expectedOffset: 1_000_000n } : { topic };
        outcomes.push(ledger.note(values, client.produce(records, options)));
      }
      await new Promise(setImmediate);
    }
    switch (pick(4)) {
      case 0:
        relay.cut(node.port);
        break;
      case 1:
        relay.cutBefore("server");
        break;
      case 2:
        relay.cutBefore("client");
        break;
      default:
        // In the midst of what is answered.
        await answersOf(outcomes, 1 + pick(outcomes.length));
        relay.cut(node.port);
    }
    cuts++;
    if (pick(3) > 0) await Promise.all(outcomes);
  }
  relay.cutBefore(undefined);
  let [acked, failed, found] = [0, 0, 0];
  for (const { topic, ledger } of topics) {
    await ledger.settled();
    const stored = await storedIn(node, topic);
    const figures = await ledger.check(stored);
    acked += figures.acked;
    failed += figures.failed;
    found += stored.length;
  }
  console.log(JSON.stringify({ seed, cuts, acked, failed, found, lost: 0, duplicated: 0 }));
  assert.ok(acked > rounds * 5);
}, 60_000);

test("batches of produceMany go on over new connections, each stored once, in order, and answered in order", async () => {
  await using node = await startTestNode();
  await using relay = await Relay.start(node.port);
  await using client = clientOf(node, relay);
  const random = seeded(seed);
  const batches = Array.from({ length: 250 }, (_, at) => [`${at}`, `${at}b`, `${at}c`].slice(0, 1 + (at % 3)));
  const offsets: bigint[] = [];
  let cuts = 0;
  for await (const { offset, count } of client.produceMany(batches, { topic: "orders" })) {
    assert.equal(count, batches[offsets.length]!.length);
    offsets.push(offset);
    if (random() > 0.02) continue;
    cuts++;
    if (random() < 0.5) relay.cut(node.port);
    else relay.cutBefore("client");
  }
  assert.ok(cuts > 0);
  assert.deepEqual(await storedIn(node, "orders"), batches.flat());
  let next = 0n;
  for (const [at, offset] of offsets.entries()) {
    assert.equal(offset, next);
    next += BigInt(batches[at]!.length);
  }
});

test("a call with an expected offset that was stored before its answer was lost is answered with that offset", async () => {
  await using node = await startTestNode();
  await using relay = await Relay.start(node.port);
  await using client = clientOf(node, relay);
  await client.produce("a", { topic: "orders" });
  relay.cutBefore("client");
  assert.equal((await client.produce("b", { topic: "orders", expectedOffset: 1n })).offset, 1n);
  await relay.wasCut();
  await assert.rejects(client.produce("c", { topic: "orders", expectedOffset: 1n }), { reason: "UNEXPECTED_OFFSET" });
  assert.deepEqual(await storedIn(node, "orders"), ["a", "b"]);
});

test("calls go on in a topic that was removed and made again under its name", async () => {
  await using node = await startTestNode();
  const client = node.as("acme/root");
  await client.produce(["a", "b"], { topic: "orders" });
  await client.topics.delete("orders");
  const calls = ["c", "d"].map((value) => client.produce(value, { topic: "orders" }));
  assert.deepEqual(
    (await Promise.all(calls)).map(({ offset }) => offset),
    [0n, 1n],
  );
  assert.deepEqual(await storedIn(node, "orders"), ["c", "d"]);
});

test("a call that may be stored in a topic that is gone fails, and says that nobody knows", async () => {
  await using node = await startTestNode();
  await using relay = await Relay.start(node.port);
  await using client = clientOf(node, relay);
  await client.produce("a", { topic: "orders" });
  relay.cutBefore("client");
  const release = relay.hold();
  const lost = client.produce("b", { topic: "orders" });
  await relay.wasCut();
  await node.as("acme/root").topics.delete("orders");
  release();
  await assert.rejects(lost, { codeName: "UNKNOWN", details: /^it is not known whether it is stored/ });
  assert.equal((await client.produce("c", { topic: "orders" })).offset, 0n);
});

test("kills of the server under load cost no call, and store nothing twice", { timeout: 120_000 }, async () => {
  // Lends its certificates and its policy.
  await using files = await startTestNode();
  const directory = await mkdtemp(join(tmpdir(), "aclog-kills-"));
  try {
    let server = await ServedProcess.start(files, join(directory, "data"));
    await using relay = await Relay.start(portOf(server));
    await using client = clientOf(files, relay);
    const ledger = new Ledger();
    let [answers, isOver] = [0, false];
    const caller = async () => {
      while (!isOver) {
        const values = ledger.values(2);
        const outcome = await ledger.note(values, client.produce(values, { topic: "orders", timeoutMs: 60_000 }));
        if (outcome instanceof CallError) throw outcome;
        answers++;
      }
    };
    const callers = Array.from({ length: 20 }, caller);
    for (let kill = 0; kill < 3; kill++) {
      const enough = answers + 300;
      while (answers < enough) await Promise.race([...callers, new Promise(setImmediate)]);
      await server.end("SIGKILL");
      server = await ServedProcess.start(files, join(directory, "data"));
      relay.cut(portOf(server));
    }
    isOver = true;
    await Promise.all(callers);
    const stored: string[] = [];
    for await (const { records, highWaterMark } of client.followBatches({ topic: "orders" })) {
      stored.push(...records.map(({ value }) => value.toString()));
      if (BigInt(stored.length) === highWaterMark) break;
    }
    const figures = await ledger.check(stored);
    assert.equal(figures.failed, 0);
    assert.equal(stored.length, 2 * figures.acked);
    await client.close();
    await server.end("SIGTERM");
  } finally {
    await rm(directory, { recursive: true });
  }
});

function portOf({ address }: ServedProcess): number {
  return Number(address.split(":").at(-1));
}
