import { cp, readFile, readdir, stat, writeFile } from "node:fs/promises";
import type { ChildProcess } from "node:child_process";
import { basename, join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordCorrupt } from "../../src/errors.js";
import { readManifest } from "../../src/log/manifest.js";
import { type CommitLog, type ReadLimits, defaultTopicSettings } from "../../src/log/port.js";
import { indexPathOf, segmentFileName } from "../../src/log/segment.js";
import type { RecordOutput } from "../../src/wire/generated/log/v1/Record.js";
import {
  type ChildMessage,
  batchOf,
  consumeResponseType,
  everything,
  killed,
  messageFrom,
  openStore,
  pathsEndingWith,
  startChild,
  temporaryDirectory,
} from "../support/log-harness.js";

const settings = { ...defaultTopicSettings, compact: true };
/** Every few records fill a segment, and nothing is too little to be worth it. */
const options = { segmentBytes: 1024, compactedSegmentBytes: 1024, reclaimBytes: 1 };

/** A record as it was appended; offsets count its place among all of them. */
interface Written {
  readonly key: string;
  readonly value: string;
}

async function append(log: CommitLog, records: readonly Written[]): Promise<void> {
  const batch = batchOf(records.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) })));
  await (
    await log.append(batch, {})
  ).durable;
}

/** Everything that can be read from the start on. */
async function readAll(log: CommitLog, limits: ReadLimits = everything): Promise<RecordOutput[]> {
  const records: RecordOutput[] = [];
  const { base, next } = log.range();
  for (let offset = base; offset < next;) {
    const frames = await log.read(offset, limits);
    const read = consumeResponseType.deserialize(Buffer.concat(frames.parts)).records;
    expect(frames).toMatchObject({ offset: read[0]!.offset, count: read.length, next: read.at(-1)!.offset + 1n });
    expect(frames.offset).toBeGreaterThanOrEqual(offset);
    records.push(...read);
    offset = frames.next;
  }
  return records;
}

/**
 * What is read is what was written, in order and once, and of what was written nothing is missing but records whose key
 * came again later. Returns what is missing.
 */
function missing(read: readonly RecordOutput[], written: readonly Written[], start = 0): Written[] {
  for (const [index, { offset, key, value, timestampMs }] of read.entries()) {
    expect({ key: key.toString(), value: value.toString() }).toEqual(written[Number(offset)]);
    if (index === 0) continue;
    expect(offset).toBeGreaterThan(read[index - 1]!.offset);
    expect(timestampMs).toBeGreaterThanOrEqual(read[index - 1]!.timestampMs);
  }
  const there = new Set(read.map(({ offset }) => Number(offset)));
  const last = new Map(written.map(({ key }, offset) => [key, offset]));
  const gone: Written[] = [];
  for (const [offset, record] of written.entries()) {
    if (offset < start || there.has(offset)) continue;
    expect(record.key, `offset ${offset} has no key and is missing`).not.toBe("");
    expect(last.get(record.key), `offset ${offset} is the last one of its key and missing`).toBeGreaterThan(offset);
    gone.push(record);
  }
  return gone;
}

async function directoryOf(data: string): Promise<string> {
  return (await pathsEndingWith(data, "topic.json"))[0]!.replace("/topic.json", "");
}

/** What the topic's directory has besides what `topic.json` names. */
async function leftovers(directory: string): Promise<string[]> {
  const { segments } = await readManifest(directory);
  const named = segments.map(({ base, generation }) => segmentFileName(base, generation));
  const expected = new Set(["topic.json", ...named, ...named.map(indexPathOf)]);
  return (await readdir(directory)).filter((name) => !expected.has(name));
}

