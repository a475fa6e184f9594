import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { append } from "../support/log-harness.js";
import { type OpenEngine, forever, named } from "./engine.js";

export function waiting(open: OpenEngine): void {
  test("an offset that can be read is reached at once", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await append(log, "a", "b");
    await log.reach(0n, forever);
    await log.reach(1n, forever);
    // Where it is, not where it was: what was removed is no reason to wait.
    await log.trimBefore(2n);
    await log.reach(0n, forever);
  });

  test("an append wakes those whose offset it reaches, and nobody else", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const woken: number[] = [];
    const waits = [5, 0, 3, 1, 4, 2, 2].map(async (offset) => {
      await log.reach(BigInt(offset), forever);
      expect(log.range().next).toBeGreaterThan(BigInt(offset));
      woken.push(offset);
    });
    await append(log, "0", "1", "2");
    await turn();
    expect(woken.toSorted()).toEqual([0, 1, 2, 2]);
    await append(log, "3");
    await turn();
    expect(woken.toSorted()).toEqual([0, 1, 2, 2, 3]);
    await append(log, "4", "5", "6");
    await Promise.all(waits);
  });

  test("hundreds that wait for the same record all get it", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const waits = Array.from({ length: 500 }, () => log.reach(9n, forever));
    for (const value of named("", 10)) await append(log, value);
    await Promise.all(waits);
  });

  test("an abort ends its own wait with CANCELLED, before and while it waits", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await expect(log.reach(0n, AbortSignal.abort())).rejects.toMatchObject({ reason: "CANCELLED" });
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const waits = controllers.map(({ signal }, index) => log.reach(BigInt(index % 2), signal));
    const cancelled = [3, 4].map((index) => expect(waits[index]).rejects.toMatchObject({ reason: "CANCELLED" }));
    controllers[3]!.abort();
    controllers[4]!.abort();
    await Promise.all(cancelled);
    await append(log, "0", "1");
    await Promise.all([0, 1, 2, 5].map((index) => waits[index]!));
    // Too late to change anything.
    for (const controller of controllers) controller.abort();
  });

  test("those who wait in one topic do not hear of another", async () => {
    await using engine = await open();
    const orders = await engine.store.open("acme", "orders");
    const others = [await engine.store.open("acme", "bills"), await engine.store.open("globex", "orders")];
    let reached = false;
    const wait = orders.reach(0n, forever).then(() => (reached = true));
    for (const other of others) await append(other, "x");
    await turn();
    expect(reached).toBe(false);
    await append(orders, "x");
    await wait;
  });
}
