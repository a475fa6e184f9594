import { expect, test } from "vitest";
import { defaultTopicSettings } from "../../src/log/port.js";
import { append } from "../support/log-harness.js";
import { type OpenEngine, logOf, named, valuesOf } from "./engine.js";
import { appendMany } from "./removing.js";
import { someSettings } from "./topics.js";

/** What a durable engine keeps when it is closed and opened. */
export function reopening(open: OpenEngine): void {
  test("after it is opened again, everything is as it was, many times over", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", someSettings);
    const { topicId, createdMs } = log;
    const kept: string[] = [];
    for (let round = 0; round < 5; round++) {
      const orders = logOf(engine, "orders");
      expect(orders).toMatchObject({ tenant: "acme", topic: "orders", topicId, createdMs });
      expect(orders.range().next).toBe(BigInt(kept.length));
      const values = named(`${round}.`, 30);
      for (const value of values) await append(orders, value);
      kept.push(...values);
      const start = BigInt(round * 20);
      await orders.trimBefore(start);
      await orders.configure({ ...someSettings, retentionRecords: 100_000 + round });
      const gone = await engine.store.open("acme", "gone");
      await append(gone, "x");
      await engine.store.delete(gone);
      const before = {
        last: orders.lastTimestampMs,
        usage: engine.store.usage("acme"),
        read: await valuesOf(orders),
      };
      await engine.reopen();
      const again = logOf(engine, "orders");
      expect(again.settings).toEqual({ ...someSettings, retentionRecords: 100_000 + round });
      expect(again.range()).toEqual({ base: start, next: BigInt(kept.length) });
      expect(await valuesOf(again)).toEqual(kept.slice(Number(start)));
      expect({ last: again.lastTimestampMs, usage: engine.store.usage("acme"), read: await valuesOf(again) }).toEqual(
        before,
      );
      expect(engine.store.topics("acme").map(({ topic }) => topic)).toEqual(["orders"]);
    }
  });

  test("what retention removed does not come back when it is opened again", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", { ...defaultTopicSettings, retentionRecords: 100 });
    await appendMany(log, "v", 1000);
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const range = logOf(engine, "orders").range();
    const values = await valuesOf(logOf(engine, "orders"));
    await engine.reopen();
    expect(logOf(engine, "orders").range()).toEqual(range);
    expect(await valuesOf(logOf(engine, "orders"))).toEqual(values);
    expect(await append(logOf(engine, "orders"), "x")).toBe(range.next);
  });
}
