import { cp, mkdir, readFile, readdir, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { deletedName, renameDeleted } from "../../src/log/catalog.js";
import { writeCheckedJson } from "../../src/log/checked-json.js";
import { readManifest } from "../../src/log/manifest.js";
import { type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { expectEveryCallToFail } from "../conformance/topics.js";
import { appendDescribed, checkDescribed, describedBatch } from "../support/described-records.js";
import {
  append,
  filesIn,
  fingerprint,
  openFilesBelow,
  openStore,
  pathsEndingWith,
  temporaryDirectory,
} from "../support/log-harness.js";

const someSettings: TopicSettings = { retentionMs: 1000, retentionBytes: 2000, retentionRecords: 3000, compact: true };

afterEach(() => {
  vi.useRealTimers();
});

async function topicDirectories(data: string, tenant = "acme"): Promise<string[]> {
  return (await readdir(join(data, "tenants", tenant, "topics"))).sort();
}

const notRenamed = { reason: "TOPIC_STORAGE_FAILED", cause: { code: "ENOTEMPTY" } };

describe("a topic's settings", () => {
  test("are there again after a start, whether it was created with them or got them later", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      const created = await open.store.create("acme", "created", someSettings);
      const configured = await open.store.open("acme", "configured");
      await configured.configure(someSettings);
      await configured.configure({ ...someSettings, compact: false });
      expect(created.createdMs).toBeGreaterThan(Date.now() - 60_000);
      await append(created, "x");
    }
    await using open = await openStore(directory.path);
    expect(open.store.find("acme", "created")!.settings).toEqual(someSettings);
    expect(open.store.find("acme", "created")!.createdMs).toBeGreaterThan(Date.now() - 60_000);
    expect(open.store.find("acme", "configured")!.settings).toEqual({ ...someSettings, compact: false });
    // What a caller does with the object that it gave or got changes nothing.
    expect(Object.isFrozen(open.store.find("acme", "created")!.settings)).toBe(true);
  });

  test("of a topic.json from before there were any are the defaults", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      await appendDescribed(await open.store.open("acme", "orders"), 10);
    }
    const [path] = await pathsEndingWith(directory.path, "topic.json");
    const { version, tenant, topic, topicId, startOffset, segments } = JSON.parse(
      await readFile(path!, "utf8"),
    ) as Record<string, unknown>;
    await writeFile(path!, JSON.stringify({ version, tenant, topic, topicId, startOffset, segments }));
    await using open = await openStore(directory.path);
    const log = open.store.find("acme", "orders")!;
    expect(log.settings).toEqual(defaultTopicSettings);
    expect(log.createdMs).toBe(0);
    await checkDescribed(log);
    await appendDescribed(log, 10);
    await log.trimBefore(5n);
    expect(await readManifest(dirname(path!))).toMatchObject({ createdMs: 0, startOffset: 5n });
  });

  test("that are nonsense are refused at a start", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      await open.store.create("acme", "orders", someSettings);
    }
    const [path] = await pathsEndingWith(directory.path, "topic.json");
    const text = (await readFile(path!, "utf8")).replace(/,\n {2}"checksum": ".*"/, "");
    const segments = text.slice(text.indexOf('"segments"'), text.lastIndexOf("]") + 1);
    for (const [from, to] of [
      ['"retentionMs": 1000', '"retentionMs": 0'],
      ['"retentionMs": 1000', '"retentionMs": "1000"'],
      ['"compact": true', '"compact": 1'],
      ['"compact": true', '"compact": true, "other": 1'],
      ['"compactedTo": "0"', '"compactedTo": "-1"'],
      [segments, '"segments": [{"base":"0"},{"base":"5"}]'],
      [segments, '"segments": [{"base":"5","sealed":{"next":"9","bytes":1}},{"base":"7"}]'],
    ] as const) {
      expect(text).toContain(from);
      await writeFile(path!, writeCheckedJson(JSON.parse(text.replace(from, to)) as object));
      const before = await fingerprint(directory.path);
      await expect(openStore(directory.path), to).rejects.toMatchObject({ name: "OperatorError" });
      expect(await fingerprint(directory.path)).toBe(before);
    }
  });
});

