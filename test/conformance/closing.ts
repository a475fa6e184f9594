import { expect, test } from "vitest";
import { defaultTopicSettings } from "../../src/log/port.js";
import { append, everything, valuesBatch } from "../support/log-harness.js";
import { type Capabilities, type OpenEngine, forever, logOf, named, valuesOf } from "./engine.js";
import { expectEveryCallToFail } from "./topics.js";

const closed = { reason: "LOG_CLOSED" };

export function closing(open: OpenEngine, { durable }: Capabilities): void {
  test("a closed store refuses every call, and so does every log of it", async () => {
    await using engine = await open();
    const { store } = engine;
    const log = await store.open("acme", "orders");
    await append(log, "a", "b");
    await store[Symbol.asyncDispose]();
    await expectEveryCallToFail(log, closed);
    await expect(store.open("acme", "another")).rejects.toMatchObject(closed);
    await expect(store.create("acme", "another", defaultTopicSettings)).rejects.toMatchObject(closed);
    await expect(store.delete(log)).rejects.toMatchObject(closed);
    await expect(store.maintain()).rejects.toMatchObject(closed);
    expect(() => store.admit("acme", valuesBatch("x"))).toThrow(expect.objectContaining(closed));
  });

  test("a store may be closed many times, and several times at once", async () => {
    await using engine = await open();
    await append(await engine.store.open("acme", "orders"), "x");
    await Promise.all([engine.store[Symbol.asyncDispose](), engine.store[Symbol.asyncDispose]()]);
    await engine.store[Symbol.asyncDispose]();
  });

  test("a topic that was deleted stays deleted when its store is closed", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await engine.store.delete(log);
    await engine.store[Symbol.asyncDispose]();
    await expectEveryCallToFail(log, { reason: "TOPIC_NOT_FOUND" });
  });

  test("a close answers all that was admitted, and wakes all who wait", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const waits = [50n, 51n, 99n].map((offset) => expect(log.reach(offset, forever)).rejects.toMatchObject(closed));
    const admitted = await Promise.all(named("v", 50).map((value) => log.append(valuesBatch(value), {})));
    const closing = engine.store[Symbol.asyncDispose]();
    const late = log.append(valuesBatch("late"), {});
    await expect(late).rejects.toMatchObject(closed);
    const offsets = (await Promise.all(admitted.map((append) => append.durable))).map(({ offset }) => offset);
    expect(offsets).toEqual(named("", 50).map(BigInt));
    await closing;
    await Promise.all(waits);
    if (!durable) return;
    await engine.reopen();
    expect(await valuesOf(logOf(engine, "orders"))).toEqual(named("v", 50));
  });

  test("whatever is under way when a store closes ends as it should or with LOG_CLOSED", async () => {
    for (let round = 0; round < 5; round++) {
      await using engine = await open();
      const { store } = engine;
      const log = await store.open("acme", "orders");
      for (const value of named("v", 40)) await append(log, value, "x".repeat(500));
      const other = await store.open("acme", "other");
      await log.configure({ ...defaultTopicSettings, retentionRecords: 70, compact: true });
      const calls = [
        ...named("", 40).map((offset) => log.read(BigInt(offset) + 40n, everything)),
        append(log, "late"),
        store.maintain(),
        log.trimBefore(30n),
        log.configure(defaultTopicSettings),
        log.offsetAt(0n),
        store.open("acme", "late"),
        store.delete(other),
        store.maintain(),
      ];
      const outcomes = Promise.allSettled(calls);
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      await store[Symbol.asyncDispose]();
      for (const outcome of await outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject(closed);
      }
      if (!durable) continue;
      await engine.reopen();
      const values = await valuesOf(logOf(engine, "orders"));
      expect(values.slice(-40).every((value) => /^(v\d+|x+|late)$/.test(value))).toBe(true);
    }
  });
}
