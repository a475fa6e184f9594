import { expect, test } from "vitest";
import { Maintenance } from "../../src/node/maintenance.js";
import { startTestNode } from "../support/test-node.js";

test("rounds come one after the other, whatever becomes of them, and the end waits for the last", async () => {
  const failure = new Error("a disk with a defect");
  const rounds: unknown[] = [];
  let running = 0;
  let mostAtATime = 0;
  let enough: () => void;
  const seen = new Promise<void>((resolve) => (enough = resolve));
  const store = {
    maintain: async () => {
      mostAtATime = Math.max(mostAtATime, ++running);
      await new Promise(setImmediate);
      running--;
      if (rounds.length % 2 === 1) throw failure;
    },
  };
  const maintenance = new Maintenance(
    store,
    () => false,
    (seconds, error) => {
      expect(seconds).toBeGreaterThanOrEqual(0);
      if (rounds.push(error) === 4) enough();
    },
    1,
  );
  await seen;
  await maintenance[Symbol.asyncDispose]();
  expect(rounds.slice(0, 4)).toEqual([undefined, failure, undefined, failure]);
  expect(mostAtATime).toBe(1);
  expect(running).toBe(0);
});

test("a server does its rounds by itself, and lets records go that are too many", async () => {
  await using node = await startTestNode();
  const root = node.as("acme/root");
  await root.topics.create("short", { settings: { retentionRecords: 1 } });
  for (const value of ["a", "b", "c"]) await root.produce(value, { topic: "short" });
  while ((await node.valuesOf("acme", "short"))!.length > 1) await new Promise(setImmediate);
  expect(await node.valuesOf("acme", "short")).toEqual(["c"]);
  expect(await node.metric("aclog_maintenance_duration_seconds_count")).toBeGreaterThan(0);
  expect(await node.metric("aclog_maintenance_failures_total")).toBe(0);
});
