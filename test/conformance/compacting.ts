import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type CommitLog, defaultTopicSettings } from "../../src/log/port.js";
import type { RecordOutput } from "../../src/wire/generated/log/v1/Record.js";
import { batchOf } from "../support/log-harness.js";
import { type Capabilities, type Engine, type OpenEngine, forever, logOf, readChecked, readThrough } from "./engine.js";

const compacting = { ...defaultTopicSettings, compact: true };

interface Keyed {
  readonly key: Buffer | undefined;
  readonly value: string;
}

const keyed = (key: string | undefined, value: string): Keyed => ({
  key: key === undefined ? undefined : Buffer.from(key),
  value,
});

async function appendKeyed(log: CommitLog, records: readonly Keyed[]): Promise<void> {
  const sent = records.map(({ key, value }) => ({ value: Buffer.from(value), ...(key === undefined ? {} : { key }) }));
  await (
    await log.append(batchOf(sent), {})
  ).durable;
}

/** Settles and compacts, and gives what is left of the records that there were before. */
async function compactedRecords(engine: Engine, topic = "orders"): Promise<RecordOutput[]> {
  const { next } = logOf(engine, topic).range();
  await engine.settle("acme", topic);
  await engine.store.maintain();
  return (await readThrough(logOf(engine, topic))).filter(({ offset }) => offset < next);
}

/** What compaction is to leave: the last of each key, and all without one. */
function lastOfEachKey(records: readonly RecordOutput[]): RecordOutput[] {
  const last = new Map(records.map(({ key, offset }) => [key.toString("hex"), offset]));
  return records.filter(({ key, offset }) => key.length === 0 || last.get(key.toString("hex")) === offset);
}

/** Twenty keys that come again and again, some records without one, of many sizes. */
async function appendRounds(log: CommitLog, rounds: number, first = 0): Promise<void> {
  for (let round = first; round < first + rounds; round++) {
    const records = Array.from({ length: 20 }, (_, key) => keyed(`key ${key}`, `${round}.${"x".repeat(key * 9)}`));
    await appendKeyed(log, records.slice(0, 1 + (round % 20)));
    if (round % 5 === 0) await appendKeyed(log, [keyed(undefined, `no key ${round}`), keyed("", `empty key ${round}`)]);
  }
}

