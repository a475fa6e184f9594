import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordCorrupt, StorageFull } from "../../src/errors.js";
import { type CommitLog, type LogStore, MemoryStore, defaultTopicSettings } from "../../src/log/index.js";
import { CommittedOffsets } from "../../src/tenancy/committed-offsets.js";
import { type OffsetsEvents, maxPositions, offsetsTopic } from "../../src/tenancy/group-positions.js";
import { ownBatch } from "../../src/wire/own-records.js";

type Unreadable = Parameters<OffsetsEvents["onUnreadable"]>[0];

/** Committed offsets over a store, with what they reported. */
function over(store: LogStore) {
  const unreadable: Unreadable[] = [];
  const notShortened: unknown[] = [];
  const offsets = new CommittedOffsets(store, {
    onUnreadable: (event) => unreadable.push(event),
    onNotShortened: ({ error }) => notShortened.push(error),
  });
  return { offsets, unreadable, notShortened };
}

const key = (group: string, topic = "orders") => ({ tenant: "acme", topic, group });
const topicId = "0a".repeat(16);
const at = (offset: bigint) => ({ topicId, offset, committedMs: 5, by: "acme/billing" });

/** `group=offset` of each position. */
async function positions(offsets: CommittedOffsets): Promise<string[]> {
  return Array.from(await offsets.all("acme"), ({ topic, group, offset }) => `${topic}/${group}=${offset}`);
}

test("positions are found again by whoever reads the log anew", async () => {
  await using store = new MemoryStore();
  const { offsets } = over(store);
  await offsets.store("acme", key("g"), at(1n));
  await offsets.store("acme", key("g"), at(2n ** 64n - 1n));
  await offsets.store("acme", key("h"), at(3n));
  await offsets.forget("acme", key("h"));
  const expected = { ...at(2n ** 64n - 1n) };
  for (const reader of [offsets, over(store).offsets]) {
    expect(await reader.fetch("acme", key("g"), topicId)).toMatchObject(expected);
    expect(await reader.fetch("acme", key("g"), "0b".repeat(16))).toBeUndefined();
    expect(await reader.fetch("acme", key("h"), topicId)).toBeUndefined();
    expect(await positions(reader)).toEqual(["orders/g=18446744073709551615"]);
    expect([...(await reader.all("globex"))]).toEqual([]);
  }
  expect(store.topics("acme").map(({ topic, settings }) => [topic, settings.compact])).toEqual([["_offsets", true]]);
  expect(store.topics("globex")).toEqual([]);
});

test("looking for positions makes nothing", async () => {
  await using store = new MemoryStore();
  const { offsets } = over(store);
  expect(await offsets.fetch("acme", key("g"), topicId)).toBeUndefined();
  await offsets.forget("acme", key("g"));
  expect(await positions(offsets)).toEqual([]);
  expect(store.topics("acme")).toEqual([]);
});

test("a position is seen once it is on disk, and not before", async () => {
  await using store = new MemoryStore();
  const gate = new Gate();
  const { offsets } = over(storeWith(store, { append: (log, ...call) => gate.hold(log.append(...call)) }));
  gate.open();
  await offsets.store("acme", key("g"), at(1n));
  gate.close();
  const storing = offsets.store("acme", key("g"), at(2n));
  const forgetting = offsets.forget("acme", key("g"));
  await gate.reached(2);
  expect(await positions(offsets)).toEqual(["orders/g=1"]);
  gate.open();
  await Promise.all([storing, forgetting]);
  expect(await positions(offsets)).toEqual([]);
});

test("what the log refuses changes nothing", async () => {
  await using store = new MemoryStore();
  let refusing = false;
  const { offsets } = over(
    storeWith(store, {
      append: async (log, ...call) => {
        if (refusing) throw new StorageFull();
        return log.append(...call);
      },
    }),
  );
  await offsets.store("acme", key("g"), at(1n));
  refusing = true;
  await expect(offsets.store("acme", key("g"), at(2n))).rejects.toThrow(StorageFull);
  await expect(offsets.store("acme", key("new"), at(2n))).rejects.toThrow(StorageFull);
  await expect(offsets.forget("acme", key("g"))).rejects.toThrow(StorageFull);
  expect(await positions(offsets)).toEqual(["orders/g=1"]);
  refusing = false;
  await offsets.store("acme", key("g"), at(3n));
  expect(await positions(over(store).offsets)).toEqual(["orders/g=3"]);
});

