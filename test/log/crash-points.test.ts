import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { appendDescribed } from "../support/described-records.js";
import type { DiskModel } from "../support/disk-model.js";
import { openStore, temporaryDirectory } from "../support/log-harness.js";
import { TopicCaller } from "../support/topic-caller.js";

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});

const options = { segmentBytes: 2048, compactedSegmentBytes: 2048, reclaimBytes: 200, journalFileBytes: 48 * 1024 };
const compacting: TopicSettings = { ...defaultTopicSettings, compact: true };

const lives: readonly [string, (caller: TopicCaller) => Promise<void>][] = [
  [
    "trimming and giving space back",
    async (caller) => {
      await caller.create("orders");
      await caller.append("orders", 12);
      await caller.trim("orders", 20n);
      await caller.maintain();
      await caller.trim("orders", 55n);
      await caller.maintain();
      // All of it, though the last segment is not full: it is sealed.
      await caller.trim("orders", 72n);
      await caller.maintain();
      await caller.append("orders", 4);
      await caller.maintain();
      await caller.trim("orders", 90n);
      await caller.append("orders", 3);
      await caller.maintain();
    },
  ],
  [
    "retention by count, by bytes, and changing settings",
    async (caller) => {
      await caller.create("orders", { ...defaultTopicSettings, retentionRecords: 30 });
      await caller.append("orders", 10);
      await caller.maintain({ orders: 30n });
      await caller.append("orders", 1);
      await caller.configure("orders", { ...defaultTopicSettings, retentionRecords: 10 });
      await caller.maintain({ orders: 56n });
      await caller.configure("orders", defaultTopicSettings);
      await caller.append("orders", 8);
      await caller.configure("orders", { ...defaultTopicSettings, retentionBytes: 1 });
      await caller.maintain({ orders: 114n });
      await caller.append("orders", 2);
    },
  ],
  [
    "compaction, with trims and in several passes",
    async (caller) => {
      await caller.create("orders", compacting);
      await caller.append("orders", 15);
      await caller.maintain();
      await caller.append("orders", 10);
      await caller.trim("orders", 40n);
      await caller.maintain();
      await caller.configure("orders", defaultTopicSettings);
      await caller.append("orders", 8);
      await caller.maintain();
      await caller.configure("orders", compacting);
      await caller.maintain();
      await caller.append("orders", 2);
    },
  ],
  [
    "deletion and re-creation",
    async (caller) => {
      await caller.create("bills");
      await caller.append("bills", 2);
      for (let round = 0; round < 3; round++) {
        await caller.create("orders");
        await caller.append("orders", 1 + round * 4);
        if (round === 1) await caller.trim("orders", 10n);
        if (round === 2) await caller.maintain();
        await Promise.all([caller.delete("orders"), caller.append("bills", 2)]);
      }
      await caller.create("orders", compacting);
      await caller.append("orders", 9);
      await Promise.all([caller.maintain(), caller.append("bills", 2)]);
      await caller.delete("orders");
      await caller.maintain();
      await caller.append("bills", 1);
    },
  ],
  [
    "everything at once",
    async (caller) => {
      await caller.create("bills", { ...defaultTopicSettings, compact: true });
      await caller.create("orders");
      for (let round = 0; round < 5; round++) {
        await caller.create("gone");
        await caller.append("gone", 3);
        await caller.trim("gone", 18n);
        const start = caller.ledger.current("orders")!.acknowledged;
        await Promise.all([
          caller.maintain(),
          caller.append("orders", 3).then(() => caller.trim("orders", start + 15n)),
          caller.append("bills", 2).then(() => caller.maintain()),
          caller.delete("gone"),
        ]);
      }
    },
  ],
];

for (const [what, live] of lives) {
  test(`${what}: a crash at any step of it leaves what callers were told, and so does a second one`, async () => {
    await using directory = await temporaryDirectory();
    const model = disk.model!;
    const root = join(directory.path, "live");
    await mkdir(root);
    let caller: TopicCaller | undefined;
    let images = 0;
    const checkImage = async (what: string, copy: (target: string) => void): Promise<void> => {
      const ledger = caller!.ledger.snapshot();
      const image = join(directory.path, `image-${images++}`);
      copy(image);
      try {
        for (let start = 0; start < 2; start++) {
          await using open = await openStore(image, options);
          expect(open.report.damaged).toEqual([]);
          await ledger.check(open.store, "acme");
          if (start > 0 || images % 3 > 0) continue;
          // It can be gone on with.
          for (const log of open.store.topics("acme")) {
            await appendDescribed(log, 4, 90);
            const life = ledger.current(log.topic)!;
            life.attempted += 4n;
            // Its own limits apply again.
            life.startAttempted = life.attempted;
          }
          await open.store.maintain();
        }
      } catch (error) {
        throw new Error(`${what}, image ${image}`, { cause: error });
      }
      await rm(image, { recursive: true });
    };
    const failures: unknown[] = [];
    const checked = new Set<string>();
    model.watch(root, async (step) => {
      // Before the first topic there is nothing to lose.
      if (caller === undefined || failures.length > 0) return;
      const told = JSON.stringify(caller.ledger, (_key, value: unknown) =>
        typeof value === "bigint" ? `${value}` : value,
      );
      const { names, syncs } = model.changes;
      const isNew = (state: string): boolean => checked.size < checked.add(`${state} ${told}`).size;
      try {
        // Bytes alone make no difference to a kill, nor names that are not synced to a power cut.
        if (isNew(`names ${names}`)) await checkImage(`killed before ${step}`, (to) => model.copyAfterKill(to));
        if (isNew(`syncs ${syncs}`)) await checkImage(`power cut before ${step}`, (to) => model.copyAfterPowerCut(to));
      } catch (error) {
        failures.push(error);
      }
    });
    try {
      await using open = await openStore(root, options);
      caller = new TopicCaller(open.store);
      await live(caller);
      await caller.ledger.check(open.store, "acme");
    } finally {
      model.stop();
    }
    if (failures.length > 0) throw failures[0];
    expect(images).toBeGreaterThan(100);
  }, 300_000);
}