describe("a deleted topic", () => {
  test("is gone at once, its files soon, and its name goes to a new topic that has nothing of it", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const ids = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const log = await open.store.create("acme", "orders", defaultTopicSettings);
      ids.add(log.topicId);
      await appendDescribed(log, 20, 500);
      const pending = await log.append(describedBatch(log.topicId, 20n, 5), {});
      await open.store.delete(log);
      expect(await pending.durable).toEqual({ offset: 20n, count: 5 });
      expect(await topicDirectories(directory.path)).not.toContain(log.topicId);
      expect(open.store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
    }
    expect(ids.size).toBe(5);
    await vi.waitFor(async () => expect(await topicDirectories(directory.path)).toEqual([]), 5000);
    expect((await openFilesBelow(directory.path)).filter((path) => path.includes("/topics/"))).toEqual([]);
    expect(open.failures).toEqual([]);
  });

  test("that has records only in memory holds up nobody, and no checkpoint", async () => {
    await using directory = await temporaryDirectory();
    // So little memory that groups wait for what is pending to be written.
    await using open = await openStore(directory.path, { pendingBytes: 2000 });
    const kept = await open.store.open("acme", "kept");
    for (let round = 0; round < 30; round++) {
      const log = await open.store.open("acme", "orders");
      await appendDescribed(log, 10, 900);
      await Promise.all([open.store.delete(log), appendDescribed(kept, 5, 500)]);
    }
    await checkDescribed(kept);
    expect(open.failures).toEqual([]);
    expect(open.store.failure).toBeUndefined();
  });

  test("may be in the midst of anything: every call ends as it should or with TOPIC_NOT_FOUND", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 4096, pendingBytes: 4096 });
    const { store } = open;
    for (let round = 0; round < 60; round++) {
      const log = await store.open("acme", "orders", { ...defaultTopicSettings, retentionRecords: 30, compact: true });
      await appendDescribed(log, 40, 400);
      const calls = [
        log.append(describedBatch(log.topicId, 40n, 20, 500), {}).then(({ durable }) => durable),
        store.maintain(),
        log.trimBefore(5n),
        log.configure(defaultTopicSettings),
        checkDescribed(log, true),
      ];
      const ended = Promise.allSettled(calls);
      for (let turns = 0; turns < round % 30; turns++) await turn();
      await store.delete(log);
      for (const outcome of await ended) {
        if (outcome.status === "rejected") {
          expect(outcome.reason).toMatchObject({ reason: /^(TOPIC_NOT_FOUND|OFFSET_OUT_OF_RANGE)$/ });
        }
      }
    }
    expect(open.failures).toEqual([]);
    expect(open.problems).toEqual([]);
    expect(store.failure).toBeUndefined();
  });

  test("is not brought back by a start, from whatever moment of its deletion", async () => {
    await using directory = await temporaryDirectory();
    const live = join(directory.path, "live");
    // No checkpoint by itself: the journal keeps all that was appended.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const copies: string[] = [];
    const copy = async (name: string): Promise<string> => {
      const path = join(directory.path, name);
      await cp(live, path, { recursive: true });
      copies.push(path);
      return path;
    };
    const open = await openStore(live);
    const orders = await open.store.open("acme", "orders");
    const bills = await open.store.open("acme", "bills");
    await appendDescribed(orders, 20);
    await appendDescribed(bills, 20);
    const before = await copy("before");
    await open.store.delete(orders);
    await copy("deleted");
    const again = await open.store.create("acme", "orders", defaultTopicSettings);
    await appendDescribed(again, 7);
    await copy("again");
    await open.store.delete(again);
    const third = await open.store.create("acme", "orders", defaultTopicSettings);
    await appendDescribed(third, 3);
    await copy("third");
    vi.useRealTimers();
    await open[Symbol.asyncDispose]();
    await copy("closed");
    for (const path of copies) {
      for (let start = 0; start < 2; start++) {
        await using opened = await openStore(path);
        const { store } = opened;
        expect((await checkDescribed(store.find("acme", "bills")!)).next).toBe(20n);
        const log = store.find("acme", "orders");
        const expected = { before: orders, deleted: undefined, again, third, closed: third }[basename(path)];
        expect(log?.topicId, path).toBe(expected?.topicId);
        if (log !== undefined) {
          const { next } = await checkDescribed(log);
          expect(next).toBe({ before: 20n, again: 7n, third: 3n, closed: 3n }[basename(path)]);
        }
        expect(await topicDirectories(path)).toEqual(
          store
            .topics("acme")
            .map(({ topicId }) => topicId)
            .sort(),
        );
      }
    }
    // A directory that is neither there nor deleted is a loss, whoever took it.
    const lost = join(directory.path, "lost");
    await cp(before, lost, { recursive: true });
    await rename(join(lost, "tenants/acme/topics", orders.topicId), join(lost, "elsewhere"));
    await expect(openStore(lost)).rejects.toMatchObject({ name: "OperatorError" });
  });

  test("makes who opens or creates it meanwhile wait for a new one", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await appendDescribed(log, 10);
    const deleted = open.store.delete(log);
    expect(open.store.find("acme", "orders")).toBeUndefined();
    expect(open.store.topics("acme")).toEqual([]);
    await expect(open.store.delete(log)).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    const [opened, created, openedToo] = await Promise.allSettled([
      open.store.open("acme", "orders"),
      open.store.create("acme", "orders", someSettings),
      open.store.open("acme", "orders"),
    ]);
    await deleted;
    expect(opened).toMatchObject({ status: "fulfilled" });
    expect(created).toMatchObject({ status: "rejected", reason: { reason: "TOPIC_EXISTS" } });
    expect(openedToo).toEqual(opened);
    const again = open.store.find("acme", "orders")!;
    expect(again.topicId).not.toBe(log.topicId);
    expect(again.range()).toEqual({ base: 0n, next: 0n });
  });

  test("whose directory cannot be renamed is there as before", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await appendDescribed(log, 10);
    const path = join(directory.path, "tenants/acme/topics", deletedName(log.topicId));
    await mkdir(join(path, "in the way"), { recursive: true });
    await expect(open.store.delete(log)).rejects.toMatchObject(notRenamed);
    expect(open.store.find("acme", "orders")).toBe(log);
    await appendDescribed(log, 10);
    await checkDescribed(log);
    expect(open.store.usage("acme")).toEqual({ topics: 1, bytes: log.storedBytes });
    expect(open.failures).toEqual([]);
  });
});

