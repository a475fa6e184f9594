import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { defaultFileStoreOptions } from "../../src/log/file-store-options.js";
import { readManifest } from "../../src/log/manifest.js";
import { type CommitLog, type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { segmentBytesOf } from "../../src/log/segment-size.js";
import { appendDescribed, checkDescribed } from "../support/described-records.js";
import {
  everything,
  fingerprint,
  openStore,
  pathsEndingWith,
  temporaryDirectory,
  valuesBatch,
} from "../support/log-harness.js";
import { ManualClock } from "../support/manual-clock.js";

const mebibyte = 1024 * 1024;
const minute = 60_000;
const day = 86_400_000;
const settings = (some: Partial<TopicSettings>): TopicSettings => ({ ...defaultTopicSettings, ...some });

async function appendMany(log: CommitLog, batches: number, count = 10, bytes = 100): Promise<void> {
  for (let batch = 0; batch < batches; batch++) await appendDescribed(log, count, bytes);
}

/** Bytes of all segments that are on disk. */
async function bytesOnDisk(directory: string): Promise<number> {
  let bytes = 0;
  for (const path of await pathsEndingWith(directory, ".log")) bytes += (await readFile(path)).length;
  return bytes;
}

describe("retention", () => {
  test("by count is exact, in any place of any segment", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 4096 });
    const log = await open.store.open("acme", "orders");
    await appendMany(log, 30);
    for (const retentionRecords of [300, 299, 250, 101, 7, 1]) {
      await log.configure(settings({ retentionRecords }));
      await open.store.maintain();
      expect(log.range()).toEqual({ base: BigInt(300 - retentionRecords), next: 300n });
      await checkDescribed(log);
    }
    expect(await bytesOnDisk(directory.path)).toBeLessThan(4096);
  });

  test("by age is exact, and an idle topic gives all its space back", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    await using open = await openStore(directory.path, {}, clock);
    const log = await open.store.create("acme", "orders", settings({ retentionMs: 10 * minute }));
    for (let batch = 0; batch < 20; batch++) {
      await appendDescribed(log, 10, 100);
      clock.advance(minute);
      await open.store.maintain();
      expect(log.range().base).toBe(BigInt(Math.max(0, batch - 9) * 10 + (batch >= 9 ? 10 : 0)));
      await checkDescribed(log);
    }
    clock.advance(10 * minute);
    await open.store.maintain();
    expect(log.range()).toEqual({ base: 200n, next: 200n });
    expect(log.storedBytes).toBe(0);
    expect(await bytesOnDisk(directory.path)).toBe(0);
    await appendDescribed(log, 5);
    await checkDescribed(log);
  });

  test("by bytes keeps what fits, to a commit and a stretch of the index, in sealed segments and in the active one", async () => {
    await using directory = await temporaryDirectory();
    for (const segmentBytes of [16 * 1024, 4 * 1024 * 1024]) {
      await using open = await openStore(directory.path, { segmentBytes, journalFileBytes: 1024 * 1024 });
      const log = await open.store.create("acme", `orders${segmentBytes}`, defaultTopicSettings);
      await appendMany(log, 100, 10, 500);
      const { storedBytes } = log;
      for (const retentionBytes of [storedBytes, storedBytes - 1, 300_000, 100_000, 99_000]) {
        await log.configure(settings({ retentionBytes }));
        const before = log.storedBytes;
        await open.store.maintain();
        expect(log.storedBytes).toBeLessThanOrEqual(retentionBytes);
        // A batch takes some 5.3 kB here.
        if (before > retentionBytes) expect(log.storedBytes).toBeGreaterThan(retentionBytes - 6000);
        await checkDescribed(log);
      }
      expect(log.storedBytes).toBe(await bytesOnDisk(join(directory.path, "tenants/acme/topics", log.topicId)));
      await log.configure(settings({ retentionBytes: 1 }));
      await open.store.maintain();
      expect(log.storedBytes).toBe(0);
      expect(log.range().base).toBe(log.range().next);
    }
  });

  test("by bytes holds its limit while records keep coming, without more files than that takes", async () => {
    await using directory = await temporaryDirectory();
    const options = { segmentBytes: 64 * 1024 * 1024, journalFileBytes: 2 * 1024 * 1024 };
    await using open = await openStore(directory.path, options);
    const retentionBytes = 1024 * 1024;
    const log = await open.store.create("acme", "orders", settings({ retentionBytes }));
    for (let round = 0; round < 30; round++) {
      await appendMany(log, 10, 20, 1000);
      await open.store.maintain();
      expect(log.storedBytes).toBeLessThanOrEqual(retentionBytes);
      if (round > 8) expect(log.storedBytes).toBeGreaterThan(retentionBytes - 100_000);
    }
    await checkDescribed(log);
    const files = await readdir(join(directory.path, "tenants/acme/topics", log.topicId));
    expect(files.length).toBeLessThan(25);
  });

  test("the limit that is passed first counts; without one, nothing goes", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    await using open = await openStore(directory.path, { segmentBytes: 4096 }, clock);
    const log = await open.store.open("acme", "orders");
    await appendMany(log, 20);
    clock.advance(1000 * day);
    await open.store.maintain();
    expect(log.range().base).toBe(0n);
    await log.configure(settings({ retentionMs: 2000 * day, retentionBytes: 10 ** 9, retentionRecords: 150 }));
    await open.store.maintain();
    expect(log.range().base).toBe(50n);
    await log.configure(settings({ retentionMs: 1000 * day, retentionRecords: 150 }));
    await appendDescribed(log, 1);
    await open.store.maintain();
    expect(log.range()).toEqual({ base: 200n, next: 201n });
  });

  test("does not touch what is not durable", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.create("acme", "orders", settings({ retentionRecords: 1, retentionBytes: 1 }));
    for (let round = 0; round < 20; round++) {
      const appends = Array.from({ length: 10 }, () => log.append(valuesBatch("x".repeat(200)), {}));
      const maintained = open.store.maintain();
      const { base, next } = log.range();
      expect(base).toBeLessThanOrEqual(next);
      await maintained;
      expect(log.range().base).toBeLessThanOrEqual(log.range().next);
      for (const append of appends) await (await append).durable;
    }
    // As soon as the last of it is in a segment.
    await vi.waitFor(async () => {
      await open.store.maintain();
      expect(log.range()).toEqual({ base: 200n, next: 200n });
    });
  });

  test("seals a segment only between groups: a batch that is on its way stays where it belongs", async () => {
    await using directory = await temporaryDirectory();
    for (let round = 0; round < 30; round++) {
      await using open = await openStore(directory.path, { segmentBytes: 1024 * 1024 });
      const log = await open.store.open("acme", "orders");
      const next = BigInt(round * 8);
      expect(await checkDescribed(log)).toMatchObject({ base: round === 0 ? 0n : next - 5n, next });
      await appendDescribed(log, 3);
      // All of it may go, and the segment with it.
      await log.trimBefore(log.range().next);
      const appending = appendDescribed(log, 3, 5000);
      for (let turns = 0; turns < round; turns++) await turn();
      await open.store.maintain();
      await appending;
      await appendDescribed(log, 2);
      expect(await checkDescribed(log)).toMatchObject({ base: next + 3n, next: next + 8n });
      expect(open.failures).toEqual([]);
    }
  });

  test("what a limit has let go does not come back when the limit is lifted, or after a start", async () => {
    await using directory = await temporaryDirectory();
    let base = 0n;
    for (let life = 0; life < 6; life++) {
      await using open = await openStore(directory.path, { segmentBytes: 4096 });
      const log = await open.store.open("acme", "orders");
      expect(log.range().base).toBe(base);
      await appendMany(log, 15);
      await log.configure(settings({ retentionRecords: 60 + life }));
      await open.store.maintain();
      base = log.range().base;
      expect(base).toBe(log.range().next - BigInt(60 + life));
      await log.configure(defaultTopicSettings);
      await checkDescribed(log);
    }
  });

  test("a trim gives space back, in the middle of a segment too, where that is worth it", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 1024 * 1024, reclaimBytes: 10_000 });
    const log = await open.store.open("acme", "orders");
    await appendMany(log, 20, 10, 200);
    const { storedBytes } = log;
    for (const [start, left] of [
      [40n, 1],
      // Less than half of the segment is not worth writing the rest anew.
      [80n, 1],
      [150n, 0.25],
      // Nor is it for so few bytes.
      [190n, 0.25],
      [200n, 0],
    ] as const) {
      await log.trimBefore(start);
      await open.store.maintain();
      expect(log.range().base).toBe(start);
      expect(Math.abs(log.storedBytes - storedBytes * left)).toBeLessThan(storedBytes / 50);
      // The next checkpoint writes what waits for company.
      await vi.waitFor(async () => expect(await bytesOnDisk(directory.path)).toBe(log.storedBytes), 10_000);
      expect(open.store.usage("acme").bytes).toBe(log.storedBytes);
      await checkDescribed(log);
    }
  });

  test("a jump of the wall clock lets nothing go, is told once, and records age on as they should", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    for (const byMs of [3650 * day, -10 * day]) {
      await using open = await openStore(directory.path, {}, clock);
      const log = await open.store.create("acme", `by${byMs}`, settings({ retentionMs: 60 * minute }));
      await appendDescribed(log, 10);
      clock.advance(10 * minute);
      await open.store.maintain();
      clock.jump(byMs);
      await appendDescribed(log, 10);
      await open.store.maintain();
      await open.store.maintain();
      expect(open.jumps).toEqual([{ byMs, wallMs: clock.wallMs() }]);
      expect(log.range()).toEqual({ base: 0n, next: 20n });
      clock.advance(50 * minute);
      await open.store.maintain();
      // Behind a jump back, a topic's times stand still: what has them is told apart by when it was seen first.
      expect(log.range().base).toBe(byMs > 0 ? 10n : 0n);
      await appendDescribed(log, 10);
      clock.advance(11 * minute);
      await open.store.maintain();
      expect(log.range().base).toBe(20n);
      clock.advance(60 * minute);
      await open.store.maintain();
      await open.store.maintain();
      clock.advance(61 * minute);
      await open.store.maintain();
      expect(log.range()).toEqual({ base: 30n, next: 30n });
    }
  });

  test("a jump between two runs lets nothing go and is told once; topics whose times stand still let go all the same", async () => {
    await using directory = await temporaryDirectory();
    const clock = new ManualClock();
    clock.jump(3650 * day);
    {
      // A machine that starts with a wrong clock: everything is from the future.
      await using open = await openStore(directory.path, {}, clock);
      const log = await open.store.create("acme", "orders", settings({ retentionMs: 60 * minute }));
      await appendDescribed(log, 10);
    }
    clock.jump(-3650 * day);
    for (let life = 0; life < 12; life++) {
      await using open = await openStore(directory.path, {}, clock);
      expect(open.jumps.map(({ byMs }) => byMs)).toEqual(life === 0 ? [-3650 * day] : []);
      const log = await open.store.open("acme", "orders");
      await open.store.maintain();
      // It can take up to twice as long, since only every hour is told apart.
      expect(log.range().base).toBeLessThanOrEqual(BigInt(Math.max(0, life - 3) * 10));
      expect(log.range().base).toBeGreaterThanOrEqual(BigInt(Math.max(0, life - 8) * 10));
      await appendDescribed(log, 10);
      await checkDescribed(log);
      clock.advance(15 * minute);
    }
  });

  test("readers go on through whatever maintenance does to the files, or are told the new start", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 4096, reclaimBytes: 100 });
    const log = await open.store.create("acme", "orders", settings({ retentionRecords: 150, compact: true }));
    let writing = true;
    let removed = 0;
    const read = async (maxRecords: number): Promise<void> => {
      for (let from = 0n; writing;) {
        await new Promise((resolve) => setImmediate(resolve));
        try {
          const { base, next } = log.range();
          if (from >= next) from = base;
          const frames = await log.read(from, { maxRecords, maxBytes: 4000 });
          from = frames.next;
          await log.offsetAt(BigInt(log.lastTimestampMs));
        } catch (error) {
          expect(error).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
          removed++;
          from = log.range().base;
        }
      }
    };
    const write = async (): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        await appendDescribed(log, 8, 200);
        await open.store.maintain();
        // What is in memory is read as well as what is in files.
        if (round % 10 === 0) await checkDescribed(log, true);
      }
      writing = false;
    };
    await Promise.all([write(), read(1), read(10), read(1000)]);
    expect(removed).toBeGreaterThan(0);
    expect(open.problems).toEqual([]);
  });

  test("calls of maintain that come while one is under way wait for it", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 4096 });
    const log = await open.store.create("acme", "orders", settings({ retentionRecords: 10 }));
    await appendMany(log, 20);
    await Promise.all(Array.from({ length: 5 }, () => open.store.maintain()));
    expect(log.range()).toEqual({ base: 190n, next: 200n });
  });

  test("a segment that is damaged stays, and is told once; limits that need not read it hold", async () => {
    await using directory = await temporaryDirectory();
    const options = { segmentBytes: 4096, reclaimBytes: 100 };
    let path: string;
    {
      await using open = await openStore(directory.path, options);
      const log = await open.store.create("acme", "orders", settings({ compact: true }));
      await log.configure(defaultTopicSettings);
      await appendMany(log, 20);
      path = (await pathsEndingWith(directory.path, ".log"))[1]!;
    }
    const bytes = await readFile(path);
    bytes[200]! ^= 1;
    await writeFile(path, bytes);
    const before = await readFile(path);
    await using open = await openStore(directory.path, options);
    const log = await open.store.open("acme", "orders");
    await log.configure(settings({ compact: true }));
    for (let round = 0; round < 3; round++) await open.store.maintain();
    expect(open.problems).toMatchObject([{ tenant: "acme", topic: "orders", error: { reason: "RECORD_CORRUPT" } }]);
    expect(await readFile(path)).toEqual(before);
    await log.configure(settings({ retentionRecords: 10 }));
    await open.store.maintain();
    expect(log.range()).toEqual({ base: 190n, next: 200n });
    await checkDescribed(log);
    expect(open.store.failure).toBeUndefined();
  });

  test("on a full disk gives space back all the same", async ({ skip }) => {
    await using directory = await temporaryDirectory();
    const disk = join(directory.path, "disk");
    await mkdir(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      return skip("not checked: a full disk needs the right to mount a tmpfs");
    }
    try {
      await using open = await openStore(join(disk, "data"), { segmentBytes: 64 * 1024, journalFileBytes: 512 * 1024 });
      const log = await open.store.open("acme", "orders");
      await appendMany(log, 100, 10, 2000);
      const { storedBytes } = log;
      await vi.waitFor(async () => expect(await bytesOnDisk(disk)).toBe(storedBytes), 5000);
      const { bavail, bsize } = await statfs(disk);
      // All but what a manifest takes: the records of a topic that is full are more than that.
      await writeFile(join(disk, "other"), Buffer.alloc((bavail - 8) * bsize));
      await log.configure(settings({ retentionRecords: 100 }));
      await open.store.maintain();
      expect(log.storedBytes).toBeLessThan(storedBytes / 2);
      await checkDescribed(log);
      expect(open.failures).toEqual([]);
      expect(open.problems).toEqual([]);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  });
});

