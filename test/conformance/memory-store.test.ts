import { describe, expect, test } from "vitest";
import { MemoryStore, defaultTopicSettings } from "../../src/log/index.js";
import { append, appendAll, batchOf, everything, valuesBatch } from "../support/log-harness.js";
import type { Engine } from "./engine.js";
import { describeCommitLog } from "./suite.js";

const mebibyte = 1024 * 1024;

async function open(): Promise<Engine> {
  let passed = 0;
  const store = new MemoryStore({ maxBytes: 8 * mebibyte, now: () => Date.now() + passed });
  return {
    store,
    advance: (milliseconds) => void (passed += milliseconds),
    reopen: () => Promise.reject(new Error("nothing outlives this store")),
    crash: () => Promise.reject(new Error("nothing outlives this store")),
    settle: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

describeCommitLog("the in-memory engine", open, {
  durable: false,
  pieceBytes: 2048,
  refused: {
    batch: () => valuesBatch(...Array.from({ length: 9 }, () => Buffer.alloc(mebibyte))),
    reason: "STORAGE_FULL",
  },
});

describe("the memory of the in-memory engine", () => {
  const full = { reason: "STORAGE_FULL" };

  test("is bounded over all tenants, and what is refused leaves nothing behind", async () => {
    await using store = new MemoryStore({ maxBytes: mebibyte });
    const logs = [await store.open("acme", "orders"), await store.open("globex", "orders")];
    let taken = 0;
    for (; ; taken++) {
      try {
        await append(logs[taken % 2]!, "x".repeat(10_000));
      } catch (error) {
        expect(error).toMatchObject(full);
        break;
      }
    }
    // A little is lost to what a block takes beside its records.
    expect(taken).toBeGreaterThan(95);
    expect(taken).toBeLessThan(105);
    expect(store.usage("acme").bytes + store.usage("globex").bytes).toBeLessThanOrEqual(mebibyte);
    expect(() => store.admit("initech", valuesBatch("x".repeat(10_000)))).toThrow(expect.objectContaining(full));
    expect(logs.reduce((sum, log) => sum + log.range().next, 0n)).toBe(BigInt(taken));
  });

  test("is there again when records or topics go", async () => {
    await using store = new MemoryStore({ maxBytes: mebibyte });
    const log = await store.open("acme", "orders");
    for (let round = 0; round < 3; round++) {
      const values = Array.from({ length: 9 }, () => Buffer.alloc(100_000));
      await appendAll(log, values);
      await expect(append(log, "x".repeat(200_000))).rejects.toMatchObject(full);
      await log.trimBefore(log.range().next);
    }
    await appendAll(log, [Buffer.alloc(900_000)]);
    await store.delete(log);
    expect(store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
    await append(await store.open("acme", "orders"), "x".repeat(900_000));
  });

  test("bounds topics without records as well", async () => {
    await using store = new MemoryStore({ maxBytes: 100_000 });
    const create = async (): Promise<number> => {
      for (let count = 0; ; count++) {
        try {
          await store.create("acme", `t${count}`, defaultTopicSettings);
        } catch (error) {
          expect(error).toMatchObject(full);
          return count;
        }
      }
    };
    expect(await create()).toBeLessThan(1000);
    await expect(store.open("globex", "orders")).rejects.toMatchObject(full);
  });

  test("lets a large batch be read from its middle, and keeps no more of it than was not removed", async () => {
    await using store = new MemoryStore();
    const log = await store.open("acme", "orders");
    await appendAll(
      log,
      Array.from({ length: 50_000 }, (_, index) => `${index}`),
    );
    const before = log.storedBytes;
    await log.trimBefore(49_000n);
    expect(log.storedBytes).toBeLessThan(before / 5);
    const { offset, count } = await log.read(49_500n, { maxRecords: 1, maxBytes: 1 });
    expect({ offset, count }).toEqual({ offset: 49_500n, count: 1 });
  });
});

test("the in-memory engine compacts more keys than it keeps in mind at a time", async () => {
  await using store = new MemoryStore();
  const log = await store.create("acme", "orders", { ...defaultTopicSettings, compact: true });
  const keys = 180_000;
  const step = 45_000;
  const appendKeys = async (first: number): Promise<void> => {
    const records = Array.from({ length: step }, (_, index) => ({ key: Buffer.from(`${(first + index) % keys}`) }));
    await log.append(batchOf(records), {});
  };
  // Every key twice, but for the last of them.
  for (let first = 0; first < 2 * keys - step; first += step) await appendKeys(first);
  await store.maintain();
  let left = 0;
  for (let offset = 0n; offset < log.range().next;) {
    const { count, next } = await log.read(offset, everything);
    left += count;
    offset = next;
  }
  expect(left).toBe(keys);
  expect((await log.read(0n, everything)).offset).toBe(BigInt(keys - step));
});

test("the in-memory engine's own clock is the time of day, and records bear it", async () => {
  await using store = new MemoryStore();
  const log = await store.open("acme", "orders");
  await append(log, "x");
  // It is not set when the machine's clock is: a minute is for a test machine's drift.
  expect(Math.abs(log.lastTimestampMs - Date.now())).toBeLessThan(60_000);
  expect(Number.isInteger(log.lastTimestampMs)).toBe(true);
});

test("a clock that goes back does not take records back in time", async () => {
  let now = 2_000_000_000_000;
  await using store = new MemoryStore({ now: () => now });
  const log = await store.open("acme", "orders");
  const times: number[] = [];
  for (const next of [now, now - 3_600_000, now + 1]) {
    now = next;
    await append(log, "x");
    times.push(log.lastTimestampMs);
  }
  expect(times).toEqual([2_000_000_000_000, 2_000_000_000_000, 2_000_000_000_001]);
});