test("a start says which topics it has removed that were deleted before, and how much that was", async () => {
  await using directory = await temporaryDirectory();
  let topicId = "";
  {
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await appendDescribed(log, 10);
    topicId = log.topicId;
  }
  // As a crash right behind it leaves it: the checkpoint still speaks of the topic.
  const gone = await renameDeleted(join(directory.path, "tenants/acme/topics", topicId));
  const names = await readdir(gone);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(gone, name))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  {
    await using open = await openStore(directory.path);
    expect(open.report.removed).toEqual([{ topicId, tenant: "acme", topic: "orders", bytes }]);
    expect(open.store.find("acme", "orders")).toBeUndefined();
  }
  await using open = await openStore(directory.path);
  expect(open.report.removed).toEqual([]);
});

describe("a deletion that fails while the store is closed", () => {
  test("leaves a topic that is closed as well, and one that is whole at the next start", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      const log = await open.store.open("acme", "orders");
      await appendDescribed(log, 10);
      await mkdir(join(directory.path, "tenants/acme/topics", deletedName(log.topicId), "in the way"), {
        recursive: true,
      });
      const deleted = expect(open.store.delete(log)).rejects.toMatchObject(notRenamed);
      await open.store[Symbol.asyncDispose]();
      await deleted;
      await expectEveryCallToFail(log, { reason: "LOG_CLOSED" });
    }
    await using open = await openStore(directory.path);
    expect(await checkDescribed(open.store.find("acme", "orders")!)).toMatchObject({ next: 10n });
  });
});