describe("a clock file that is damaged", () => {
  test("is refused at a start, which changes nothing", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      await appendDescribed(await open.store.open("acme", "orders"), 10);
    }
    await writeFile(join(directory.path, "clock.json"), "{");
    const before = await fingerprint(directory.path);
    await expect(openStore(directory.path)).rejects.toMatchObject({ name: "OperatorError" });
    expect(await fingerprint(directory.path)).toBe(before);
    await rm(join(directory.path, "clock.json"));
    await using open = await openStore(directory.path);
    await checkDescribed(open.store.find("acme", "orders")!);
  });
});

describe("segments of one topic", () => {
  test("with a limit in bytes are small, since the first is written anew each time, and not too many", async () => {
    await using directory = await temporaryDirectory();
    const sizes = { segmentBytes: 16 * mebibyte, compactedSegmentBytes: 64 * 1024 };
    {
      await using open = await openStore(directory.path, { ...sizes, journalFileBytes: 2 * mebibyte });
      const log = await open.store.create("acme", "orders", settings({ retentionBytes: 4 * mebibyte }));
      await appendMany(log, 100, 10, 1000);
    }
    const [path] = await pathsEndingWith(directory.path, "topic.json");
    const { segments } = await readManifest(dirname(path!));
    expect(segments.length).toBeGreaterThan(15);
    for (const { sealed } of segments.slice(0, -1)) expect(sealed!.bytes).toBeLessThanOrEqual(64 * 1024);

    for (const [retentionBytes, bytes] of [
      [1, 64 * 1024],
      [64 * mebibyte, 8 * mebibyte],
      [2048 * mebibyte, 16 * mebibyte],
      [16_384 * mebibyte, 32 * mebibyte],
      [2 ** 50, 256 * mebibyte],
    ] as const) {
      expect(segmentBytesOf(settings({ retentionBytes }), defaultFileStoreOptions)).toBe(bytes);
    }
  });

  test("are small where only sealed ones can be given back, and are named as they are on disk", async () => {
    await using directory = await temporaryDirectory();
    const options = { segmentBytes: 1024 * 1024, compactedSegmentBytes: 8192, reclaimBytes: 1024 * 1024 };
    await using open = await openStore(directory.path, options);
    const log = await open.store.create("acme", "orders", settings({ compact: true }));
    await appendMany(log, 60, 10, 200);
    await open.store.maintain();
    const topic = join(directory.path, "tenants/acme/topics", log.topicId);
    const { segments, compactedTo } = await readManifest(topic);
    expect(segments.length).toBeGreaterThan(5);
    expect(segments.some(({ generation }) => generation === 1)).toBe(true);
    expect(compactedTo).toBe(segments.at(-1)!.base);
    const names = (await readdir(topic)).filter((name) => name.endsWith(".log")).sort();
    expect(names).toHaveLength(segments.length);
    await checkDescribed(log, true);
    expect((await log.read(0n, everything)).offset).toBe(0n);
  });
});
