import { existsSync, writeFileSync } from "node:fs";
import { cp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { blockBytes } from "../../src/log/journal-format.js";
import { type LogStore, defaultTopicSettings } from "../../src/log/port.js";
import type { DiskModel } from "../support/disk-model.js";
import { append, openStore, pathsEndingWith, readValues, temporaryDirectory } from "../support/log-harness.js";

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});
const model = disk.model!;

afterEach(() => {
  model.stop();
  vi.useRealTimers();
});

/** Several segments, and several times that recovery writes what it holds. */
const options = { segmentBytes: 2048, pendingBytes: 4096, journalFileBytes: 512 * 1024 };

/** Every topic's records, by its name. */
async function valuesOf(store: LogStore): Promise<Record<string, string[]>> {
  const values: Record<string, string[]> = {};
  for (const log of store.topics("acme")) values[log.topic] = await readValues(log);
  return values;
}

/** The segments' bytes, by topic id and name. */
async function segmentsIn(directory: string): Promise<Record<string, string>> {
  const paths = await pathsEndingWith(directory, ".log");
  const bytes = await Promise.all(paths.map((path) => readFile(path, "latin1")));
  return Object.fromEntries(paths.map((path, index) => [path.slice(directory.length), bytes[index]!]));
}

/** When a segment was written last, in milliseconds since 1970. */
async function lastWriteIn(directory: string): Promise<number> {
  const found = await Promise.all((await pathsEndingWith(directory, ".log")).map((path) => stat(path)));
  return Math.max(...found.map(({ mtimeMs }) => mtimeMs));
}

/**
 * What a power cut leaves of topics that are old and new, with commits above the checkpoint in one segment and in several:
 * of the segments, nothing that the checkpoint does not speak of.
 */
async function afterPowerCut(directory: string): Promise<{ data: string; values: Record<string, string[]> }> {
  const live = join(directory, "live");
  const data = join(directory, "data");
  {
    await using open = await openStore(live, options);
    for (const topic of ["old", "older", "idle"]) await append(await open.store.open("acme", topic), `${topic} first`);
  }
  model.watch(live);
  // No checkpoint comes with idleness, and nobody waits for segments to be written.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  await using open = await openStore(live, { ...options, pendingBytes: 1024 * 1024 });
  for (const topic of ["old", "older", "new", "newer"]) await open.store.open("acme", topic);
  for (let n = 0; n < 14; n++) {
    for (const topic of n % 3 === 0 ? ["old", "new", "newer", "older"] : ["old", "new"]) {
      await append(open.store.find("acme", topic)!, `${topic} ${n} ${"x".repeat((n * 131) % 700)}`);
    }
  }
  const values = await valuesOf(open.store);
  await model.copyBetween((now) => now.copyAfterPowerCut(data));
  model.stop();
  vi.useRealTimers();
  return { data, values };
}

const firstGroup = blockBytes;

/** What a kill leaves when the journal has just gone on in a second file, and no checkpoint has come of it yet. */
async function withTwoJournalFiles(directory: string): Promise<{ data: string; second: string }> {
  const live = join(directory, "live");
  const data = join(directory, "data");
  await using open = await openStore(live, { ...options, journalFileBytes: 64 * 1024 });
  const log = await open.store.open("acme", "orders");
  model.watch(live, async () => {
    const [, next] = await pathsEndingWith(live, ".wal");
    const isBegun = next !== undefined && (await readFile(next)).toString("latin1", firstGroup).startsWith("GRP1");
    if (isBegun && !existsSync(data)) model.copyAfterKill(data);
  });
  while (!existsSync(data)) await append(log, "x".repeat(700));
  model.stop();
  const second = (await pathsEndingWith(data, ".wal"))[1]!;
  return { data, second };
}

