import fc from "fast-check";
import { expect, test } from "vitest";
import type { CommitLog } from "../../src/log/port.js";
import { append, appendAll, everything } from "../support/log-harness.js";
import { type OpenEngine, forever, named, outOfRange, readChecked, readThrough } from "./engine.js";

const farAway = [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n];

/** Thirty records of thirty sizes, in batches of five. */
async function thirtySizes(log: CommitLog): Promise<void> {
  for (let batch = 0; batch < 6; batch++) {
    await append(log, ...Array.from({ length: 5 }, (_, index) => "x".repeat(batch * 40 + index)));
  }
}

export function reading(open: OpenEngine): void {
  test("a range is half-open: its end cannot be read, and nothing of an empty topic can", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    for (const offset of [0n, 1n, ...farAway]) {
      await expect(log.read(offset, everything)).rejects.toMatchObject(outOfRange(offset, 0n, 0n));
    }
    await append(log, "a", "b");
    for (const offset of [2n, 3n, ...farAway]) {
      await expect(log.read(offset, everything)).rejects.toMatchObject(outOfRange(offset, 0n, 2n));
    }
    expect((await readChecked(log, 1n)).records.map(({ value }) => value.toString())).toEqual(["b"]);
  });

  test("a read from any offset begins with it, within every limit, and never ends within a record", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await thirtySizes(log);
    const all = await readThrough(log);
    const sizes: number[] = [];
    for (let offset = 0n; offset < 30n; offset++) {
      // However small the limit, the first record comes whole.
      const one = await readChecked(log, offset, { maxRecords: 1, maxBytes: 1 });
      expect(one.records).toEqual([all[Number(offset)]]);
      expect(one.next).toBe(offset + 1n);
      sizes.push(one.bytes);
    }
    for (let from = 0; from < 30; from++) {
      for (const maxRecords of [1, 2, 5, 8, 30, 0xffff_ffff]) {
        for (const records of [1, 3, 7, 30]) {
          const total = sizes.slice(from, from + records).reduce((sum, size) => sum + size, 0);
          for (const maxBytes of [total - 1, total, total + 1]) {
            const read = await readChecked(log, BigInt(from), { maxRecords, maxBytes });
            expect(read.records).toEqual(all.slice(from, from + read.records.length));
            expect(read.next).toBe(BigInt(from + read.records.length));
          }
        }
      }
    }
  });

  test("a record that is larger than the limit comes, and comes alone", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await append(log, "small", "x".repeat(5000), "small", "small");
    const limits = { maxRecords: 10, maxBytes: 1000 };
    expect((await readChecked(log, 0n, limits)).records).toHaveLength(1);
    expect((await readChecked(log, 1n, limits)).records).toHaveLength(1);
    expect((await readChecked(log, 2n, limits)).records).toHaveLength(2);
  });

  test("reading on from where the last read ended gives every record once, whatever the limits", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await thirtySizes(log);
    const all = await readThrough(log);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 29 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 4000 }),
        async (from, maxRecords, maxBytes) => {
          expect(await readThrough(log, BigInt(from), { maxRecords, maxBytes })).toEqual(all.slice(from));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("what was read stays as it was, whatever is appended and removed later", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await append(log, ...named("first ", 20));
    const frames = await log.read(0n, everything);
    const before = Buffer.concat(frames.parts);
    await append(log, ...named("second ", 500));
    await log.trimBefore(300n);
    await engine.store.maintain();
    await append(log, ...named("third ", 500));
    await engine.store.delete(log);
    expect(Buffer.concat(frames.parts).equals(before)).toBe(true);
  });

  test("the first record of every time is found, and of the times between, before and after", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    expect(await log.offsetAt(0n)).toBe(0n);
    for (let batch = 0; batch < 120; batch++) {
      // Some share a millisecond, some do not.
      await append(log, "x".repeat(batch), "y");
      if (batch % 20 === 19) await expectTimesFound(log);
    }
    await log.trimBefore(77n);
    await expectTimesFound(log);
    await log.trimBefore(log.range().next);
    for (const time of [0n, BigInt(log.lastTimestampMs), 2n ** 63n - 1n]) expect(await log.offsetAt(time)).toBe(240n);
  });

  test("many readers read the right records while others append", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const last = 300;
    const write = async (): Promise<void> => {
      for (let index = 0; index < last; index++) await appendAll(log, [`${index}:${"x".repeat((index * 37) % 700)}`]);
    };
    const follow = async (maxRecords: number): Promise<void> => {
      for (let offset = 0n; offset < last;) {
        await log.reach(offset, forever);
        const { records, next } = await readChecked(log, offset, { maxRecords, maxBytes: 64 * 1024 });
        for (const record of records) expect(record.value.toString().startsWith(`${record.offset}:`)).toBe(true);
        expect(records[0]!.offset).toBe(offset);
        // From anywhere before, too.
        const earlier = (next * 7n) / 11n;
        const [first] = (await readChecked(log, earlier, { maxRecords: 1, maxBytes: 1 })).records;
        expect(first!.value.toString().startsWith(`${earlier}:`)).toBe(true);
        offset = next;
      }
    };
    await Promise.all([write(), follow(1), follow(3), follow(1000)]);
  });
}

async function expectTimesFound(log: CommitLog): Promise<void> {
  const records = await readThrough(log);
  const wanted = new Set(records.flatMap(({ timestampMs: time }) => [time - 1n, time, time + 1n]));
  for (const time of [0n, ...wanted, 2n ** 63n - 1n]) {
    const first = records.find(({ timestampMs }) => timestampMs >= time)?.offset ?? log.range().next;
    expect(await log.offsetAt(time), `the first at ${time}`).toBe(first);
  }
}
