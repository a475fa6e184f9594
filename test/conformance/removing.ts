import { expect, test } from "vitest";
import { type CommitLog, defaultTopicSettings } from "../../src/log/port.js";
import { append, everything } from "../support/log-harness.js";
import {
  type Capabilities,
  type Engine,
  type OpenEngine,
  forever,
  logOf,
  named,
  outOfRange,
  readThrough,
  valuesOf,
} from "./engine.js";

/** `count` records in batches of ten, some 100 bytes each. */
export async function appendMany(log: CommitLog, prefix: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += 10) {
    await append(
      log,
      ...named(prefix, count)
        .slice(first, first + 10)
        .map((value) => value.padEnd(80, ".")),
    );
  }
}

export function removing(open: OpenEngine, { durable, pieceBytes }: Capabilities): void {
  test("trimBefore moves the start to any offset, for good, and the rest stays as it was", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendMany(log, "v", 100);
    const all = await readThrough(log);
    for (const offset of [0n, 1n, 7n, 50n, 49n, 0n, 99n]) {
      const { base } = log.range();
      await log.trimBefore(offset);
      const start = offset > base ? offset : base;
      expect(log.range()).toEqual({ base: start, next: 100n });
      expect(await readThrough(log)).toEqual(all.slice(Number(start)));
      for (const below of [0n, start - 1n]) {
        if (below < 0n || below >= start) continue;
        await expect(log.read(below, everything)).rejects.toMatchObject(outOfRange(below, start, 100n));
      }
    }
  });

  test("trimBefore past the end is refused and removes nothing", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await expect(log.trimBefore(1n)).rejects.toMatchObject(outOfRange(1n, 0n, 0n));
    await log.trimBefore(0n);
    await append(log, "a", "b");
    for (const offset of [3n, 2n ** 64n - 1n]) {
      await expect(log.trimBefore(offset)).rejects.toMatchObject(outOfRange(offset, 0n, 2n));
    }
    expect(await valuesOf(log)).toEqual(["a", "b"]);
  });

  test("a topic that was trimmed to its end is empty, and goes on with the same offsets", async () => {
    await using engine = await open();
    let log = await engine.store.open("acme", "orders");
    for (let round = 0n; round < 5n; round++) {
      await append(log, "a", "b", "c");
      const next = round * 3n + 3n;
      await log.trimBefore(next);
      expect(log.range()).toEqual({ base: next, next });
      await expect(log.read(next, everything)).rejects.toMatchObject(outOfRange(next, next, next));
      await expect(log.read(next - 1n, everything)).rejects.toMatchObject(outOfRange(next - 1n, next, next));
      await engine.store.maintain();
      if (durable) await engine.reopen();
      log = logOf(engine, "orders");
      expect(log.range()).toEqual({ base: next, next });
    }
    expect(await append(log, "d")).toBe(15n);
    expect(await valuesOf(log)).toEqual(["d"]);
  });

  test("several trims at once leave the start at the largest", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendMany(log, "v", 60);
    await Promise.all([10n, 40n, 20n, 30n].map((offset) => log.trimBefore(offset)));
    expect(log.range()).toEqual({ base: 40n, next: 60n });
    if (durable) await engine.reopen();
    expect(logOf(engine, "orders").range()).toEqual({ base: 40n, next: 60n });
  });

  test("what was trimmed gives its space back, and usage says so", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendMany(log, "v", 1000);
    await engine.settle("acme", "orders");
    const before = engine.store.usage("acme").bytes;
    await logOf(engine, "orders").trimBefore(1000n);
    await engine.store.maintain();
    const { bytes } = engine.store.usage("acme");
    expect(before - bytes).toBeGreaterThan(80_000 - pieceBytes);
    expect(bytes).toBe(logOf(engine, "orders").storedBytes);
  });

  test("without a limit nothing goes, however old it is", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendMany(log, "v", 500);
    await engine.settle("acme", "orders");
    const { next } = logOf(engine, "orders").range();
    engine.advance(1000 * 365 * 86_400_000);
    await engine.store.maintain();
    expect(logOf(engine, "orders").range()).toEqual({ base: 0n, next });
    expect(await valuesOf(logOf(engine, "orders"))).toHaveLength(Number(next));
  });

  test("retention by count keeps so many offsets, never fewer", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", { ...defaultTopicSettings, retentionRecords: 120 });
    await engine.store.maintain();
    expect(log.range()).toEqual({ base: 0n, next: 0n });
    await appendMany(log, "v", 120);
    await engine.store.maintain();
    expect(log.range()).toEqual({ base: 0n, next: 120n });
    await appendMany(log, "w", 1000);
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const { base, next } = logOf(engine, "orders").range();
    expect(base).toBeLessThanOrEqual(next - 120n);
    // What goes, goes in whole pieces; each record takes some 100 bytes.
    expect(base).toBeGreaterThanOrEqual(next - 120n - BigInt(Math.ceil(pieceBytes / 80)));
    await expectSuffixKept(engine);
  });

  test("retention by bytes lets the oldest go until the rest fits, and no more than that", async () => {
    await using engine = await open();
    const retentionBytes = 8 * pieceBytes;
    const log = await engine.store.create("acme", "orders", { ...defaultTopicSettings, retentionBytes });
    await appendMany(log, "v", 100);
    await engine.store.maintain();
    expect(log.range().base).toBe(0n);
    await appendMany(log, "w", Math.ceil((3 * retentionBytes) / 100));
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const { storedBytes } = logOf(engine, "orders");
    expect(storedBytes).toBeLessThanOrEqual(retentionBytes);
    expect(storedBytes).toBeGreaterThan(retentionBytes - 3 * pieceBytes);
    await expectSuffixKept(engine);
  });

  test("a limit that not even the newest record keeps to leaves nothing, and appends go on", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendMany(log, "v", 100);
    await log.configure({ ...defaultTopicSettings, retentionBytes: 1 });
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const { base, next } = logOf(engine, "orders").range();
    expect(base).toBe(next);
    expect(await append(logOf(engine, "orders"), "x")).toBe(next);
    expect(await valuesOf(logOf(engine, "orders"))).toEqual(["x"]);
  });

  test("retention by age lets go of what is too old, and of nothing younger", async () => {
    await using engine = await open();
    const minute = 60_000;
    const created = await engine.store.create("acme", "orders", { ...defaultTopicSettings, retentionMs: 10 * minute });
    await appendMany(created, "old", 200);
    await engine.settle("acme", "orders");
    const old = logOf(engine, "orders").range().next;
    engine.advance(9 * minute);
    await engine.store.maintain();
    expect(logOf(engine, "orders").range().base).toBe(0n);
    const young = await append(logOf(engine, "orders"), "young", "also young");
    expect(young).toBe(old);
    await engine.settle("acme", "orders");
    engine.advance(2 * minute);
    await engine.store.maintain();
    const { base } = logOf(engine, "orders").range();
    expect(base).toBeGreaterThanOrEqual(200n);
    expect(base).toBeLessThanOrEqual(young);
    expect((await valuesOf(logOf(engine, "orders"), young)).slice(0, 2)).toEqual(["young", "also young"]);
    await expectSuffixKept(engine);
    engine.advance(9 * minute);
    await append(logOf(engine, "orders"), "youngest");
    await engine.store.maintain();
    expect((await valuesOf(logOf(engine, "orders"))).at(-1)).toBe("youngest");
    expect(logOf(engine, "orders").range().base).toBeGreaterThan(young + 1n);
  });

  test("whichever limit is passed first counts, and one that is lifted lets nothing go any more", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", {
      retentionMs: 1000 * 86_400_000,
      retentionBytes: 1_000_000_000,
      retentionRecords: 50,
      compact: false,
    });
    await appendMany(log, "v", 1000);
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const { base } = logOf(engine, "orders").range();
    expect(base).toBeGreaterThan(0n);
    await logOf(engine, "orders").configure(defaultTopicSettings);
    await appendMany(logOf(engine, "orders"), "w", 1000);
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    expect(logOf(engine, "orders").range().base).toBe(base);
  });

  test("readers in a range that is removed are told the new start, and those behind it notice nothing", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", { ...defaultTopicSettings, retentionRecords: 200 });
    const last = 1500n;
    let refused = 0;
    /** A reader that begins at the start, when `first` can be read. */
    const follow = async (maxRecords: number, first: bigint): Promise<void> => {
      await log.reach(first, forever);
      for (let offset = 0n; offset < last;) {
        await log.reach(offset, forever);
        try {
          const frames = await log.read(offset, { maxRecords, maxBytes: 2000 });
          expect(frames.offset).toBe(offset);
          offset = frames.next;
        } catch (error) {
          const { base } = log.range();
          expect(error).toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
          const told = BigInt((error as { facts: Record<string, string> }).facts["base"]!);
          expect(told).toBeGreaterThan(offset);
          expect(told).toBeLessThanOrEqual(base);
          offset = told;
          refused++;
        }
      }
    };
    const write = async (): Promise<void> => {
      let start = 0n;
      for (let offset = 0n; offset < last; offset = log.range().next) {
        await append(log, ...named("", 30).map((value) => value.padEnd(80, ".")));
        await engine.store.maintain();
        await log.trimBefore(offset > 250n ? offset - 250n : 0n);
        expect(log.range().base).toBeGreaterThanOrEqual(start);
        start = log.range().base;
      }
    };
    await Promise.all([write(), follow(1, 0n), follow(7, 0n), follow(100, 0n), follow(50, 900n)]);
    await expect(log.read(0n, everything)).rejects.toMatchObject(outOfRange(0n, log.range().base, log.range().next));
    expect(refused).toBeGreaterThan(0);
  });
}

/** What is left is dense, goes to the end, and what is before it is out of range; appends go on behind it. */
async function expectSuffixKept(engine: Engine): Promise<void> {
  const log = logOf(engine, "orders");
  const { base, next } = log.range();
  const offsets = (await readThrough(log)).map(({ offset }) => offset);
  expect(offsets).toEqual(Array.from({ length: Number(next - base) }, (_, index) => base + BigInt(index)));
  await expect(log.read(base - 1n, everything)).rejects.toMatchObject(outOfRange(base - 1n, base, next));
  expect(await append(log, "one more")).toBe(next);
}