describe("recovery", () => {
  test("that a kill or a power cut ends at any step, and the next one too, gives the same bytes", async () => {
    await using directory = await temporaryDirectory();
    const { data, values } = await afterPowerCut(directory.path);
    const images: { readonly path: string; readonly isCheckpointed: boolean }[] = [];
    const written = join(directory.path, "written");
    await cp(data, written, { recursive: true });
    const checkpoint = await readFile(join(data, "journal/checkpoint"));
    model.watch(written, async () => {
      const path = join(directory.path, `image-${images.length}`);
      if (images.length % 2 === 0) model.copyAfterPowerCut(path);
      else model.copyAfterKill(path);
      const found = await readFile(join(path, "journal/checkpoint"));
      images.push({ path, isCheckpointed: !found.equals(checkpoint) });
    });
    let segments: Record<string, string>;
    {
      await using open = await openStore(written, options);
      model.stop();
      expect(open.report.commits).toBeGreaterThan(30);
      expect(await valuesOf(open.store)).toEqual(values);
      segments = await segmentsIn(written);
    }
    expect(Object.keys(segments).length).toBeGreaterThan(6);
    expect(images.filter(({ isCheckpointed }) => !isCheckpointed).length).toBeGreaterThan(20);
    expect(images.filter(({ isCheckpointed }) => isCheckpointed).length).toBeGreaterThan(0);
    for (const { path, isCheckpointed } of images) {
      {
        await using open = await openStore(path, options);
        expect(open.report.commits === 0, path).toBe(isCheckpointed);
        expect(open.report.damaged, path).toEqual([]);
        expect(await valuesOf(open.store), path).toEqual(values);
        expect(await segmentsIn(path), path).toEqual(segments);
      }
      await rm(path, { recursive: true });
    }
  }, 60_000);

  test("is refused when the journal gives less the second time, and has lost nothing then", async () => {
    await using directory = await temporaryDirectory();
    const { data, second } = await withTwoJournalFiles(directory.path);
    const whole = join(directory.path, "whole");
    await cp(data, whole, { recursive: true });
    let values: Record<string, string[]>;
    {
      await using open = await openStore(whole, options);
      values = await valuesOf(open.store);
    }
    const good = await readFile(second);
    const before = await lastWriteIn(data);
    let isDamaged = false;
    model.watch(data, async (step) => {
      // All was judged, and a part of the first file is written; the second is yet to be read once more.
      if (isDamaged || !step.startsWith("sync") || (await lastWriteIn(data)) === before) return;
      writeFileSync(second, Buffer.from(good).fill(0, firstGroup));
      isDamaged = true;
    });
    await expect(openStore(data, options)).rejects.toMatchObject({ name: "JournalDamaged" });
    model.stop();
    expect(isDamaged).toBe(true);
    writeFileSync(second, good);
    await using open = await openStore(data, options);
    expect(await valuesOf(open.store)).toEqual(values);
  });
});

describe("what a power cut leaves after a checkpoint", () => {
  test("has the first commits of a topic that was sealed to its end before the last start", async () => {
    await using directory = await temporaryDirectory();
    const live = join(directory.path, "live");
    {
      await using open = await openStore(live, options);
      const log = await open.store.create("acme", "orders", defaultTopicSettings);
      await append(log, "a", "b");
      await log.trimBefore(2n);
      await open.store.maintain();
    }
    model.watch(live);
    {
      await using open = await openStore(live, options);
      await append(open.store.find("acme", "orders")!, "c", "d");
    }
    const cut = join(directory.path, "cut");
    await model.copyBetween((now) => now.copyAfterPowerCut(cut));
    model.stop();
    await using open = await openStore(cut, options);
    expect(open.report).toMatchObject({ commits: 0, damaged: [] });
    expect(await valuesOf(open.store)).toEqual({ orders: ["c", "d"] });
  });
});

describe("topics that are created at a time", () => {
  test("are there after a power cut as soon as their creators are told, and share their syncs", async () => {
    await using directory = await temporaryDirectory();
    const live = join(directory.path, "live");
    const told = new Set<string>();
    const cuts: { readonly path: string; readonly told: readonly string[] }[] = [];
    await using open = await openStore(live, options);
    model.watch(live, async () => {
      const before = cuts.at(-1)?.told.length ?? -1;
      if (told.size === before) return;
      const path = join(directory.path, `cut-${cuts.length}`);
      model.copyAfterPowerCut(path);
      cuts.push({ path, told: [...told] });
    });
    const { syncs } = model.changes;
    const each = 12;
    await Promise.all(
      Array.from({ length: 2 * each }, async (_, index) => {
        const name = `${index % 2 === 0 ? "acme" : "globex"}/t${index}`;
        const [tenant, topic] = name.split("/") as [string, string];
        await open.store.open(tenant, topic);
        told.add(name);
      }),
    );
    await model.copyBetween((now) => now.copyAfterPowerCut(join(directory.path, "last")));
    model.stop();
    // Of each topic its file and its directory; the rest is shared.
    expect(model.changes.syncs - syncs).toBeLessThan(2 * each * 2 + 2 * each);
    cuts.push({ path: join(directory.path, "last"), told: [...told] });
    expect(cuts.length).toBeGreaterThan(2);
    for (const { path, told: names } of cuts) {
      await using cut = await openStore(path, options);
      const found = ["acme", "globex"].flatMap((tenant) =>
        cut.store.topics(tenant).map(({ topic }) => `${tenant}/${topic}`),
      );
      expect(found).toEqual(expect.arrayContaining([...names]));
    }
  });
});
