import { describe, expect, test } from "vitest";
import {
  type Appended,
  type BatchProducer,
  type CommitLog,
  type PendingAppend,
  producerLimits,
} from "../../src/log/port.js";
import type { RecordBatch } from "../../src/wire/records.js";
import { append, valuesBatch } from "../support/log-harness.js";
import { type Capabilities, type OpenEngine, logOf, named, valuesOf } from "./engine.js";

/** A producer that says which batch each of its batches is. */
function producerOf(log: CommitLog, id = "p", principal = "acme/billing") {
  return {
    /** Sends a batch. @param more what else the producer or the call says */
    send: (
      sequence: number | bigint,
      values: readonly string[] | RecordBatch,
      more: Partial<BatchProducer> & { expectedOffset?: bigint; mayTake?: () => void } = {},
    ): Promise<PendingAppend> => {
      const { expectedOffset, mayTake, ...rest } = more;
      const batch = "source" in values ? values : valuesBatch(...values);
      const producer = { principal, id, epoch: 0, ...rest, sequence: BigInt(sequence) };
      return log.append(batch, { producer, expectedOffset, mayTake });
    },
  };
}

async function stored(pending: Promise<PendingAppend>): Promise<Appended> {
  return (await pending).durable;
}

const gap = (expected: number | bigint, actual: number | bigint) => ({
  reason: "PRODUCER_SEQUENCE_GAP",
  facts: { expected: `${expected}`, actual: `${actual}` },
});
const reused = (expected: number, actual: number) => ({
  reason: "PRODUCER_SEQUENCE_REUSED",
  facts: { expected: `${expected}`, actual: `${actual}` },
});
const forgotten = (expected: number, actual: number, oldest: number) => ({
  reason: "PRODUCER_SEQUENCE_FORGOTTEN",
  facts: { expected: `${expected}`, actual: `${actual}`, oldest: `${oldest}` },
});
const fenced = (epoch: number, actual: number) => ({
  reason: "PRODUCER_FENCED",
  facts: { epoch: `${epoch}`, actual: `${actual}` },
});