test("whatever is stored and forgotten at a time, memory and log agree in the end", async () => {
  const step = fc.record({
    group: fc.constantFrom("a", "b", "c"),
    offset: fc.option(fc.bigInt({ min: 0n, max: 99n })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      await using store = new MemoryStore();
      const { offsets } = over(store);
      const last = new Map<string, bigint | null>();
      await Promise.all(
        steps.map(({ group, offset }) => {
          last.set(group, offset);
          return offset === null ? offsets.forget("acme", key(group)) : offsets.store("acme", key(group), at(offset));
        }),
      );
      const expected = [...last]
        .filter(([, offset]) => offset !== null)
        .map(([group, offset]) => `orders/${group}=${offset}`);
      expect(await positions(offsets)).toEqual(expected.sort());
      expect(await positions(over(store).offsets)).toEqual(expected.sort());
    }),
    { numRuns: 100 },
  );
});

describe("a tenant's positions", () => {
  test("are at most ten thousand; those in topics that are gone make room", async () => {
    await using store = new MemoryStore();
    const kept = await store.create("acme", "kept", defaultTopicSettings);
    const gone = await store.create("acme", "gone", defaultTopicSettings);
    const { offsets } = over(store);
    const bound = (log: CommitLog, offset: bigint) => ({ ...at(offset), topicId: log.topicId });
    const storeIn = (log: CommitLog, group: string) => offsets.store("acme", key(group, log.topic), bound(log, 1n));
    for (let group = 0; group < maxPositions / 2; group++) {
      await Promise.all([storeIn(kept, `${group}`), storeIn(gone, `${group}`)]);
    }
    const before = store.find("acme", offsetsTopic)!.range().next;
    await expect(storeIn(kept, "more")).rejects.toMatchObject({
      reason: "LIMIT_EXCEEDED",
      field: "group",
      facts: { maximum: "10000", actual: "10001" },
    });
    expect(store.find("acme", offsetsTopic)!.range().next).toBe(before);
    // What is there already can go on.
    await offsets.store("acme", key("7", "kept"), bound(kept, 2n));
    await store.delete(gone);
    await storeIn(kept, "more");
    for (const reader of [offsets, over(store).offsets]) {
      expect(await positions(reader)).toHaveLength(maxPositions / 2 + 1);
    }
  });

  test("beyond it are refused one in a turn of the event loop: who asks for many keeps nobody else waiting", async () => {
    await using store = new MemoryStore();
    const { offsets } = over(store);
    const log = await store.create("acme", "orders", defaultTopicSettings);
    const storeIn = (group: number) => offsets.store("acme", key(`${group}`), { ...at(1n), topicId: log.topicId });
    await Promise.all(Array.from({ length: maxPositions }, (_, group) => storeIn(group)));
    let others = 0;
    const refusals = Array.from({ length: 50 }, (_, more) => storeIn(maxPositions + more).catch(String));
    let areDone = false;
    const done = Promise.all(refusals).then(() => (areDone = true));
    while (!areDone) {
      await new Promise(setImmediate);
      others++;
    }
    await done;
    expect(await refusals[49]).toContain("LimitExceeded");
    expect(others).toBeGreaterThanOrEqual(50);
  });

  test("are written anew when their log has become long, and none is lost that is stored meanwhile", async () => {
    await using store = new MemoryStore();
    const { offsets, notShortened } = over(
      storeWith(store, {
        // Slow enough for changes to queue up behind one another.
        append: async (log, ...call) => {
          for (let turn = 0; turn < 5; turn++) await Promise.resolve();
          return log.append(...call);
        },
      }),
    );
    const groups = 700;
    const rounds = 100;
    const expected = new Map<string, bigint>();
    for (let round = 0; round < rounds; round++) {
      const storing: Promise<void>[] = [];
      for (let group = 0; group < groups; group++) {
        // Some are forgotten, some come only later.
        if ((group + round) % 50 === 0) {
          storing.push(offsets.forget("acme", key(`${group}`)));
          expected.delete(`orders/${group}`);
        } else if (group < 500 || round > 90) {
          storing.push(offsets.store("acme", key(`${group}`), at(BigInt(round))));
          expected.set(`orders/${group}`, BigInt(round));
        }
      }
      await Promise.all(storing);
    }
    // These take the log beyond what it may have; while it is written anew, groups come and go.
    for (let count = 0; count < 20_000; count += 100) {
      const busy = Array.from({ length: 97 }, () => offsets.store("acme", key("busy"), at(BigInt(count))));
      busy.push(
        offsets.store("acme", key(`late.${count}`), at(1n)),
        offsets.forget("acme", key(`late.${count - 300}`)),
      );
      busy.push(offsets.store("acme", key(`new.${count}`), at(1n)));
      expected.set(`orders/new.${count}`, 1n);
      await Promise.all(busy);
    }
    for (const late of [19_700, 19_800, 19_900]) expected.set(`orders/late.${late}`, 1n);
    expected.set("orders/busy", 19_900n);
    const { base, next } = store.find("acme", offsetsTopic)!.range();
    expect(base).toBeGreaterThan(0n);
    expect(next - base).toBeLessThan(65_536n);
    expect(notShortened).toEqual([]);
    const all = [...expected].map(([name, offset]) => `${name}=${offset}`).sort();
    for (const reader of [offsets, over(store).offsets]) expect((await positions(reader)).sort()).toEqual(all);
  });

  test("that cannot be written anew stay as they are, and it is said", async () => {
    await using store = new MemoryStore();
    const failure = new StorageFull();
    const { offsets, notShortened } = over(storeWith(store, { trimBefore: () => Promise.reject(failure) }));
    for (let count = 0; count < 66_000; count += 1_000) {
      await Promise.all(Array.from({ length: 1_000 }, () => offsets.store("acme", key("busy"), at(BigInt(count)))));
    }
    expect(notShortened.length).toBeGreaterThan(0);
    expect(notShortened[0]).toBe(failure);
    expect(await positions(over(store).offsets)).toEqual(["orders/busy=65000"]);
  });
});

