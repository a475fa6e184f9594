import { readFile, truncate } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { readCommitHeader } from "../../src/log/commit.js";
import type { CommitLog } from "../../src/log/port.js";
import {
  append,
  appendAll,
  batchOf,
  consumeResponseType,
  everything,
  openFilesBelow,
  openStore,
  pathsEndingWith,
  readAll,
  readOnce,
  readValues,
  temporaryDirectory,
  valuesBatch,
} from "../support/log-harness.js";

const mebibyte = 1024 * 1024;
/** Enough for what the largest request brings. */
const large = { journalFileBytes: 8 * mebibyte, journalFiles: 2, segmentBytes: mebibyte, pendingBytes: mebibyte };

const values = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await turn();
  return (await Promise.race([promise.catch(() => undefined), Promise.resolve(pending)])) !== pending;
}

describe("a topic's log", () => {
  test("gives records dense offsets in the order of the calls, and reads them back", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    expect(log.range()).toEqual({ base: 0n, next: 0n });
    const before = BigInt(Date.now());
    const sizes = Array.from({ length: 200 }, (_, n) => 1 + (n % 4));
    const appended = await Promise.all(
      sizes.map(async (size, n) => (await log.append(valuesBatch(...values(`${n}.`, size)), {})).durable),
    );
    let expected = 0n;
    for (const [n, size] of sizes.entries()) {
      expect(appended[n]).toEqual({ offset: expected, count: size });
      expected += BigInt(size);
    }
    expect(log.range()).toEqual({ base: 0n, next: expected });
    const records = await readAll(log);
    expect(records.map(({ value }) => value.toString())).toEqual(sizes.flatMap((size, n) => values(`${n}.`, size)));
    expect(records[0]!.timestampMs).toBeGreaterThanOrEqual(before);
    expect(records.at(-1)!.timestampMs).toBeLessThanOrEqual(BigInt(Date.now()));
  });

  test("keeps keys and headers, and what a client set as offset and time is not kept", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const record = { key: Buffer.from("k"), headers: [{ name: "h", value: Buffer.from([0, 255]) }] };
    const batch = batchOf([{ ...record, offset: 99n, timestampMs: 1n }, {}]);
    await (
      await log.append(batch, {})
    ).durable;
    const records = await readAll(log);
    expect(records).toMatchObject([
      { ...record, offset: 0n, value: Buffer.alloc(0) },
      { offset: 1n, headers: [] },
    ]);
    expect(records[0]!.timestampMs).toBeGreaterThan(1_600_000_000_000n);
  });

  test("checks a commit once for who reads it bit by bit", async () => {
    await using directory = await temporaryDirectory();
    const limits = { maxRecords: 10, maxBytes: mebibyte };
    const written = values("record ", 200);
    await using first = await openStore(directory.path);
    await append(await first.store.open("acme", "orders"), ...written);
    for (const topic of ["others", "unread"]) {
      await append(await first.store.open("acme", topic), ...values("other ", 200));
    }
    await first[Symbol.asyncDispose]();
    await using open = await openStore(directory.path);
    const log = open.store.find("acme", "orders")!;
    const others = open.store.find("acme", "others")!;
    expect(await readOnce(log, 5n, limits)).toHaveLength(10);
    const bitByBit = await Promise.all([readAll(log, 0n, limits), readAll(others, 0n, { ...limits, maxBytes: 100 })]);
    expect(bitByBit.map((records) => records.map(({ value }) => value.toString()))).toEqual([
      written,
      values("other ", 200),
    ]);
    await readOnce(log, 0n, limits);
    for (const path of await pathsEndingWith(directory.path, ".log")) await truncate(path, 100);
    const again = await readOnce(log, 10n, limits);
    expect(again.map(({ value }) => value.toString())).toEqual(written.slice(10, 20));
    await expect(readOnce(open.store.find("acme", "unread")!, 10n)).rejects.toMatchObject({ reason: "RECORD_CORRUPT" });
  });

  test("refuses offsets outside of its range, and says what the range is", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const facts = (requested: bigint, next: string) => ({
      reason: "OFFSET_OUT_OF_RANGE",
      facts: { requested: `${requested}`, base: "0", next },
    });
    await expect(log.read(0n, everything)).rejects.toMatchObject(facts(0n, "0"));
    await append(log, "a", "b");
    for (const offset of [2n, 3n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      await expect(log.read(offset, everything)).rejects.toMatchObject(facts(offset, "2"));
    }
  });

  test("appends only at the expected offset, and a refused batch leaves nothing behind", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const at = (expectedOffset: bigint, value: string) => log.append(valuesBatch(value), { expectedOffset });
    await expect(at(1n, "x")).rejects.toMatchObject({
      reason: "UNEXPECTED_OFFSET",
      facts: { expected: "1", actual: "0" },
    });
    // Of many that race for the same offset, one wins; those that follow it count on its being admitted.
    for (let round = 0n; round < 20n; round++) {
      const attempts = await Promise.allSettled(
        values("attempt ", 10).map(async (value) => (await at(round, value)).durable),
      );
      expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(attempts[0]).toEqual({ status: "fulfilled", value: { offset: round, count: 1 } });
      for (const attempt of attempts.slice(1)) {
        expect(attempt).toMatchObject({ reason: { reason: "UNEXPECTED_OFFSET", facts: { actual: `${round + 1n}` } } });
      }
    }
    expect(await readValues(log)).toEqual(Array.from({ length: 20 }, () => "attempt 0"));
  });

  test("serves every number of records and of bytes, at least one record, never half of one", async () => {
    await using directory = await temporaryDirectory();
    for (const where of ["in memory", "in segments"]) {
      await using open = await openStore(directory.path);
      const log = await open.store.open("acme", "orders");
      if (where === "in memory") {
        for (let n = 0; n < 6; n++) await append(log, ...Array.from({ length: 5 }, (_, i) => "x".repeat(n * 10 + i)));
      }
      const sizes: number[] = [];
      for (let offset = 0n; offset < 30n; offset++) {
        const { parts } = await log.read(offset, { maxRecords: 1, maxBytes: 1 });
        sizes.push(Buffer.concat(parts).length);
      }
      for (let from = 0; from < 30; from++) {
        for (let maxRecords = 1; maxRecords <= 31 - from; maxRecords++) {
          const { count, parts } = await log.read(BigInt(from), { maxRecords, maxBytes: mebibyte });
          expect(count).toBeLessThanOrEqual(maxRecords);
          expect(Buffer.concat(parts).length).toBe(sizes.slice(from, from + count).reduce((a, b) => a + b, 0));
        }
        let total = 0;
        for (let records = 1; from + records <= 30; records++) {
          total += sizes[from + records - 1]!;
          for (const [maxBytes, most] of [
            [total - 1, Math.max(1, records - 1)],
            [total, records],
          ] as const) {
            const { count } = await log.read(BigInt(from), { maxRecords: 100, maxBytes });
            expect(count, `${maxBytes} bytes from ${from} ${where}`).toBeGreaterThan(0);
            expect(count, `${maxBytes} bytes from ${from} ${where}`).toBeLessThanOrEqual(most);
          }
        }
      }
      // With room for all of it, all of what is in one commit comes.
      expect(await readOnce(log, 0n, { maxRecords: 5, maxBytes: mebibyte })).toHaveLength(5);
    }
  });

  test("stores records of nothing and of a mebibyte, and batches larger than a commit and than a group", async () => {
    await using directory = await temporaryDirectory();
    const batches = [
      [Buffer.alloc(0)],
      [Buffer.alloc(mebibyte, 1), Buffer.alloc(0), Buffer.alloc(mebibyte, 2)],
      Array.from({ length: 3000 }, (_, n) => Buffer.alloc(n % 900, n)),
      Array.from({ length: 65_536 }, () => Buffer.alloc(0)),
      [Buffer.alloc(256 * 1024, 3), Buffer.alloc(1, 4)],
    ];
    const whole = batches.flat();
    {
      await using open = await openStore(directory.path, large);
      const log = await open.store.open("acme", "orders");
      for (const batch of batches) await appendAll(log, batch);
      const records = await readAll(log);
      expect(records.length).toBe(whole.length);
      expect(records.every(({ value }, n) => value.equals(whole[n]!))).toBe(true);
    }
    await using open = await openStore(directory.path, large);
    const records = await readAll(open.store.find("acme", "orders")!);
    expect(records.length).toBe(whole.length);
    expect(records.every(({ value }, n) => value.equals(whole[n]!))).toBe(true);
    // From the middle of the commits of a batch that spans several.
    const log = open.store.find("acme", "orders")!;
    for (const offset of [4n, 5n, 1004n, 3004n, 40_000n, BigInt(whole.length - 1)]) {
      const [record] = await readOnce(log, offset, { maxRecords: 1, maxBytes: 1 });
      expect(record!.value.equals(whole[Number(offset)]!), `offset ${offset}`).toBe(true);
    }
  });

  test("refuses a batch that no journal file could hold, and goes on", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await expect(log.append(valuesBatch(Buffer.alloc(64 * 1024)), {})).rejects.toMatchObject({
      reason: "LIMIT_EXCEEDED",
      facts: { field: "records" },
    });
    // The largest that is taken fits: the journal, reopened, is whole.
    for (let size = 64 * 1024; ; size -= 16) {
      const batch = valuesBatch(Buffer.alloc(size, 5), "tail");
      const taken = await log.append(batch, {}).catch(() => undefined);
      if (taken === undefined) continue;
      expect(await taken.durable).toEqual({ offset: 0n, count: 2 });
      break;
    }
    await append(log, "next");
    expect(await readValues(log, 1n)).toEqual(["tail", "next"]);
    expect(open.failures).toEqual([]);
  });

  test("finds the first record of every time, and of the times between", async () => {
    await using directory = await temporaryDirectory();
    const check = async (log: CommitLog): Promise<void> => {
      const times = (await readAll(log)).map(({ timestampMs }) => timestampMs);
      const wanted = new Set(times.flatMap((time) => [time - 1n, time, time + 1n]));
      for (const time of [0n, ...wanted, 2n ** 63n - 1n]) {
        const first = times.findIndex((each) => each >= time);
        expect(await log.offsetAt(time), `${time}`).toBe(first < 0 ? log.range().next : BigInt(first));
      }
    };
    {
      await using open = await openStore(directory.path, { segmentBytes: 4096 });
      const log = await open.store.open("acme", "orders");
      expect(await log.offsetAt(0n)).toBe(0n);
      for (let n = 0; n < 150; n++) {
        await append(log, "x".repeat(n), "y");
        // A look in the midst of flushing finds every record in one place or the other.
        if (n % 10 === 0) await check(log);
      }
      await check(log);
    }
    await using open = await openStore(directory.path, { segmentBytes: 4096 });
    await check(open.store.find("acme", "orders")!);
  });

  test("never goes back in time, whatever the clock does, also across a restart", async () => {
    await using directory = await temporaryDirectory();
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ["Date"] });
    const noon = 1_900_000_000_000;
    const times: bigint[] = [];
    for (const clocks of [
      [noon, noon - 3_600_000],
      [noon - 7_200_000, noon + 1],
    ]) {
      await using open = await openStore(directory.path);
      const log = await open.store.open("acme", "orders");
      for (const clock of clocks) {
        vi.setSystemTime(clock);
        await append(log, "x");
      }
      times.splice(0, times.length, ...(await readAll(log)).map(({ timestampMs }) => timestampMs));
    }
    expect(times).toEqual([noon, noon, noon, noon + 1].map(BigInt));
  });
});

