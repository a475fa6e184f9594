import fc from "fast-check";
import { expect, test } from "vitest";
import { ServiceError } from "../../src/errors.js";
import type { CommitLog } from "../../src/log/port.js";
import type { Record as WireRecord } from "../../src/wire/generated/log/v1/Record.js";
import { append, appendAll, batchOf, valuesBatch } from "../support/log-harness.js";
import { type Capabilities, type OpenEngine, forever, named, readThrough, valuesOf } from "./engine.js";

/** Any record that a client may send. */
const anyRecord: fc.Arbitrary<WireRecord> = fc.record({
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  key: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  headers: fc.array(
    fc.record({
      name: fc.string({ maxLength: 8 }),
      value: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 3 },
  ),
});

export function appending(open: OpenEngine, { refused }: Capabilities): void {
  test("records get dense offsets in the order of the calls, whatever the sizes of the batches", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    expect(log.range()).toEqual({ base: 0n, next: 0n });
    const sizes = Array.from({ length: 150 }, (_, call) => 1 + ((call * 7) % 5));
    // None waits for the one before it.
    const appended = await Promise.all(
      sizes.map(async (size, call) => (await log.append(valuesBatch(...named(`${call}.`, size)), {})).durable),
    );
    let offset = 0n;
    for (const [call, count] of sizes.entries()) {
      expect(appended[call]).toEqual({ offset, count });
      offset += BigInt(count);
    }
    expect(log.range()).toEqual({ base: 0n, next: offset });
    const records = await readThrough(log);
    expect(records.map((record) => record.offset)).toEqual(records.map((_, index) => BigInt(index)));
    expect(records.map(({ value }) => value.toString())).toEqual(
      sizes.flatMap((size, call) => named(`${call}.`, size)),
    );
  });

  test("what is read is what was sent: every value, key and header, with the server's offset and time", async () => {
    await using engine = await open();
    let topics = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyRecord, { minLength: 1, maxLength: 8 }), { maxLength: 8 }),
        async (batches) => {
          const log = await engine.store.open("acme", `t${topics++}`);
          for (const records of batches) await (await log.append(batchOf(records), {})).durable;
          const found = await readThrough(log);
          expect(found.map(({ value, key, headers }) => ({ value, key, headers }))).toEqual(batches.flat());
          expect(log.lastTimestampMs).toBe(Number(found.at(-1)?.timestampMs ?? 0n));
        },
      ),
      { numRuns: 30 },
    );
  });

  test("what a client sent as offset and time is not kept", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const sent = { value: Buffer.from("v"), offset: 99n, timestampMs: 1n };
    for (const records of [[sent, sent], [sent]]) await (await log.append(batchOf(records), {})).durable;
    const records = await readThrough(log);
    expect(records.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
    for (const { timestampMs } of records) expect(timestampMs).toBeGreaterThan(1_600_000_000_000n);
  });

  test("records of no bytes and of a mebibyte, and batches of thousands, come back whole", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const mebibyte = 1024 * 1024;
    const batches = [
      [Buffer.alloc(0)],
      [Buffer.alloc(mebibyte, 1)],
      [Buffer.alloc(0), Buffer.alloc(300_000, 2), Buffer.alloc(1, 3), Buffer.alloc(300_000, 4)],
      Array.from({ length: 20_000 }, (_, index) => Buffer.alloc(index % 7, index)),
    ];
    for (const batch of batches) await appendAll(log, batch);
    const whole = batches.flat();
    const found = await readThrough(log);
    expect(found).toHaveLength(whole.length);
    expect(found.every(({ value, offset }, index) => value.equals(whole[index]!) && offset === BigInt(index))).toBe(
      true,
    );
  });

  test("an expected offset that is not the next one is refused with both", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await append(log, "a", "b");
    for (const expectedOffset of [0n, 1n, 3n, 2n ** 64n - 1n]) {
      await expect(log.append(valuesBatch("x"), { expectedOffset })).rejects.toMatchObject({
        reason: "UNEXPECTED_OFFSET",
        facts: { expected: `${expectedOffset}`, actual: "2" },
      });
    }
    const { durable } = await log.append(valuesBatch("c"), { expectedOffset: 2n });
    expect(await durable).toEqual({ offset: 2n, count: 1 });
    expect(await valuesOf(log)).toEqual(["a", "b", "c"]);
  });

  test("of many appends that expect the same offset, exactly one is taken", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    for (let expectedOffset = 0n; expectedOffset < 20n; expectedOffset++) {
      const attempts = await Promise.allSettled(
        named("", 10).map(async (value) => (await log.append(valuesBatch(value), { expectedOffset })).durable),
      );
      const taken = attempts.filter(({ status }) => status === "fulfilled");
      expect(taken).toEqual([{ status: "fulfilled", value: { offset: expectedOffset, count: 1 } }]);
      for (const attempt of attempts) {
        if (attempt.status === "fulfilled") continue;
        expect(attempt.reason).toMatchObject({ facts: { actual: `${expectedOffset + 1n}` } });
      }
    }
    expect(log.range()).toEqual({ base: 0n, next: 20n });
  });

  test("an append can count on the one before it, though that one is not durable yet", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const pending = [];
    for (let offset = 0n; offset < 30n; offset += 3n) {
      pending.push(await log.append(valuesBatch("a", "b", "c"), { expectedOffset: offset }));
    }
    const offsets = (await Promise.all(pending.map(({ durable }) => durable))).map(({ offset }) => offset);
    expect(offsets).toEqual(pending.map((_, index) => BigInt(index) * 3n));
  });

  test("a refused batch leaves no gap and no record behind", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const kept: string[] = [];
    for (let round = 0; round < 10; round++) {
      const expectedOffset = BigInt(kept.length) + 1n;
      const outcomes = await Promise.allSettled([
        log.append(valuesBatch("refused"), { expectedOffset }),
        append(log, `kept ${round}`),
        log.append(refused.batch(), {}),
        append(log, `also ${round}`),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
      kept.push(`kept ${round}`, `also ${round}`);
    }
    expect(await valuesOf(log)).toEqual(kept);
    expect(log.range()).toEqual({ base: 0n, next: BigInt(kept.length) });
  });

  test("what append would refuse, admit refuses, with the same error", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const batch = refused.batch();
    const caught: unknown[] = [];
    try {
      engine.store.admit("acme", batch);
    } catch (error) {
      caught.push(error);
    }
    await log.append(batch, {}).catch((error: unknown) => caught.push(error));
    expect(caught).toHaveLength(2);
    for (const error of caught) {
      expect(error).toBeInstanceOf(ServiceError);
      expect(error).toMatchObject({ reason: refused.reason });
    }
    expect(() => engine.store.admit("acme", valuesBatch("x"))).not.toThrow();
    expect(engine.store.failure).toBeUndefined();
    expect(log.range().next).toBe(0n);
  });

  test("nobody ever sees a part of a batch", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const batchRecords = 7;
    const batches = 60;
    const watch = async (): Promise<void> => {
      for (let seen = 0n; seen < BigInt(batches * batchRecords);) {
        // The middle of a batch is there when all of it is.
        await log.reach(seen + 3n, forever);
        const { next } = log.range();
        expect(next % BigInt(batchRecords)).toBe(0n);
        const values = await valuesOf(log, seen);
        expect(values.length % batchRecords).toBe(0);
        seen += BigInt(values.length);
      }
    };
    const write = async (writer: string): Promise<void> => {
      for (let batch = 0; batch < batches / 3; batch++) {
        await append(log, ...named(`${writer}${batch}.`, batchRecords - 1), `${writer}${batch}.${"x".repeat(500)}`);
      }
    };
    await Promise.all([watch(), write("a"), write("b"), watch(), write("c"), watch()]);
    await expectWholeBatches(log, batchRecords);
  });
}

async function expectWholeBatches(log: CommitLog, batchRecords: number): Promise<void> {
  const batchOfValue = (value: string): string => value.split(".")[0]!;
  const values = await valuesOf(log);
  for (let first = 0; first < values.length; first += batchRecords) {
    expect(new Set(values.slice(first, first + batchRecords).map(batchOfValue)).size).toBe(1);
  }
}