describe("what cannot be read of them", () => {
  test("is passed over and reported: records that say nothing", async () => {
    await using store = new MemoryStore();
    const log = await store.open("acme", offsetsTopic, defaultTopicSettings);
    const good = JSON.stringify({ ...at(7n), offset: "7" });
    const bad = [
      ["acme/orders", good],
      ["acme/orders/g/h", good],
      ["acme/orders/g", "{"],
      ["acme/orders/g", "null"],
      ["acme/orders/g", "7"],
      ["acme/orders/g", JSON.stringify({ ...at(7n), offset: 7 })],
      ["acme/orders/g", JSON.stringify({ ...at(7n), offset: "-7" })],
      ["acme/orders/g", JSON.stringify({ ...at(7n), offset: "7", topicId: "x" })],
      ["acme/orders/g", JSON.stringify({ ...at(7n), offset: "7", committedMs: undefined })],
    ] as const;
    for (const [name, value] of [...bad, ["acme/orders/good", good]] as const) {
      const batch = ownBatch([{ key: Buffer.from(name), value: Buffer.from(value) }]);
      await (
        await log.append(batch, {})
      ).durable;
    }
    const { offsets, unreadable } = over(store);
    expect(await positions(offsets)).toEqual(["orders/good=7"]);
    expect(unreadable).toEqual(
      bad.map((_, index) => ({
        tenant: "acme",
        from: BigInt(index),
        to: BigInt(index + 1),
        problem: "not a position",
      })),
    );
  });

  test.each([
    [0, 1],
    [3, 4],
    [0, 1000],
    [100, 517],
    [999, 1000],
    [700, 1000],
  ])("is passed over and reported: damage in records %i to %i", async (from, to) => {
    await using store = new MemoryStore();
    const writer = over(store).offsets;
    for (let group = 0; group < 1000; group++) await writer.store("acme", key(`${group}`.padStart(4, "0")), at(1n));
    let reads = 0;
    const { offsets, unreadable } = over(
      storeWith(store, {
        read: async (log, offset, limits) => {
          reads++;
          if (offset >= BigInt(from) && offset < BigInt(to)) throw new RecordCorrupt("id", "/a/segment:17", "checksum");
          // As an engine does: what comes before the damage is given.
          const room = offset < BigInt(from) ? from - Number(offset) : limits.maxRecords;
          return log.read(offset, { ...limits, maxRecords: Math.min(limits.maxRecords, room) });
        },
      }),
    );
    const found = await positions(offsets);
    const missing = Array.from({ length: to - from }, (_, index) => `orders/${`${from + index}`.padStart(4, "0")}=1`);
    expect(found).toHaveLength(1000 - missing.length);
    for (const name of missing) expect(found).not.toContain(name);
    expect(unreadable).toEqual([
      { tenant: "acme", from: BigInt(from), to: BigInt(to), problem: "/a/segment:17: checksum" },
    ]);
    expect(reads).toBeLessThan(40);
    // It is not the end of committing.
    await offsets.store("acme", key("new"), at(1n));
    expect(await positions(offsets)).toHaveLength(found.length + 1);
  });

  test("is tried again where the reading itself failed", async () => {
    await using store = new MemoryStore();
    await over(store).offsets.store("acme", key("g"), at(1n));
    let failing = true;
    const { offsets } = over(
      storeWith(store, {
        read: async (log, ...call) => {
          if (failing) throw new Error("no more files");
          return log.read(...call);
        },
      }),
    );
    await expect(positions(offsets)).rejects.toThrow("no more files");
    failing = false;
    expect(await positions(offsets)).toEqual(["orders/g=1"]);
  });
});