describe("waiting for an offset", () => {
  test("ends when it can be read, for those whose offset was reached and for nobody else", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const { signal } = new AbortController();
    const woken: number[] = [];
    const waits = [5, 0, 3, 1, 4, 2, 2].map(async (offset) => {
      await log.reach(BigInt(offset), signal);
      woken.push(offset);
      expect(log.range().next).toBeGreaterThan(BigInt(offset));
    });
    await append(log, "0", "1", "2");
    await turn();
    expect([...woken].sort()).toEqual([0, 1, 2, 2]);
    await append(log, "3", "4", "5");
    await Promise.all(waits);
    await log.reach(0n, signal);
  });

  test("ends with CANCELLED when it is aborted, before and while waiting", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    await expect(log.reach(0n, AbortSignal.abort())).rejects.toMatchObject({ reason: "CANCELLED" });
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const waits = controllers.map(({ signal }, n) => log.reach(BigInt(n % 2), signal));
    controllers[3]!.abort();
    controllers[0]!.abort();
    await expect(waits[3]).rejects.toMatchObject({ reason: "CANCELLED" });
    await expect(waits[0]).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(await settled(waits[1]!)).toBe(false);
    await append(log, "0", "1");
    await Promise.all([waits[1], waits[2], waits[4]]);
  });

  test("ends with LOG_CLOSED when the store closes", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const wait = log.reach(0n, new AbortController().signal);
    const refused = expect(wait).rejects.toMatchObject({ reason: "LOG_CLOSED" });
    await open.store[Symbol.asyncDispose]();
    await refused;
  });
});