describe("files that no topic.json names", () => {
  test("are removed at a start, those of another generation, those in front and half a topic.json too, and nothing else is", async () => {
    await using directory = await temporaryDirectory();
    let topic: string;
    {
      await using open = await openStore(directory.path, { segmentBytes: 2048 });
      const log = await open.store.open("acme", "orders");
      for (let batch = 0; batch < 30; batch++) await appendDescribed(log, 5, 100);
      topic = join(directory.path, "tenants/acme/topics", log.topicId);
    }
    const before = await filesIn(topic);
    const { segments } = await readManifest(topic);
    const base = (at: number): string => `${segments[at]!.base}`.padStart(20, "0");
    const orphans = [`${base(0)}.1.log`, `${base(0)}.1.index`, `${base(3)}.12.log`, `${"1".padStart(20, "0")}.log`];
    orphans.push("topic.json.tmp");
    const others = [`${"9".repeat(20)}.log`, "notes.txt", "1.log", "notes.tmp"];
    for (const name of [...orphans, ...others]) await writeFile(join(topic, name), "left behind");
    await using open = await openStore(directory.path, { segmentBytes: 2048 });
    await checkDescribed(open.store.find("acme", "orders")!);
    expect(await filesIn(topic)).toEqual([...before, ...others].sort());
  });
});

describe("what a tenant takes", () => {
  test("is known to the byte, as it is on disk, through everything that changes it", async () => {
    await using directory = await temporaryDirectory();
    for (let life = 0; life < 4; life++) {
      await using open = await openStore(directory.path, { segmentBytes: 4096 });
      const { store } = open;
      const orders = await store.open("acme", "orders", { ...defaultTopicSettings, compact: true });
      const bills = await store.open("acme", "bills");
      for (let batch = 0; batch < 20; batch++) {
        const before = store.usage("acme").bytes;
        const { durable } = await orders.append(describedBatch(orders.topicId, orders.range().next, 5, 300), {});
        // Counted from the moment that it is admitted.
        expect(store.usage("acme").bytes).toBeGreaterThanOrEqual(before + 1500);
        await durable;
        await appendDescribed(bills, 5, 200);
      }
      await bills.trimBefore(bills.range().next - 10n);
      await store.maintain();
      await vi.waitFor(async () => {
        let bytes = 0;
        for (const path of await pathsEndingWith(directory.path, ".log")) bytes += (await readFile(path)).length;
        expect(store.usage("acme")).toEqual({ topics: 2, bytes });
        expect(orders.storedBytes + bills.storedBytes).toBe(bytes);
      }, 5000);
      const gone = await store.open("acme", "gone");
      await appendDescribed(gone, 5);
      await store.delete(gone);
      expect(store.usage("acme").bytes).toBe(orders.storedBytes + bills.storedBytes);
    }
  });

  test("counts topics that are being created, and not those that only the server makes", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const { store } = open;
    const creating = ["default", "_groups", "a", "b"].map((name) => store.open("acme", name));
    expect(store.usage("acme")).toEqual({ topics: 2, bytes: 0 });
    const [, , a] = await Promise.all(creating);
    expect(store.usage("acme")).toEqual({ topics: 2, bytes: 0 });
    await store.delete(a!);
    expect(store.usage("acme").topics).toBe(1);
  });
});
