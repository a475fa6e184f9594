import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileStore, type RecordBatch, defaultFileStoreOptions } from "../../src/log/index.js";
import { LogService, type StartAt, streamReadBytes } from "../../src/service/index.js";
import { TenantLogs } from "../../src/tenancy/tenant-logs.js";
import { defaultTenantLimits } from "../../src/tenant-limits.js";
import { type ProduceRequest, readProduceRequest } from "../../src/wire/requests.js";
import { produceBytes } from "../support/raw-client.js";

let directory: string;
let store: FileStore;
let logs: TenantLogs;
let service: LogService;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aclog-service-"));
  store = await FileStore.open(directory, defaultFileStoreOptions, {
    onRecovered: () => undefined,
    onFailure: () => undefined,
    onTopicFailure: () => undefined,
    onClockJump: () => undefined,
    onMaintenanceProblem: () => undefined,
  });
  logs = new TenantLogs(store, () => defaultTenantLimits);
  service = new LogService(logs);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const limits = { maxRecords: 10, maxBytes: 1024 };
const target = (topic: string) => ({ tenant: "acme", topic, topicId: undefined });

function batch(...records: string[]): RecordBatch {
  return (readProduceRequest(produceBytes({ records })) as ProduceRequest).records;
}

async function produce(topic: string, ...records: string[]): Promise<void> {
  const options = { expectedOffset: undefined, mayCreate: () => true };
  await (
    await service.produce(target(topic), batch(...records), options)
  ).durable;
}

/** Timers that keep the process alive; those of the test runner are the same before and after. */
const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

describe("a Consume that waited leaves no timer behind", () => {
  const starts: readonly StartAt[] = [
    { at: "latest" },
    { at: "offset", offset: 1n },
    { at: "time", timeMs: 2n ** 60n },
  ];
  test.each(starts)("from $at, when its caller goes", async (start) => {
    const topic = `gone.${start.at}`;
    await produce(topic, "v");
    const before = timers();
    const caller = new AbortController();
    const waiting = service.consume(target(topic), start, limits, 60_000, caller);
    await new Promise(setImmediate);
    caller.abort();
    await expect(waiting).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(timers()).toBeLessThanOrEqual(before);
  });

  test("when a record comes", async () => {
    await produce("woken", "v");
    const before = timers();
    const waiting = service.consume(target("woken"), { at: "latest" }, limits, 60_000, new AbortController());
    await new Promise(setImmediate);
    await produce("woken", "w");
    expect((await waiting).frames).toMatchObject({ offset: 1n, count: 1 });
    expect(timers()).toBeLessThanOrEqual(before);
  });
});

test("following ends when its caller goes, also in the middle of what there is", async () => {
  await produce("followed", ...new Array<string>(5).fill("v".repeat(streamReadBytes / 2)));
  const caller = new AbortController();
  const following = service.follow(target("followed"), { at: "earliest" }, 60, caller.signal);
  const counts: number[] = [];
  await expect(async () => {
    for await (const { frames } of following) {
      counts.push(frames.count);
      if (counts.length === 2) caller.abort();
    }
  }).rejects.toMatchObject({ reason: "CANCELLED" });
  expect(counts).toEqual([1, 1]);
});

describe("a topic is created only where it is missing, may be, and is nobody's but a caller's", () => {
  const never = (): boolean => expect.fail("it was asked whether it may create");
  test("it is not asked about a topic that is there, about default, and about system topics", async () => {
    const log = await logs.findOrCreate(target("default"), never);
    expect(await logs.findOrCreate({ ...target("default"), topicId: log.topicId }, never)).toBe(log);
    await expect(logs.findOrCreate(target("_audit"), never)).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    const known = { ...target("known"), topicId: "00".repeat(16) };
    await expect(logs.findOrCreate(known, never)).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
  });

  test("it is not created if it may not be", async () => {
    await expect(logs.findOrCreate(target("refused"), () => false)).rejects.toMatchObject({
      reason: "TOPIC_NOT_FOUND",
    });
    expect(store.find("acme", "refused")).toBeUndefined();
  });

  test("it is not created for a batch that is not taken at the moment", async () => {
    const log = await store.open("flooded", "orders");
    const large = batch("x".repeat(1024 * 1024));
    const attempts = Array.from({ length: 70 }, () => log.append(large, {}));
    const options = { expectedOffset: undefined, mayCreate: () => true };
    const late = service.produce({ ...target("late"), tenant: "flooded" }, large, options);
    await expect(late).rejects.toMatchObject({ reason: "BACKLOG_FULL" });
    expect(store.find("flooded", "late")).toBeUndefined();
    const taken = (await Promise.allSettled(attempts)).filter((attempt) => attempt.status === "fulfilled");
    expect(taken.length).toBeLessThan(70);
    for (const { value } of taken) await value.durable;
  });

  test("two who create it at once get the same", async () => {
    const [one, other] = await Promise.all([1, 2].map(() => logs.findOrCreate(target("at.once"), () => true)));
    expect(one).toBe(other);
  });
});