describe("a store", () => {
  test("keeps the topics of all tenants apart while many append at once", async () => {
    await using directory = await temporaryDirectory();
    const names = ["acme", "globex", "_system"].flatMap((tenant) =>
      values("t", 12).map((topic) => [tenant, topic] as const),
    );
    const expected = (tenant: string, topic: string) => values(`${tenant}/${topic}/`, 30);
    {
      await using open = await openStore(directory.path);
      await Promise.all(
        names.map(async ([tenant, topic]) => {
          const log = await open.store.open(tenant, topic);
          const appends = expected(tenant, topic).map(
            async (value) => (await log.append(valuesBatch(value), {})).durable,
          );
          await Promise.all(appends);
          expect(await readValues(log)).toEqual(expected(tenant, topic));
        }),
      );
    }
    await using open = await openStore(directory.path);
    for (const [tenant, topic] of names) {
      expect(await readValues(open.store.find(tenant, topic)!)).toEqual(expected(tenant, topic));
    }
  });

  test("finds only what was opened, and makes one topic of many opens at once", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    expect(open.store.find("acme", "orders")).toBeUndefined();
    const logs = await Promise.all(Array.from({ length: 20 }, () => open.store.open("acme", "orders")));
    expect(new Set(logs).size).toBe(1);
    expect(open.store.find("acme", "orders")).toBe(logs[0]);
    expect(logs[0]!.topicId).toMatch(/^[0-9a-f]{32}$/);
    expect((await open.store.open("globex", "orders")).topicId).not.toBe(logs[0]!.topicId);
    expect(await pathsEndingWith(directory.path, "topic.json")).toHaveLength(2);
  });

  test("gives the same topics, offsets, times and bytes when it is opened again, many times", async () => {
    await using directory = await temporaryDirectory();
    let before: unknown;
    let topicId: string | undefined;
    for (let round = 0; round < 6; round++) {
      await using open = await openStore(directory.path, { segmentBytes: 4096 });
      expect(open.report).toMatchObject({ groups: 0, torn: undefined, cut: [], damaged: [] });
      const log = await open.store.open("acme", "orders");
      topicId ??= log.topicId;
      expect(log.topicId).toBe(topicId);
      expect(await readAll(log)).toEqual(before ?? []);
      for (let n = 0; n < 30; n++) await append(log, `${round}.${n}`, "x".repeat(n * 9));
      before = await readAll(log);
    }
  });

  test("answers all that waits when it closes, refuses everything afterwards, and leaves nothing open", async () => {
    await using directory = await temporaryDirectory();
    const open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    const attempts = await Promise.all(values("v", 50).map((value) => log.append(valuesBatch(value), {})));
    const creating = open.store.open("acme", "late");
    const closing = open.store[Symbol.asyncDispose]();
    const reading = log.read(0n, everything).catch((error: unknown) => error);
    expect((await Promise.all(attempts.map(({ durable }) => durable))).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 50 }, (_, n) => BigInt(n)),
    );
    expect(await reading).toMatchObject({ reason: "LOG_CLOSED" });
    await Promise.all([closing, creating]);
    await open.store[Symbol.asyncDispose]();
    const closed = { reason: "LOG_CLOSED" };
    await expect(log.append(valuesBatch("x"), {})).rejects.toMatchObject(closed);
    await expect(log.read(0n, everything)).rejects.toMatchObject(closed);
    await expect(log.offsetAt(0n)).rejects.toMatchObject(closed);
    await expect(log.reach(99n, new AbortController().signal)).rejects.toMatchObject(closed);
    await expect(open.store.open("acme", "another")).rejects.toMatchObject(closed);
    expect(await openFilesBelow(directory.path)).toEqual([]);
    expect(open.failures).toEqual([]);
    await using again = await openStore(directory.path);
    expect(await readValues(again.store.find("acme", "orders")!)).toEqual(values("v", 50));
    expect(again.store.find("acme", "late")).toBeDefined();
  });

  test("lets readers that are under way end with records or LOG_CLOSED, and opens no file again", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      const log = await open.store.open("acme", "orders");
      for (let n = 0; n < 100; n++) await append(log, "x".repeat(1000));
    }
    for (let round = 0; round < 5; round++) {
      const open = await openStore(directory.path);
      const log = open.store.find("acme", "orders")!;
      const reads = Array.from({ length: 100 }, (_, n) =>
        log.read(BigInt(n), everything).then(
          ({ count }) => count > 0,
          (error: unknown) => (error as { reason?: string }).reason,
        ),
      );
      for (let n = 0; n < round; n++) await turn();
      await open.store[Symbol.asyncDispose]();
      for (const result of await Promise.all(reads)) expect([true, "LOG_CLOSED"]).toContain(result);
      expect(await openFilesBelow(directory.path)).toEqual([]);
    }
  });

  test("reads the right records while it flushes, seals segments and makes checkpoints", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { segmentBytes: 4096, openFiles: 2, pendingBytes: 16 * 1024 });
    const logs = await Promise.all(values("t", 3).map((topic) => open.store.open("acme", topic)));
    const last = 400;
    const write = async (log: CommitLog): Promise<void> => {
      for (let n = 0; n < last; n++) await append(log, `${n}:${"x".repeat((n * 37) % 700)}`);
    };
    const follow = async (log: CommitLog, maxRecords: number): Promise<void> => {
      const { signal } = new AbortController();
      for (let offset = 0n; offset < last;) {
        await log.reach(offset, signal);
        for (const record of await readOnce(log, offset, { maxRecords, maxBytes: 64 * 1024 })) {
          expect(record.offset).toBe(offset);
          expect(record.value.toString().startsWith(`${offset}:`)).toBe(true);
          offset++;
        }
        // From anywhere before, too.
        const [earlier] = await readOnce(log, (offset * 7n) / 11n, { maxRecords: 1, maxBytes: 1 });
        expect(earlier!.offset).toBe((offset * 7n) / 11n);
      }
    };
    await Promise.all(logs.flatMap((log) => [write(log), follow(log, 1), follow(log, 1000)]));
    expect((await pathsEndingWith(directory.path, ".log")).length).toBeGreaterThan(20);
    expect((await pathsEndingWith(directory.path, ".wal")).length).toBeLessThanOrEqual(3);
  });
});

describe("a segment file", () => {
  test("is a serialised ConsumeResponse, sealed or active, with exactly its records in order", async () => {
    await using directory = await temporaryDirectory();
    const stored = values("record ", 500);
    {
      await using open = await openStore(directory.path, { segmentBytes: 4096 });
      const log = await open.store.open("acme", "orders");
      for (let n = 0; n < stored.length; n += 4) await append(log, ...stored.slice(n, n + 4));
    }
    const paths = await pathsEndingWith(directory.path, ".log");
    expect(paths.length).toBeGreaterThan(3);
    let offset = 0n;
    for (const path of paths) {
      const bytes = await readFile(path);
      expect(BigInt(path.slice(-24, -4))).toBe(offset);
      for (const record of consumeResponseType.deserialize(bytes).records) {
        expect(record).toMatchObject({ offset, value: Buffer.from(stored[Number(offset)]!) });
        offset++;
      }
      // Every byte belongs to a commit: nothing between them, nothing behind them.
      let position = 0;
      while (position < bytes.length) {
        const header = readCommitHeader(bytes, position)!;
        position += header.headerBytes + header.framesBytes;
      }
      expect(position).toBe(bytes.length);
    }
    expect(offset).toBe(BigInt(stored.length));
  });
});