export function producing(open: OpenEngine, { refused }: Capabilities): void {
  test("a batch that is sent again is answered with the offset that it has, and is there once", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    expect(await stored(send(0, ["a", "b"]))).toEqual({ offset: 0n, count: 2 });
    await append(log, "other");
    expect(await stored(send(2, ["c"]))).toEqual({ offset: 3n, count: 1 });
    for (let time = 0; time < 3; time++) {
      const again = await send(0, ["a", "b"]);
      expect(again.isRepeated).toBe(true);
      expect(await again.durable).toEqual({ offset: 0n, count: 2 });
      expect(await stored(send(2, ["c"]))).toEqual({ offset: 3n, count: 1 });
    }
    expect(await valuesOf(log)).toEqual(["a", "b", "other", "c"]);
    const fresh = await send(3, ["d"]);
    expect(fresh.isRepeated).toBeUndefined();
    expect(await fresh.durable).toEqual({ offset: 4n, count: 1 });
  });

  test("a batch that is sent again while it is on its way is stored once, and both are answered by it", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await stored(producerOf(log).send(0, ["first"]));
    const { send } = producerOf(log, "q");
    // None waits for the one before it.
    const batches = Array.from({ length: 40 }, (_, index) => [`v${index}`]);
    const answers = await Promise.all(
      batches.flatMap((values, index) => [stored(send(index, values)), stored(send(index, values))]),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer).toEqual({ offset: BigInt(1 + Math.floor(index / 2)), count: 1 });
    }
    expect(await valuesOf(log)).toEqual(["first", ...batches.flat()]);
  });

  test("a gap, a sequence that was used, and an unknown producer that does not begin at 0 are refused and change nothing", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    await expect(send(1, ["x"])).rejects.toMatchObject(gap(0, 1));
    await expect(send(2n ** 63n, ["x"])).rejects.toMatchObject(gap(0, 2n ** 63n));
    await stored(send(0, ["a", "b", "c"]));
    await stored(send(3, ["d"]));
    await expect(send(5, ["x"])).rejects.toMatchObject(gap(4, 5));
    await expect(send(2n ** 64n - 2n, ["x"])).rejects.toMatchObject(gap(4, 2n ** 64n - 2n));
    const others = [
      ["x", "b", "c"],
      ["a", "b"],
      ["a", "b", "c", "d"],
      ["ab", "", "c"],
    ];
    for (const values of others) await expect(send(0, values)).rejects.toMatchObject(reused(4, 0));
    await expect(send(3, ["x"])).rejects.toMatchObject(reused(4, 3));
    await expect(send(3, ["d", "e"])).rejects.toMatchObject(reused(4, 3));
    for (const inside of [1, 2]) await expect(send(inside, ["b", "c"])).rejects.toMatchObject(reused(4, inside));
    expect(await stored(send(0, ["a", "b", "c"]))).toEqual({ offset: 0n, count: 3 });
    expect(await stored(send(4, ["e"]))).toEqual({ offset: 4n, count: 1 });
    expect(await valuesOf(log)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("a refused batch uses no sequence: the producer's next one is what it was", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    await expect(send(0, refused.batch())).rejects.toMatchObject({ reason: refused.reason });
    await expect(send(0, ["a"], { expectedOffset: 5n })).rejects.toMatchObject({ reason: "UNEXPECTED_OFFSET" });
    const full = new Error("no room");
    const mayTake = (): void => {
      throw full;
    };
    await expect(send(0, ["a"], { mayTake })).rejects.toBe(full);
    await expect(send(1, ["a"])).rejects.toMatchObject(gap(0, 1));
    expect(await stored(send(0, ["b"]))).toEqual({ offset: 0n, count: 1 });
    await expect(send(1, refused.batch())).rejects.toMatchObject({ reason: refused.reason });
    await expect(send(1, ["c"], { mayTake, epoch: 0 })).rejects.toBe(full);
    // A higher epoch that is refused fences nobody.
    await expect(send(0, ["c"], { mayTake, epoch: 9 })).rejects.toBe(full);
    await expect(send(1, ["c"], { epoch: 9 })).rejects.toMatchObject(gap(0, 1));
    expect(await stored(send(1, ["d"]))).toEqual({ offset: 1n, count: 1 });
    expect(await valuesOf(log)).toEqual(["b", "d"]);
  });

  test("a batch that is there already is recognised before the expected offset and whatever else could refuse it", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    expect(await stored(send(0, ["a"], { expectedOffset: 0n }))).toEqual({ offset: 0n, count: 1 });
    const mayTake = (): void => {
      throw new Error("nothing more is taken");
    };
    await append(log, "b");
    expect(await stored(send(0, ["a"], { expectedOffset: 0n, mayTake }))).toEqual({ offset: 0n, count: 1 });
    expect(await stored(send(0, ["a"], { expectedOffset: 77n, mayTake }))).toEqual({ offset: 0n, count: 1 });
    expect(await valuesOf(log)).toEqual(["a", "b"]);
  });

  test("a higher epoch begins anew and fences the one before", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    await stored(send(0, ["a"], { epoch: 3 }));
    await stored(send(1, ["b"], { epoch: 3 }));
    await expect(send(0, ["a"], { epoch: 2 })).rejects.toMatchObject(fenced(3, 2));
    await expect(send(2, ["c"], { epoch: 4 })).rejects.toMatchObject(gap(0, 2));
    expect(await stored(send(2, ["c"], { epoch: 3 }))).toEqual({ offset: 2n, count: 1 });
    const last = 2 ** 32 - 1;
    expect(await stored(send(0, ["a"], { epoch: last }))).toEqual({ offset: 3n, count: 1 });
    expect(await stored(send(0, ["a"], { epoch: last }))).toEqual({ offset: 3n, count: 1 });
    for (const sequence of [0, 2, 3, 99]) {
      await expect(send(sequence, ["a"], { epoch: 3 })).rejects.toMatchObject(fenced(last, 3));
    }
    await expect(send(2, ["c"], { epoch: last })).rejects.toMatchObject(gap(1, 2));
    expect(await valuesOf(log)).toEqual(["a", "b", "c", "a"]);
  });

  test("producers with the same id do not meet: not of two principals, not in two topics, not in one that is made anew", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const places = [
      producerOf(log, "p", "acme/billing"),
      producerOf(log, "p", "acme/billin"),
      producerOf(log, "p", "globex/billing"),
      producerOf(log, "p ", "acme/billing"),
      producerOf(await engine.store.open("acme", "bills"), "p", "acme/billing"),
      producerOf(await engine.store.open("globex", "orders"), "p", "acme/billing"),
    ];
    const first = await Promise.all(places.map(({ send }, index) => stored(send(0, [`first of ${index}`]))));
    // Where they wait for a disk, those of one topic need not come in the order of the calls.
    expect(first.map(({ offset }) => offset).sort()).toEqual([0n, 0n, 0n, 1n, 2n, 3n]);
    await stored(places[0]!.send(0, ["raised"], { epoch: 5 }));
    for (const [index, { send }] of places.slice(1).entries()) {
      expect(await stored(send(0, [`first of ${index + 1}`]))).toEqual(first[index + 1]);
      await stored(send(1, ["second"]));
    }
    await engine.store.delete(log);
    const { send } = producerOf(await engine.store.open("acme", "orders"));
    await expect(send(1, ["x"])).rejects.toMatchObject(gap(0, 1));
    expect(await stored(send(0, ["new"]))).toEqual({ offset: 0n, count: 1 });
    expect(await valuesOf(logOf(engine, "orders"))).toEqual(["new"]);
  });

  test("the last batches of a producer are known again, exactly as many as is published", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    const { batches } = producerLimits;
    expect(batches).toBe(64);
    const total = batches + 10;
    for (let index = 0; index < total; index++) await stored(send(2 * index, [`${index}a`, `${index}b`]));
    for (let index = 0; index < total; index++) {
      const again = send(2 * index, [`${index}a`, `${index}b`]);
      if (index >= 10) expect(await stored(again)).toEqual({ offset: BigInt(2 * index), count: 2 });
      else await expect(again).rejects.toMatchObject(forgotten(2 * total, 2 * index, 20));
    }
    await expect(send(19, ["x"])).rejects.toMatchObject(forgotten(2 * total, 19, 20));
    await expect(send(21, ["x"])).rejects.toMatchObject(reused(2 * total, 21));
    expect(log.range().next).toBe(BigInt(2 * total));
  });

  test("the last batches are known again also when all of them are on their way at a time", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const { send } = producerOf(log);
    await stored(send(0, ["v0"]));
    const { batches } = producerLimits;
    const sent = named("v", batches + 5).slice(1);
    const pending = sent.map((value, index) => stored(send(index + 1, [value])));
    const again = sent.map((value, index) => stored(send(index + 1, [value])));
    // What can be known of the first ones again depends on how many behind them were taken by then: those are refused.
    const known = await Promise.allSettled(again);
    await Promise.all(pending);
    for (const [index, outcome] of known.entries()) {
      if (index < 4) expect(outcome).toMatchObject({ status: "rejected", reason: forgotten(69, index + 1, 5) });
      else expect(outcome).toEqual({ status: "fulfilled", value: { offset: BigInt(index + 1), count: 1 } });
    }
    expect(await valuesOf(log)).toEqual(["v0", ...sent]);
  });

  describe("beyond the most producers of a topic", () => {
    const { producers } = producerLimits;
    const id = (index: number): string => `id ${index}`;

    test("the one goes that was not used for longest", async () => {
      await using engine = await open();
      const log = await engine.store.open("acme", "orders");
      expect(producers).toBe(1024);
      const all = Array.from({ length: producers }, (_, index) => producerOf(log, id(index)));
      await Promise.all(all.map(({ send }) => stored(send(0, ["0"]))));
      // Used again, it is the last to go.
      await stored(all[0]!.send(1, ["1"]));
      for (const extra of ["x", "y"]) await stored(producerOf(log, extra).send(0, ["0"]));
      for (const gone of [1, 2]) await expect(all[gone]!.send(1, ["1"])).rejects.toMatchObject(gap(0, 1));
      expect(await stored(all[0]!.send(0, ["0"]))).toEqual({ offset: 0n, count: 1 });
      expect(await stored(all[3]!.send(0, ["0"]))).toEqual({ offset: 3n, count: 1 });
      expect(log.range().next).toBe(BigInt(producers + 3));
    });

    test("it is one of the principal that has most: nobody pushes out another's producers", async () => {
      await using engine = await open();
      const log = await engine.store.open("acme", "orders");
      const quiet = producerOf(log, "quiet", "acme/quiet");
      await stored(quiet.send(0, ["quiet"]));
      const few = Array.from({ length: 3 }, (_, index) => producerOf(log, id(index), "globex/few"));
      for (const { send } of few) await stored(send(0, ["few"]));
      const many = Array.from({ length: producers + 5 }, (_, index) => producerOf(log, id(index), "acme/many"));
      await Promise.all(many.map(({ send }) => stored(send(0, ["many"]))));
      expect(await stored(quiet.send(0, ["quiet"]))).toEqual({ offset: 0n, count: 1 });
      for (const { send } of few) await expect(send(2, ["few"])).rejects.toMatchObject(gap(1, 2));
      for (const gone of many.slice(0, 9)) await expect(gone.send(1, ["1"])).rejects.toMatchObject(gap(0, 1));
      expect(await stored(many[9]!.send(0, ["many"]))).toEqual({ offset: 13n, count: 1 });
    });
  });
}