interface Faults {
  readonly append?: (log: CommitLog, ...call: Parameters<CommitLog["append"]>) => ReturnType<CommitLog["append"]>;
  readonly read?: (log: CommitLog, ...call: Parameters<CommitLog["read"]>) => ReturnType<CommitLog["read"]>;
  readonly trimBefore?: (log: CommitLog, offset: bigint) => Promise<void>;
}

/** The same store, with logs that fail or wait in some of what they do. */
function storeWith(store: LogStore, faults: Faults): LogStore {
  const wrapped = (log: CommitLog): CommitLog =>
    new Proxy(log, {
      get: (target, name) => {
        const fault = faults[name as keyof Faults] as ((...call: unknown[]) => unknown) | undefined;
        if (fault !== undefined) return (...call: unknown[]) => fault(target, ...call);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "find") {
        return (...call: Parameters<LogStore["find"]>) => {
          const log = target.find(...call);
          return log && wrapped(log);
        };
      }
      if (name === "open") {
        return async (...call: Parameters<LogStore["open"]>) => wrapped(await target.open(...call));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Holds what is to become durable until it is opened. */
class Gate {
  #isOpen = false;
  #held: (() => void)[] = [];
  #count = 0;

  open(): void {
    this.#isOpen = true;
    for (const release of this.#held.splice(0)) release();
  }

  close(): void {
    this.#isOpen = false;
    this.#count = 0;
  }

  async hold(appending: ReturnType<CommitLog["append"]>): ReturnType<CommitLog["append"]> {
    const { durable } = await appending;
    this.#count++;
    const opened = this.#isOpen ? Promise.resolve() : new Promise<void>((resolve) => this.#held.push(resolve));
    return { durable: opened.then(() => durable) };
  }

  /** Resolves when so many are held. */
  async reached(count: number): Promise<void> {
    while (this.#count < count) await new Promise(setImmediate);
  }
}