describe("a topic that is compacted", () => {
  test("loses only what came again later, through appends, maintenance, trimming and restarts in any order", async () => {
    const record = fc.record({
      key: fc.constantFrom("", "", "a", "b", "c", "d", "e"),
      value: fc.string({ maxLength: 60 }),
    });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(record, { minLength: 1, maxLength: 25 }) },
      { weight: 3, arbitrary: fc.constant("maintain" as const) },
      { weight: 1, arbitrary: fc.constant("restart" as const) },
      { weight: 1, arbitrary: fc.nat({ max: 60 }) },
    );
    let removed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (steps) => {
        await using directory = await temporaryDirectory();
        const written: Written[] = [];
        let start = 0;
        let open = await openStore(directory.path, options);
        try {
          let log = await open.store.create("acme", "orders", settings);
          for (const step of steps) {
            if (step === "maintain") await open.store.maintain();
            else if (step === "restart") {
              await open.store[Symbol.asyncDispose]();
              open = await openStore(directory.path, options);
              log = open.store.find("acme", "orders")!;
              expect(await leftovers(await directoryOf(directory.path))).toEqual([]);
            } else if (typeof step === "number") {
              start = Math.max(start, Math.min(step, written.length));
              await log.trimBefore(BigInt(start));
            } else {
              await append(log, step);
              written.push(...step);
            }
            expect(log.range()).toEqual({ base: BigInt(start), next: BigInt(written.length) });
            missing(await readAll(log), written, start);
          }
          await append(
            log,
            Array.from({ length: 60 }, () => ({ key: "a", value: "the last ones" })),
          );
          written.push(...Array.from({ length: 60 }, () => ({ key: "a", value: "the last ones" })));
          await open.store.maintain();
          const read = await readAll(log, { maxRecords: 7, maxBytes: 500 });
          const gone = missing(read, written, start);
          removed += gone.length;
          // Of those that were there to be compacted, each key has one record left.
          const { compactedTo } = await readManifest(await directoryOf(directory.path));
          expect(compactedTo).toBeGreaterThan(0n);
          const keys = read.filter(({ offset, key }) => offset < compactedTo && key.length > 0);
          expect(new Set(keys.map(({ key }) => key.toString())).size).toBe(keys.length);
          for (const { offset, timestampMs } of read) {
            const found = await log.offsetAt(timestampMs);
            const first = read.find((each) => each.timestampMs >= timestampMs)!.offset;
            expect(found).toBeLessThanOrEqual(first);
            expect(found).toBeGreaterThanOrEqual(log.range().base);
            expect((await log.read(found, { maxRecords: 1, maxBytes: 1 })).offset).toBe(first);
            expect(offset).toBeGreaterThanOrEqual(first);
          }
          expect(open.failures).toEqual([]);
          expect(open.problems).toEqual([]);
        } finally {
          await open.store[Symbol.asyncDispose]();
        }
      }),
      { numRuns: 25 },
    );
    expect(removed).toBeGreaterThan(500);
  });

  test("is read without an error, and in order, while it is compacted again and again", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, { ...options, openFiles: 2 });
    const log = await open.store.create("acme", "orders", settings);
    const written: Written[] = [];
    const finished = new AbortController();
    const reading = Array.from({ length: 4 }, async (_, n) => {
      let reads = 0;
      while (!finished.signal.aborted) {
        const upTo = Number(log.range().next);
        const read = (await readAll(log, { maxRecords: 1 + n * 5, maxBytes: 400 })).filter(
          ({ offset }) => offset < upTo,
        );
        // What was the last one of its key before, and still is, has been there all the time.
        const there = new Set(read.map(({ offset }) => Number(offset)));
        const last = new Map(written.map(({ key }, offset) => [key, offset]));
        for (let offset = 0; offset < upTo; offset++) {
          const { key } = written[offset]!;
          if (key === "" || last.get(key) === offset) expect(there.has(offset), `offset ${offset}`).toBe(true);
        }
        reads++;
        await turn();
      }
      return reads;
    });
    for (let round = 0; round < 25; round++) {
      for (let n = 0; n < 6; n++) {
        const records = Array.from({ length: 12 }, (_, i) => {
          const key = ["", "a", "b", `c${round % 5}`, `d${n}`][(i * 3 + n + round) % 5]!;
          return { key, value: `${round}.${n}.${i}${"x".repeat((n * i) % 50)}` };
        });
        written.push(...records);
        await append(log, records);
      }
      await open.store.maintain();
    }
    finished.abort();
    for (const reads of await Promise.all(reading)) expect(reads).toBeGreaterThan(3);
    const gone = missing(await readAll(log), written);
    expect(gone.length).toBeGreaterThan(1000);
    expect(open.problems).toEqual([]);
    expect(await leftovers(await directoryOf(directory.path))).toEqual([]);
  });

  test("with a damaged segment keeps every file as it is, says so once, and goes on", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const records = Array.from({ length: 200 }, (_, n) => ({ key: `k${n % 3}`, value: `${n}`.padEnd(30, ".") }));
    {
      await using open = await openStore(data, options);
      const log = await open.store.create("acme", "orders", defaultTopicSettings);
      for (let n = 0; n < records.length; n += 10) await append(log, records.slice(n, n + 10));
    }
    const topic = await directoryOf(data);
    const damaged = join(topic, segmentFileName((await readManifest(topic)).segments[2]!.base));
    const bytes = await readFile(damaged);
    bytes[200]! ^= 1;
    await writeFile(damaged, bytes);
    await using open = await openStore(data, options);
    const log = open.store.find("acme", "orders")!;
    await log.configure(settings);
    for (let round = 0; round < 3; round++) await open.store.maintain();
    expect(open.problems).toMatchObject([
      { tenant: "acme", topic: "orders", error: expect.any(RecordCorrupt) as unknown },
    ]);
    expect((open.problems[0]!.error as RecordCorrupt).location).toContain(`${damaged}: byte `);
    expect(await readFile(damaged)).toEqual(bytes);
    expect(await leftovers(topic)).toEqual([]);
    const { offset } = await log.read(0n, everything);
    expect(offset).toBe(0n);
    await append(log, records);
    expect(open.failures).toEqual([]);
  });

  test("does not keep files that a crash left beside those that count", async () => {
    await using directory = await temporaryDirectory();
    const written = Array.from({ length: 120 }, (_, n) => ({ key: `k${n % 4}`, value: `${n}`.padEnd(40, ".") }));
    let base: bigint;
    {
      await using open = await openStore(directory.path, options);
      const log = await open.store.create("acme", "orders", settings);
      for (let n = 0; n < written.length; n += 8) await append(log, written.slice(n, n + 8));
      await open.store.maintain();
      const { segments } = await readManifest(await directoryOf(directory.path));
      const last = segments.filter(({ generation }) => generation === 1).at(-1)!;
      ({ base } = last);
    }
    const topic = await directoryOf(directory.path);
    // As if the old file had not been removed yet, and as if another attempt had been cut short.
    for (const generation of [0, 2]) {
      await cp(join(topic, segmentFileName(base, 1)), join(topic, segmentFileName(base, generation)));
    }
    expect((await leftovers(topic)).sort()).toEqual([segmentFileName(base, 2), segmentFileName(base)].sort());
    await using open = await openStore(directory.path, options);
    expect(await leftovers(topic)).toEqual([]);
    const log = open.store.find("acme", "orders")!;
    expect(missing(await readAll(log), written).length).toBeGreaterThan(50);
    expect((await stat(join(topic, segmentFileName(base, 1)))).size).toBeGreaterThan(0);
  });
});