export function compaction(open: OpenEngine, { durable }: Capabilities): void {
  test("of each key the last record is left, and every record without a key, with offsets and times as they were", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    await appendRounds(log, 60);
    const all = await readThrough(log);
    const { storedBytes } = log;
    expect(await compactedRecords(engine)).toEqual(lastOfEachKey(all));
    const compacted = logOf(engine, "orders");
    expect(compacted.range().base).toBe(0n);
    expect(compacted.range().next).toBeGreaterThanOrEqual(BigInt(all.length));
    expect(compacted.storedBytes).toBeLessThan(storedBytes);
    if (!durable) return;
    await engine.reopen();
    const again = (await readThrough(logOf(engine, "orders"))).slice(0, lastOfEachKey(all).length);
    expect(again).toEqual(lastOfEachKey(all));
  });

  test("a topic that is not to be compacted is not", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await appendRounds(log, 30);
    const all = await readThrough(log);
    expect(await compactedRecords(engine)).toEqual(all);
    // Until it is.
    await logOf(engine, "orders").configure(compacting);
    await appendRounds(logOf(engine, "orders"), 30, 30);
    expect((await compactedRecords(engine)).length).toBeLessThan(all.length);
  });

  test("any records, with any bytes as keys, in any batches: the same rule", async () => {
    await using engine = await open();
    const anyKey = fc.oneof(
      fc.constantFrom(undefined, Buffer.alloc(0), Buffer.from("a"), Buffer.from("b"), Buffer.from("aa")),
      fc.constantFrom([0], [0, 0], [0xff], [0xc3, 0xa9], [0xe9]).map((bytes) => Buffer.from(bytes)),
    );
    const anyBatch = fc.array(fc.record({ key: anyKey, value: fc.string({ maxLength: 600 }) }), {
      minLength: 1,
      maxLength: 12,
    });
    let topics = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyBatch, { minLength: 1, maxLength: 12 }), async (batches) => {
        const topic = `t${topics++}`;
        const log = await engine.store.create("acme", topic, compacting);
        for (const batch of batches) await appendKeyed(log, batch);
        const all = await readThrough(log);
        expect(await compactedRecords(engine, topic)).toEqual(lastOfEachKey(all));
        await engine.store.delete(logOf(engine, topic));
      }),
      { numRuns: 12 },
    );
  });

  test("what was left once goes when its key comes again, however often that happens", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    await appendKeyed(log, [keyed("once", "first"), keyed("again", "first"), keyed(undefined, "first")]);
    for (let pass = 0; pass < 4; pass++) {
      await appendRounds(logOf(engine, "orders"), 20, pass * 20);
      await appendKeyed(logOf(engine, "orders"), [keyed("again", `pass ${pass}`)]);
      const all = await readThrough(logOf(engine, "orders"));
      const left = await compactedRecords(engine);
      expect(left).toEqual(lastOfEachKey(all));
      expect(left.filter(({ key }) => key.toString() === "again")).toMatchObject([
        { value: Buffer.from(`pass ${pass}`) },
      ]);
      expect(left[0]).toMatchObject({ offset: 0n, key: Buffer.from("once") });
    }
  });

  test("the same key in another topic is another key", async () => {
    await using engine = await open();
    for (const topic of ["orders", "bills"]) {
      const log = await engine.store.create("acme", topic, compacting);
      await appendKeyed(log, [keyed("k", topic), keyed("l", topic)]);
    }
    await appendKeyed(logOf(engine, "bills"), [keyed("k", "later")]);
    expect((await compactedRecords(engine, "orders")).map(({ offset }) => offset)).toEqual([0n, 1n]);
    expect((await compactedRecords(engine, "bills")).map(({ offset }) => offset)).toEqual([1n, 2n]);
  });

  test("a read from within a gap begins behind it, within every limit, and next leads on over all gaps", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    await appendRounds(log, 40);
    await compactedRecords(engine);
    const compacted = logOf(engine, "orders");
    const left = await readThrough(compacted);
    const { next } = compacted.range();
    for (let offset = 0n; offset < next; offset++) {
      const expected = left.filter((record) => record.offset >= offset);
      const one = await readChecked(compacted, offset, { maxRecords: 1, maxBytes: 1 });
      expect(one.records).toEqual(expected.slice(0, 1));
      if (offset % 17n !== 0n) continue;
      for (const limits of [
        { maxRecords: 1, maxBytes: 1_000_000 },
        { maxRecords: 3, maxBytes: 400 },
        { maxRecords: 1000, maxBytes: 200 },
        { maxRecords: 1000, maxBytes: 1_000_000 },
      ]) {
        expect(await readThrough(compacted, offset, limits)).toEqual(expected);
      }
    }
  });

  test("a search by time gives an offset from which all records of that time on are read, and no earlier one", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    await appendRounds(log, 60);
    await compactedRecords(engine);
    const compacted = logOf(engine, "orders");
    const left = await readThrough(compacted);
    const times = new Set(left.flatMap(({ timestampMs: time }) => [time - 1n, time, time + 1n]));
    for (const time of [0n, ...times]) {
      const wanted = left.filter(({ timestampMs }) => timestampMs >= time);
      const offset = await compacted.offsetAt(time);
      expect(offset).toBeLessThanOrEqual(wanted[0]?.offset ?? compacted.range().next);
      const found = offset < compacted.range().next ? await readThrough(compacted, offset) : [];
      expect(found).toEqual(wanted);
    }
    expect(await compacted.offsetAt(2n ** 63n - 1n)).toBe(compacted.range().next);
  });

  test("trims, retention and appends go on over gaps", async () => {
    await using engine = await open();
    await appendRounds(await engine.store.create("acme", "orders", compacting), 40);
    const left = await compactedRecords(engine);
    const log = logOf(engine, "orders");
    // Into a gap, and to the end of it.
    const [before, behind] = left.flatMap((record, index) => {
      const following = left[index + 1];
      return following !== undefined && following.offset > record.offset + 2n ? [record.offset, following.offset] : [];
    });
    for (const start of [before! + 1n, behind!, behind! + 1n]) {
      await log.trimBefore(start);
      expect(log.range().base).toBe(start);
      expect(await readThrough(log)).toEqual((await readThrough(log, start)).filter(({ offset }) => offset >= start));
      expect((await readThrough(log))[0]!.offset).toBe(left.find(({ offset }) => offset >= start)!.offset);
    }
    await log.configure({ ...compacting, retentionRecords: 10 });
    await engine.settle("acme", "orders");
    await engine.store.maintain();
    const kept = logOf(engine, "orders");
    const { base, next } = kept.range();
    expect(base).toBeGreaterThan(behind! + 1n);
    expect(base).toBeLessThanOrEqual(next - 10n);
    await appendKeyed(kept, [keyed("last", "x")]);
    expect((await readThrough(kept)).at(-1)).toMatchObject({ offset: next, key: Buffer.from("last") });
  });

  test("maintenance ends, though the topic never rests", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    await appendRounds(log, 20);
    let maintaining = true;
    const maintained = engine.store.maintain().finally(() => (maintaining = false));
    for (let count = 0; maintaining; count++) {
      await appendKeyed(log, [keyed("k", `${count}`)]);
      await turn();
    }
    await maintained;
  });

  test("a topic that is deleted while it is compacted is gone, with all that it took", async () => {
    await using engine = await open();
    await appendRounds(await engine.store.create("acme", "orders", compacting), 60);
    await engine.settle("acme", "orders");
    const maintained = engine.store.maintain();
    await engine.store.delete(logOf(engine, "orders"));
    await maintained;
    expect(engine.store.topics("acme")).toEqual([]);
    expect(engine.store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
    await engine.store.maintain();
  });

  test("readers and appenders notice nothing but gaps while it is compacted", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", compacting);
    const rounds = 120;
    let last = Infinity;
    const write = async (): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        await appendKeyed(
          log,
          Array.from({ length: 10 }, (_, key) =>
            keyed(key === 9 ? undefined : `k${key}`, `${round}.${"x".repeat(200)}`),
          ),
        );
        if (round % 4 === 0) await engine.store.maintain();
      }
      last = Number(log.range().next);
    };
    const follow = async (maxRecords: number): Promise<void> => {
      const keyless = [];
      const latest = new Map<string, string>();
      for (let offset = 0n; offset < last && offset < BigInt(rounds * 10);) {
        await log.reach(offset, forever);
        const { records, next } = await readChecked(log, offset, { maxRecords, maxBytes: 10_000 });
        for (const { key, value } of records) {
          if (key.length === 0) keyless.push(Number(value.toString().split(".")[0]));
          else latest.set(key.toString(), value.toString().split(".")[0]!);
        }
        offset = next;
      }
      expect(keyless).toEqual(Array.from({ length: rounds }, (_, round) => round));
      expect([...latest.values()]).toEqual(Array.from({ length: 9 }, () => `${rounds - 1}`));
    };
    await Promise.all([write(), follow(1), follow(7), follow(1000)]);
  });
}
