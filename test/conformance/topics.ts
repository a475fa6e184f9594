import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type CommitLog, type TopicSettings, defaultTopicSettings } from "../../src/log/port.js";
import { append, everything, valuesBatch } from "../support/log-harness.js";
import { type OpenEngine, forever, logOf, named, valuesOf } from "./engine.js";

export const someSettings: TopicSettings = {
  retentionMs: 3_600_000,
  retentionBytes: 1_000_000_000,
  retentionRecords: 123_456,
  compact: true,
};

export function topics(open: OpenEngine): void {
  test("a topic is found once it was opened, by its tenant and its name, and by nothing else", async () => {
    await using engine = await open();
    expect(engine.store.find("acme", "orders")).toBeUndefined();
    const before = Date.now();
    const log = await engine.store.open("acme", "orders");
    expect(log).toMatchObject({ tenant: "acme", topic: "orders", settings: defaultTopicSettings, lastTimestampMs: 0 });
    expect(Math.abs(log.createdMs - before)).toBeLessThan(60_000);
    expect(engine.store.find("acme", "orders")).toBe(log);
    for (const [tenant, topic] of [
      ["acme", "order"],
      ["globex", "orders"],
      ["acme", "orders2"],
      ["acme/orders", ""],
    ]) {
      expect(engine.store.find(tenant!, topic!)).toBeUndefined();
    }
  });

  test("topic ids are 32 hex digits, and no two topics have the same", async () => {
    await using engine = await open();
    const logs = await Promise.all(
      ["acme", "globex"].flatMap((tenant) => named("t", 5).map((topic) => engine.store.open(tenant, topic))),
    );
    for (const { topicId } of logs) expect(topicId).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(logs.map(({ topicId }) => topicId)).size).toBe(logs.length);
  });

  test("many opens at once make one topic, with the settings of one of them", async () => {
    await using engine = await open();
    const opened = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        engine.store.open("acme", "orders", { ...defaultTopicSettings, retentionRecords: index + 1 }),
      ),
    );
    expect(new Set(opened).size).toBe(1);
    // It keeps what it was made with.
    const { retentionRecords } = opened[0]!.settings;
    await engine.store.open("acme", "orders", { ...defaultTopicSettings, retentionRecords: 99 });
    expect(logOf(engine, "orders").settings.retentionRecords).toBe(retentionRecords);
  });

  test("of many creates at once one makes the topic, and the others are told that it exists", async () => {
    await using engine = await open();
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => engine.store.create("acme", "orders", someSettings)),
    );
    const made = attempts.filter((attempt) => attempt.status === "fulfilled");
    expect(made).toHaveLength(1);
    expect(engine.store.find("acme", "orders")).toBe(made[0]!.value);
    expect(made[0]!.value.settings).toEqual(someSettings);
    for (const attempt of attempts) {
      if (attempt.status === "fulfilled") continue;
      expect(attempt.reason).toMatchObject({ reason: "TOPIC_EXISTS", facts: { tenant: "acme", topic: "orders" } });
    }
    await expect(engine.store.create("acme", "orders", defaultTopicSettings)).rejects.toMatchObject({
      reason: "TOPIC_EXISTS",
    });
    expect(logOf(engine, "orders").settings).toEqual(someSettings);
    await engine.store.create("globex", "orders", defaultTopicSettings);
  });

  test("a create that meets an open is refused or comes first", async () => {
    await using engine = await open();
    const opening = engine.store.open("acme", "orders");
    await expect(engine.store.create("acme", "orders", someSettings)).rejects.toMatchObject({ reason: "TOPIC_EXISTS" });
    expect((await opening).settings).toEqual(defaultTopicSettings);
    const [created, opened] = await Promise.all([
      engine.store.create("acme", "bills", someSettings),
      engine.store.open("acme", "bills"),
    ]);
    expect(opened).toBe(created);
  });

  test("configure puts settings in the place of those that were", async () => {
    await using engine = await open();
    const log = await engine.store.create("acme", "orders", someSettings);
    await log.configure(defaultTopicSettings);
    expect(log.settings).toEqual(defaultTopicSettings);
    // Of several at once, the last one holds.
    await Promise.all([1, 2, 3].map((days) => log.configure({ ...someSettings, retentionMs: days * 86_400_000 })));
    expect(log.settings).toEqual({ ...someSettings, retentionMs: 3 * 86_400_000 });
  });

  test("topics lists one tenant's logs by name", async () => {
    await using engine = await open();
    const names = ["orders", "a", "b.c", "b-c", "b_c", "b", "10", "9", "default", "_audit"];
    const logs = await Promise.all(names.map((name) => engine.store.open("acme", name)));
    await engine.store.open("globex", "theirs");
    expect(engine.store.topics("acme").map(({ topic }) => topic)).toEqual(names.toSorted());
    expect(new Set(engine.store.topics("acme"))).toEqual(new Set(logs));
    await engine.store.delete(logs[1]!);
    expect(engine.store.topics("acme").map(({ topic }) => topic)).not.toContain("a");
    expect(engine.store.topics("nobody")).toEqual([]);
  });

  test("usage counts the topics that a tenant made, and the bytes of all", async () => {
    await using engine = await open();
    const { store } = engine;
    const sum = (): number => store.topics("acme").reduce((bytes, log) => bytes + log.storedBytes, 0);
    expect(store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
    for (const name of ["default", "_audit", "orders", "bills"]) await store.open("acme", name);
    expect(store.usage("acme")).toEqual({ topics: 2, bytes: sum() });
    const empty = sum();
    for (const log of store.topics("acme")) await append(log, "x".repeat(1000));
    expect(sum()).toBeGreaterThanOrEqual(empty + 4000);
    expect(store.usage("acme")).toEqual({ topics: 2, bytes: sum() });
    expect(store.usage("globex")).toEqual({ topics: 0, bytes: 0 });
    const orders = logOf(engine, "orders");
    const stored = orders.storedBytes;
    await orders.append(valuesBatch("x".repeat(1000)), {});
    // What is about to be stored counts, too: nobody fits a second batch into the same room.
    expect(orders.storedBytes).toBeGreaterThanOrEqual(stored + 1000);
    for (const log of store.topics("acme")) await store.delete(log);
    expect(store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
  });

  test("a deleted topic is gone for all who had it, and for those who waited", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    await append(log, "a", "b");
    const gone = { reason: "TOPIC_NOT_FOUND", facts: { tenant: "acme", topic: "orders" } };
    const waits = [2n, 3n, 99n].map((offset) => expect(log.reach(offset, forever)).rejects.toMatchObject(gone));
    const admitted = await log.append(valuesBatch("c"), {});
    await engine.store.delete(log);
    expect(await admitted.durable).toEqual({ offset: 2n, count: 1 });
    // The first one may have been reached: it was admitted.
    await Promise.all(waits.slice(1));
    await waits[0]!.catch(() => undefined);
    await expectEveryCallToFail(log, gone);
    await expect(engine.store.delete(log)).rejects.toMatchObject(gone);
    expect(engine.store.find("acme", "orders")).toBeUndefined();
  });

  test("of many deletes at once none fails but with TOPIC_NOT_FOUND, and the topic is gone", async () => {
    await using engine = await open();
    const log = await engine.store.open("acme", "orders");
    const attempts = await Promise.allSettled(Array.from({ length: 5 }, () => engine.store.delete(log)));
    expect(attempts[0]).toMatchObject({ status: "fulfilled" });
    for (const attempt of attempts) {
      if (attempt.status === "rejected") expect(attempt.reason).toMatchObject({ reason: "TOPIC_NOT_FOUND" });
    }
    expect(engine.store.find("acme", "orders")).toBeUndefined();
  });

  test("a topic that is created again has another id, its own offsets, and none of the old records", async () => {
    await using engine = await open();
    const ids = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const log = await engine.store.create("acme", "orders", defaultTopicSettings);
      ids.add(log.topicId);
      expect(log.range()).toEqual({ base: 0n, next: 0n });
      expect(log.lastTimestampMs).toBe(0);
      expect(await append(log, ...named(`${round}.`, round + 2))).toBe(0n);
      expect(await valuesOf(log)).toEqual(named(`${round}.`, round + 2));
      // Who holds the old one cannot delete the new one by it.
      const waiting = expect(log.reach(50n, forever)).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
      await engine.store.delete(log);
      await waiting;
      const again = await engine.store.open("acme", "orders");
      await expect(engine.store.delete(log)).rejects.toMatchObject({ reason: "TOPIC_NOT_FOUND" });
      expect(engine.store.find("acme", "orders")).toBe(again);
      ids.add(again.topicId);
      await engine.store.delete(again);
    }
    expect(ids.size).toBe(10);
  });

  test("appenders and readers that meet a delete and a create never mix the two", async () => {
    await using engine = await open();
    const rounds = 8;
    let writing = true;
    const write = async (writer: number): Promise<void> => {
      for (let count = 0; writing; count++) {
        const log = await engine.store.open("acme", "orders");
        await append(log, `${log.topicId} ${writer} ${count}`).catch(expectNotFound);
      }
    };
    const watch = async (): Promise<void> => {
      while (writing) {
        // What is read from memory is read at once: without this, nobody else would have a turn.
        await turn();
        const log = await engine.store.open("acme", "orders");
        try {
          await log.reach(2n, forever);
          for (const value of await valuesOf(log)) expect(value.startsWith(log.topicId)).toBe(true);
        } catch (error) {
          expectNotFound(error);
        }
      }
    };
    const replace = async (): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const log = await engine.store.open("acme", "orders");
        await log.reach(5n, forever);
        await engine.store.delete(log);
      }
      writing = false;
      // Whoever still waits for records gets them.
      const last = await engine.store.open("acme", "orders");
      await append(last, ...named(`${last.topicId} last `, 10));
    };
    await Promise.all([replace(), write(1), write(2), write(3), watch(), watch()]);
    const log = await engine.store.open("acme", "orders");
    for (const value of await valuesOf(log)) expect(value.startsWith(log.topicId)).toBe(true);
  });

  test("nothing is shared between two stores", async () => {
    await using one = await open();
    await using other = await open();
    await append(await one.store.open("acme", "orders"), "x");
    expect(other.store.find("acme", "orders")).toBeUndefined();
    expect(other.store.usage("acme")).toEqual({ topics: 0, bytes: 0 });
  });
}

/** Of a log that is gone or closed: whoever still has it is told so, whatever is asked. */
export async function expectEveryCallToFail(log: CommitLog, error: object): Promise<void> {
  await expect(log.append(valuesBatch("x"), {})).rejects.toMatchObject(error);
  await expect(log.append(valuesBatch("x"), { expectedOffset: 2n ** 40n })).rejects.toMatchObject(error);
  await expect(log.read(0n, everything)).rejects.toMatchObject(error);
  await expect(log.read(2n ** 40n, everything)).rejects.toMatchObject(error);
  await expect(log.reach(0n, forever)).rejects.toMatchObject(error);
  await expect(log.reach(2n ** 40n, forever)).rejects.toMatchObject(error);
  await expect(log.offsetAt(0n)).rejects.toMatchObject(error);
  await expect(log.trimBefore(1n)).rejects.toMatchObject(error);
  await expect(log.configure(defaultTopicSettings)).rejects.toMatchObject(error);
}

function expectNotFound(error: unknown): void {
  expect(error).toMatchObject({ reason: "TOPIC_NOT_FOUND" });
}