interface Answer extends Written {
  readonly offset: number;
}

/** Gathers what a child was told to be stored. */
class Answers {
  readonly all: Answer[] = [];
  #onAnswer: (() => void) | undefined;

  listen(child: ChildProcess): void {
    child.on("message", (message: ChildMessage) => {
      if (message.kind !== "acked") return;
      const { offset, records } = message as unknown as { offset: number; records: Written[] };
      for (const [index, record] of records.entries()) this.all.push({ ...record, offset: offset + index });
      this.#onAnswer?.();
    });
  }

  async reach(count: number): Promise<void> {
    while (this.all.length < count) await new Promise<void>((resolve) => (this.#onAnswer = resolve));
  }
}

describe("after kill -9 in the midst of compaction", () => {
  test(
    "every record that was answered is there, but for those whose key came again later",
    { timeout: 180_000 },
    async () => {
      await using directory = await temporaryDirectory();
      const answers = new Answers();
      let gone = 0;
      let halfWay = 0;
      for (let life = 0; life < 6; life++) {
        const child = startChild("compact", directory.path, options);
        answers.listen(child);
        const known = answers.all.length;
        await messageFrom(child, ({ kind }) => kind === "open");
        await answers.reach(known + 150);
        const topic = await directoryOf(directory.path);
        const before = new Set(await readdir(topic));
        // Every other life ends while a segment is being written anew, the others when the new one has taken the old one's place.
        const isBegun = (names: readonly string[]): boolean =>
          names.some((name) => /\.\d+\.log$/.test(name) && !before.has(name));
        const isOver = (names: readonly string[]): boolean =>
          [...before].some((name) => name.endsWith(".log") && !names.includes(name));
        const isTime = life % 2 === 0 ? isBegun : isOver;
        while (!isTime(await readdir(topic))) expect(child.exitCode).toBeNull();
        for (let turns = 0; turns < (life % 6) * 4; turns++) await turn();
        await killed(child);
        if ((await leftovers(topic)).some((name) => name.endsWith(".log"))) halfWay++;

        await using open = await openStore(directory.path, options);
        expect(open.report.damaged).toEqual([]);
        expect(await leftovers(topic)).toEqual([]);
        const log = open.store.find("acme", "orders")!;
        const { base, next } = log.range();
        expect(base).toBe(0n);
        const read = await readAll(log);
        const there = new Map(
          read.map(({ offset, key, value }) => [Number(offset), `${key.toString()}=${value.toString()}`]),
        );
        const last = new Map(read.map(({ offset, key }) => [key.toString(), Number(offset)]));
        for (const { offset, key, value } of answers.all) {
          expect(BigInt(offset)).toBeLessThan(next);
          if (there.has(offset)) expect(there.get(offset)).toBe(`${key}=${value}`);
          else {
            expect(key).not.toBe("");
            expect(last.get(key), `the last one of ${key}`).toBeGreaterThan(offset);
            gone++;
          }
        }
        expect(there.has(Number(next) - 1), "the last record of all").toBe(true);
        expect(open.failures).toEqual([]);
        expect(basename(topic)).toBe(log.topicId);
      }
      expect(gone).toBeGreaterThan(50);
      expect(halfWay, "kills that came before the old file was gone, or before the new one counted").toBeGreaterThan(0);
    },
  );
});
