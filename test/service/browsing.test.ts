import { expect, test } from "vitest";
import { Browsing } from "../../src/service/browsing.js";

const signal = new AbortController().signal;

/** What takes so long that everyone else would notice. */
function busyFor(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

test("the first items that are wanted are picked, in order, and no more are looked at than it takes", async () => {
  let looked = 0;
  const numbers = Array.from({ length: 100 }, (_, index) => index);
  const isEven = (number: number): boolean => {
    looked++;
    return number % 2 === 0;
  };
  expect(await new Browsing().pick("acme", () => numbers, isEven, 3, signal)).toEqual([0, 2, 4]);
  expect(looked).toBeLessThan(7);
  expect(
    await new Browsing().pick(
      "acme",
      () => numbers,
      () => false,
      3,
      signal,
    ),
  ).toEqual([]);
});

test("everyone else's work goes on while a long list is made", async () => {
  let turns = 0;
  let isDone = false;
  const others = (): void => {
    turns++;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  const slow = (): boolean => {
    busyFor(1);
    return true;
  };
  await new Browsing().pick("acme", () => Array(60).keys(), slow, 60, signal);
  isDone = true;
  // Two milliseconds at a time.
  expect(turns).toBeGreaterThan(15);
});

test("a tenant's lists are made one after the other, another tenant's beside them", async () => {
  const browsing = new Browsing();
  const order: string[] = [];
  const listing = (tenant: string, name: string): Promise<unknown> =>
    browsing.pick(
      tenant,
      () => Array(5).keys(),
      () => {
        busyFor(3);
        order.push(name);
        return true;
      },
      5,
      signal,
    );
  await Promise.all([listing("acme", "a1"), listing("acme", "a2"), listing("globex", "g")]);
  expect(order.filter((name) => name !== "g")).toEqual([
    ...Array<string>(5).fill("a1"),
    ...Array<string>(5).fill("a2"),
  ]);
  expect(order.indexOf("g")).toBeLessThan(3);
});

test("a list that fails or is cancelled does not hold up the next one", async () => {
  const browsing = new Browsing();
  const caller = new AbortController();
  const cancelled = browsing.pick(
    "acme",
    () => Array(100).keys(),
    () => {
      busyFor(3);
      caller.abort();
      return true;
    },
    100,
    caller.signal,
  );
  const failing = browsing.pick(
    "acme",
    () => {
      throw new TypeError("a defect");
    },
    () => true,
    1,
    signal,
  );
  const good = browsing.pick(
    "acme",
    () => [1],
    () => true,
    1,
    signal,
  );
  await expect(cancelled).rejects.toMatchObject({ reason: "CANCELLED" });
  await expect(failing).rejects.toThrow("a defect");
  expect(await good).toEqual([1]);
});
