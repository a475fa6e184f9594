import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TopicStorageFailed } from "../../src/errors.js";
import { Observation } from "../../src/node/observation.js";
import { LogLines, startTestNode } from "../support/test-node.js";

/** What an operator sees of a server of which nothing else is known. */
function observed(): { log: LogLines; observation: Observation; metric: (name: string) => Promise<number> } {
  const log = new LogLines();
  const none = (): number => 0;
  const observation = new Observation(log.logger, {
    dataDir: "/",
    version: "0",
    certificatesEndMs: () => new Map(),
    credentialsRefused: () => false,
    revocationListsExpired: () => 0,
    connections: none,
    openConsumes: none,
    waitingReaders: none,
    journalWaitingBytes: none,
    isReady: () => true,
    policy: () => ({
      active: { version: "0", activatedMs: 0, author: "files", how: "start", basedOn: undefined },
      filesVersion: "0",
      refused: [],
    }),
  });
  const metric = async (name: string): Promise<number> => {
    const line = (await observation.metrics.render()).split("\n").find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  };
  return { log, observation, metric };
}

test("a round that fails is counted each time and logged once for each kind of failure, until one succeeds", async () => {
  const { log, observation, metric } = observed();
  const outcomes = [new Error("disk"), new Error("disk"), new Error("space"), undefined, new Error("space"), "odd", 1];
  for (const outcome of outcomes) observation.onMaintenance(0.5, outcome);
  const told = log.lines.map(({ msg, err }) => [msg, (err as { message?: string }).message ?? err]);
  const msg = "retention and compaction could not finish; they are tried again";
  expect(told).toEqual([
    [msg, "disk"],
    [msg, "space"],
    [msg, "space"],
    [msg, "odd"],
  ]);
  expect(await metric("aclog_maintenance_failures_total")).toBe(6);
  expect(await metric("aclog_maintenance_duration_seconds_sum")).toBe(3.5);
});

test("a jump of the clock is a warning that says how far and where to", async () => {
  const { log, observation, metric } = observed();
  observation.storeEvents(() => undefined).onClockJump({ byMs: -3_600_000, wallMs: Date.UTC(2026, 0, 2) });
  expect(log.lines).toMatchObject([{ level: 40, byMs: -3_600_000, wallTime: "2026-01-02T00:00:00.000Z" }]);
  expect(await metric("aclog_clock_jumps_total")).toBe(1);
});

test("a journal that fails is told at once: to the log, to health, and to whoever watches", () => {
  const { log, observation } = observed();
  let told = 0;
  observation.storeEvents(() => told++).onFailure(new Error("EIO"));
  expect(log.lines).toMatchObject([{ level: 60, err: { message: "EIO" } }]);
  expect(told).toBe(1);
});

test("a topic whose files cannot be written is told of with file and error, and counted; what callers are told of it is not", async () => {
  const { log, observation, metric } = observed();
  const error = Object.assign(new Error("EIO: i/o error, fsync '/data/1.log'"), { code: "EIO" });
  const failed = { tenant: "acme", topic: "orders", topicId: "ab", error };
  observation.storeEvents(() => undefined).onTopicFailure(failed);
  observation.onInternalError(new TopicStorageFailed("ab"), "/log.v1.Log/Produce", "id");
  expect(log.lines).toMatchObject([
    { level: 50, tenant: "acme", topic: "orders", topicId: "ab", err: { code: "EIO", message: error.message } },
  ]);
  expect(await metric("aclog_topic_failures_total")).toBe(1);
  // A call that meets the disk itself says what it met.
  observation.onInternalError(new TopicStorageFailed("ab", error), "/log.v1.Log/Consume", "id");
  expect(log.lines.slice(1)).toMatchObject([{ level: 50, requestId: "id", topicId: "ab", err: { code: "EIO" } }]);
});

test("a start says which topic is shorter than it was; that one takes nothing more, the others do", async () => {
  await using node = await startTestNode();
  for (const topic of ["short", "whole"]) await node.as("acme/root").produce(["a", "b"], { topic });
  const topicId = (await node.as("acme/root").topics.describe("short")).topicId.toString("hex");
  await node.drain();
  const directory = join(node.config.dataDir, "tenants/acme/topics", topicId);
  const segment = (await readdir(directory)).find((name) => name.endsWith(".log"))!;
  await truncate(join(directory, segment), 10);
  await node.restart();
  const line = await node.log.until(({ msg }) => msg.startsWith("a topic's file is not what it was"));
  expect(line).toMatchObject({ level: 50, topicId, location: expect.stringContaining(segment) as string });
  await expect(node.as("acme/root").produce("c", { topic: "short" })).rejects.toMatchObject({
    reason: "RECORD_CORRUPT",
    message: expect.not.stringContaining(segment) as string,
  });
  await node.as("acme/root").produce("c", { topic: "whole" });
  expect(await node.valuesOf("acme", "whole")).toEqual(["a", "b", "c"]);
});
