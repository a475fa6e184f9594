import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecordCorrupt } from "../../src/errors.js";
import { commitHeaderBytes, readCommitHeader, sealCommit } from "../../src/log/commit.js";
import {
  type CollectOptions,
  type Rewritten,
  collectKeys,
  isCompactionDue,
  rewriteSegment,
} from "../../src/log/compactor.js";
import { Gatherer } from "../../src/log/gatherer.js";
import { OpenFiles } from "../../src/log/open-files.js";
import type { ReadLimits, RecordFrames } from "../../src/log/port.js";
import { type SealedSegment, Segment, indexPathOf, segmentFileName } from "../../src/log/segment.js";
import type { Record as WireRecord, RecordOutput } from "../../src/wire/generated/log/v1/Record.js";
import { framesThatFit, writeFrames } from "../../src/wire/records.js";
import { batchOf, consumeResponseType, everything, temporaryDirectory } from "../support/log-harness.js";
import { bytesField, concat, varintField } from "../support/protobuf.js";

/** What one segment is made of: commits of one time each. */
type Commits = readonly (readonly WireRecord[])[];

const topicId = "0123456789abcdef0123456789abcdef";
const firstTimeMs = 1_900_000_000_000;

function commitOf(records: readonly WireRecord[], base: bigint, timeMs: number, id = topicId): Buffer {
  const batch = batchOf(records);
  const framesBytes = framesThatFit(batch, 0, Number(base), timeMs).bytes;
  const commit = Buffer.alloc(commitHeaderBytes + framesBytes);
  writeFrames(batch, 0, batch.count, Number(base), timeMs, commit, commitHeaderBytes);
  sealCommit(commit, 0, { topicId: Buffer.from(id, "hex"), base, count: batch.count, timeMs, framesBytes });
  return commit;
}

/** Room for all keys. */
const ample: CollectOptions = { maxKeyBytes: 1_000_000 };

interface Topic {
  readonly segments: SealedSegment[];
  /** Everything that was ever appended, as protobufjs reads it. */
  readonly records: readonly RecordOutput[];
}

/** Sealed segments as the engine writes them. */
async function writeTopic(directory: string, content: readonly Commits[], from = 0n): Promise<Topic> {
  await mkdir(directory, { recursive: true });
  const segments: SealedSegment[] = [];
  const records: RecordOutput[] = [];
  let next = from;
  let timeMs = firstTimeMs;
  for (const commits of content) {
    const base = next;
    const path = join(directory, segmentFileName(base));
    const parts = commits.map((batch) => {
      const commit = commitOf(batch, next, timeMs++);
      next += BigInt(batch.length);
      return commit;
    });
    const bytes = concat(...parts);
    await writeFile(path, bytes);
    records.push(...consumeResponseType.deserialize(bytes).records);
    segments.push({ topicId, base, generation: 0, path, sealed: { next, bytes: bytes.length } });
  }
  return { segments, records };
}

/** What the segment is after it was rewritten; undefined when nothing of it is left. */
function afterwards(source: SealedSegment, path: string, rewritten: Rewritten): SealedSegment | undefined {
  if (rewritten.kind === "unchanged") return source;
  if (rewritten.kind === "empty") return undefined;
  const { bytes } = rewritten;
  return { ...source, path, generation: source.generation + 1, sealed: { next: source.sealed.next, bytes } };
}

const nextPath = ({ path, base, generation }: SealedSegment): string =>
  join(dirname(path), segmentFileName(base, generation + 1));

interface Pass {
  readonly segments: SealedSegment[];
  readonly compactedTo: bigint;
  readonly removed: number;
}

/** One pass, as whoever owns the topic makes it. */
async function compactOnce(
  segments: readonly SealedSegment[],
  compactedTo: bigint,
  startOffset = 0n,
  options: CollectOptions = ample,
): Promise<Pass> {
  const keys = await collectKeys(segments, compactedTo, options);
  const after: SealedSegment[] = [];
  let removed = 0;
  for (const segment of segments) {
    if (segment.base >= keys.next) {
      after.push(segment);
      continue;
    }
    const rewritten = await rewriteSegment(segment, nextPath(segment), { keys, startOffset }, options);
    removed += rewritten.kind === "unchanged" ? 0 : rewritten.removed;
    const rest = afterwards(segment, nextPath(segment), rewritten);
    if (rest !== undefined) after.push(rest);
    if (rest !== segment) for (const path of [segment.path, indexPathOf(segment.path)]) await rm(path, { force: true });
  }
  return { segments: after, compactedTo: keys.next, removed };
}

/** What has to be left: for each key its last record, and every record without a key. */
function lastOfEachKey(records: readonly RecordOutput[]): RecordOutput[] {
  const last = new Map<string, bigint>();
  for (const { key, offset } of records) if (key.length > 0) last.set(key.toString("hex"), offset);
  return records.filter(({ key, offset }) => key.length === 0 || last.get(key.toString("hex")) === offset);
}

const decode = (frames: Pick<RecordFrames, "parts">): RecordOutput[] =>
  consumeResponseType.deserialize(concat(...frames.parts)).records;

/** Reads as a topic's log does: from the segment that has the offset, or the next one that has anything behind it. */
class Reader implements AsyncDisposable {
  readonly #files = new OpenFiles(4);
  readonly #segments: readonly Segment[];

  constructor(segments: readonly SealedSegment[]) {
    this.#segments = segments.map(
      ({ path, base, generation, sealed }) =>
        new Segment(this.#files, dirname(path), topicId, base, { bytes: sealed.bytes, sealed, generation }),
    );
  }

  async read(offset: bigint, limits: ReadLimits): Promise<RecordFrames | undefined> {
    const gatherer = new Gatherer(offset, limits);
    for (const segment of this.#segments) {
      if (segment.sealed!.next > offset && (await segment.read(offset, limits, gatherer))) return gatherer.finish();
    }
    return undefined;
  }

  async all(from = 0n, limits = everything): Promise<RecordOutput[]> {
    const records: RecordOutput[] = [];
    for (let offset = from; ;) {
      const frames = await this.read(offset, limits);
      if (frames === undefined) return records;
      records.push(...decode(frames));
      offset = frames.next;
    }
  }

  /** The first offset of that time or a later one, and the first of all. */
  async firstFrom(timeMs: bigint): Promise<bigint | undefined> {
    for (const segment of this.#segments) {
      const found = await segment.commitAt(timeMs);
      if (found !== undefined) return found.base;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }
}

async function readAllOf(segments: readonly SealedSegment[], limits = everything): Promise<RecordOutput[]> {
  await using reader = new Reader(segments);
  return await reader.all(0n, limits);
}

const key = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 7 }).map((n) => Buffer.from(`k${n}`)) },
  { weight: 2, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 2 }).map((bytes) => Buffer.from(bytes)) },
);
const record: fc.Arbitrary<WireRecord> = fc.record({
  key,
  value: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  headers: fc.array(fc.record({ name: fc.constantFrom("", "h"), value: fc.constant(Buffer.from([0x10, 0x99])) }), {
    maxLength: 2,
  }),
});
const commits = fc.array(fc.array(record, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
const content = fc.array(commits, { minLength: 1, maxLength: 5 });

describe("compaction", () => {
  test("keeps the last record of each key and all records without one, whatever memory there is", async () => {
    await using directory = await temporaryDirectory();
    let run = 0;
    const base = fc.constantFrom(0n, 5n, 2n ** 40n);
    const maxKeyBytes = fc.constantFrom(1, 300, 700, ample.maxKeyBytes);
    await fc.assert(
      fc.asyncProperty(content, base, maxKeyBytes, fc.nat({ max: 60 }), async (written, from, bytes, start) => {
        const topic = await writeTopic(join(directory.path, `${run++}`), written, from);
        const { next } = topic.segments.at(-1)!.sealed;
        const options = { maxKeyBytes: bytes };
        let pass: Pass = { segments: topic.segments, compactedTo: 0n, removed: 0 };
        for (let passes = 0; pass.compactedTo < next; passes++) {
          expect(passes, "every pass gets further").toBeLessThan(topic.records.length + 1);
          const before = pass;
          pass = await compactOnce(before.segments, before.compactedTo, 0n, options);
          expect(pass.compactedTo).toBeGreaterThan(before.compactedTo);
          // Below what it has reached no key comes twice, and behind that nothing has changed.
          const { compactedTo } = pass;
          const expected = [
            ...lastOfEachKey(topic.records.filter(({ offset }) => offset < compactedTo)),
            ...topic.records.filter(({ offset }) => offset >= compactedTo),
          ];
          expect(await readAllOf(pass.segments)).toEqual(expected);
        }
        const left = lastOfEachKey(topic.records);
        expect(left.at(-1)).toEqual(topic.records.at(-1));
        // Again: there is nothing to do, and nothing is written.
        const again = await compactOnce(pass.segments, 0n);
        expect(again.removed).toBe(0);
        expect(again.segments).toEqual(pass.segments);
        // A start that was raised lets what is before it go.
        const startOffset = from + BigInt(start);
        const trimmed = await compactOnce(pass.segments, pass.compactedTo, startOffset);
        expect(await readAllOf(trimmed.segments)).toEqual(left.filter(({ offset }) => offset >= startOffset));
      }),
      { numRuns: 40 },
    );
  });

  test("leaves of every segment a file that any protobuf tool reads, and stored bytes that are what they were", async () => {
    await using directory = await temporaryDirectory();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(content, fc.nat({ max: 4 }), fc.nat({ max: 200 }), async (written, maxRecords, maxBytes) => {
        const topic = await writeTopic(join(directory.path, `${run++}`), written);
        const framesBefore = new Map<bigint, string>();
        for (const [offset, frame] of await framesOf(topic.segments)) framesBefore.set(offset, frame);
        const { segments } = await compactOnce(topic.segments, 0n);
        const files = await Promise.all(segments.map(({ path }) => readFile(path)));
        const left = lastOfEachKey(topic.records);
        expect(files.flatMap((bytes) => consumeResponseType.deserialize(bytes).records)).toEqual(left);
        for (const [index, { sealed }] of segments.entries()) expect(files[index]!.length).toBe(sealed.bytes);
        const framesAfter = await framesOf(segments);
        expect(framesAfter.map(([offset]) => offset)).toEqual(left.map(({ offset }) => offset));
        for (const [offset, frame] of framesAfter) expect(frame).toBe(framesBefore.get(offset));
        expect(await readAllOf(segments, { maxRecords: maxRecords + 1, maxBytes })).toEqual(left);
      }),
      { numRuns: 60 },
    );
  });

  test("is read from every offset with every limit: the records that are left from there on, at least one", async () => {
    await using directory = await temporaryDirectory();
    const written: Commits[] = Array.from({ length: 3 }, (_, segment) =>
      Array.from({ length: 6 }, (_, commit) =>
        Array.from({ length: 1 + ((segment + commit) % 5) }, (_, n) => ({
          key: Buffer.from(
            ["", "a", "b", "c", `${segment}`, `${segment}.${commit}`][(segment * 7 + commit * 3 + n) % 6]!,
          ),
          value: Buffer.alloc(n * 5 + commit, n),
        })),
      ),
    );
    const topic = await writeTopic(directory.path, written, 7n);
    const { segments, removed } = await compactOnce(topic.segments, 0n);
    expect(removed).toBeGreaterThan(10);
    const left = lastOfEachKey(topic.records);
    const sizes = new Map((await framesOf(segments)).map(([offset, frame]) => [offset, frame.length / 2]));
    await using reader = new Reader(segments);
    for (let offset = 7n; offset < segments.at(-1)!.sealed.next; offset++) {
      const wanted = left.filter((each) => each.offset >= offset);
      for (const maxRecords of [1, 2, 3, 5, 1000]) {
        for (const maxBytes of [1, 40, 41, 80, 150, 100_000]) {
          const frames = (await reader.read(offset, { maxRecords, maxBytes }))!;
          const records = decode(frames);
          expect(records.length).toBeGreaterThan(0);
          expect(records).toEqual(wanted.slice(0, records.length));
          expect(frames).toMatchObject({
            offset: wanted[0]!.offset,
            count: records.length,
            next: records.at(-1)!.offset + 1n,
          });
          expect(records.length).toBeLessThanOrEqual(maxRecords);
          const bytes = wanted.slice(0, records.length).reduce((sum, each) => sum + sizes.get(each.offset)!, 0);
          expect(concat(...frames.parts).length).toBe(bytes);
          if (records.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
        }
      }
      // With room for all, it is all of what the segment has.
      const segment = segments.find(({ sealed }) => sealed.next > wanted[0]!.offset)!;
      const whole = (await reader.read(offset, everything))!;
      expect(whole.count).toBe(wanted.filter((each) => each.offset < segment.sealed.next).length);
    }
    expect(await reader.read(segments.at(-1)!.sealed.next, everything)).toBeUndefined();
  });

  test("finds the first record that is left of every time, and of the times between", async () => {
    await using directory = await temporaryDirectory();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(content, async (written) => {
        const topic = await writeTopic(join(directory.path, `${run++}`), written);
        const { segments } = await compactOnce(topic.segments, 0n);
        const left = lastOfEachKey(topic.records);
        await using reader = new Reader(segments);
        for (const time of [0n, ...topic.records.map(({ timestampMs }) => timestampMs), 2n ** 62n]) {
          expect(await reader.firstFrom(time)).toBe(left.find(({ timestampMs }) => timestampMs >= time)?.offset);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("takes records of all sizes, also one that is larger than a commit, and finds them by an index", async () => {
    await using directory = await temporaryDirectory();
    const large = (n: number): WireRecord => ({
      key: Buffer.from(`large ${n % 2}`),
      value: Buffer.alloc(1024 * 1024 - 7, n),
    });
    const written: Commits = [
      ...Array.from({ length: 300 }, (_, n) => [
        { key: Buffer.from(`k${n % 250}`), value: randomBytes(700 + n) },
        { value: randomBytes(n) },
      ]),
      [large(1)],
      [large(2)],
      [large(3)],
      [{ key: randomBytes(1024 * 1024 - 10) }],
    ];
    const topic = await writeTopic(directory.path, [written]);
    const { segments, removed } = await compactOnce(topic.segments, 0n);
    expect(removed).toBe(51);
    const left = lastOfEachKey(topic.records);
    const [segment] = segments;
    expect((await stat(indexPathOf(segment!.path))).size).toBeGreaterThan(32 + 3 * 24);
    await using reader = new Reader(segments);
    for (const { offset, value } of [...left].reverse()) {
      const [found] = decode((await reader.read(offset, { maxRecords: 1, maxBytes: 1 }))!);
      expect(found!.offset).toBe(offset);
      expect(found!.value.equals(value)).toBe(true);
    }
    // The index is a hint: of another file, or gone, it costs time and nothing else.
    const other = await readFile(indexPathOf(segment!.path));
    // One that takes a commit for an earlier one would hide what is between them.
    const shifted = Buffer.from(other);
    for (let at = 32; at < shifted.length; at += 24) {
      shifted.writeBigUInt64LE(shifted.readBigUInt64LE(at) - 40n, at);
      shifted.writeUInt32LE(crc32(shifted.subarray(at, at + 20)), at + 20);
    }
    const skipping = concat(other.subarray(0, 32), other.subarray(80));
    for (const damage of [Buffer.alloc(0), other.subarray(0, 70), skipping, shifted]) {
      await writeFile(indexPathOf(segment!.path), damage);
      for (const { offset } of left.filter((_, n) => n % 23 === 0)) {
        await using damaged = new Reader(segments);
        expect((await damaged.read(offset, { maxRecords: 1, maxBytes: 1 }))!.offset).toBe(offset);
      }
    }
  });

  test("does not take keys for equal that only look alike", async () => {
    await using directory = await temporaryDirectory();
    const keys = ["a", "A", "a\0", "\0", "\0\0", "é", "e\u0301", "ÿ", "😀", "1", "01", "__proto__", "constructor"];
    const alike = [
      ...keys.flatMap((text) => [Buffer.from(text), Buffer.from(text, "latin1")]),
      ...[0x80, 0xff, 0xfe].map((byte) => Buffer.from([byte])),
      Buffer.alloc(70, 1),
      Buffer.alloc(71, 1),
    ];
    const different = [...new Map(alike.map((each) => [each.toString("hex"), each])).values()];
    const written = different.map((each) => [{ key: each, value: Buffer.from("first") }]);
    const topic = await writeTopic(directory.path, [written, written.slice(1)]);
    const { segments, removed } = await compactOnce(topic.segments, 0n);
    expect(removed).toBe(different.length - 1);
    const left = await readAllOf(segments);
    expect(left.map((each) => each.key.toString("hex")).sort()).toEqual(
      different.map((each) => each.toString("hex")).sort(),
    );
  });

  test("keeps an empty value like any other", async () => {
    await using directory = await temporaryDirectory();
    const record = (value: string): WireRecord => ({ key: Buffer.from("k"), value: Buffer.from(value) });
    const topic = await writeTopic(directory.path, [[[record("one")], [record("")]], [[{}]]]);
    const { segments } = await compactOnce(topic.segments, 0n);
    expect((await readAllOf(segments)).map(({ offset, value }) => [offset, value.toString()])).toEqual([
      [1n, ""],
      [2n, ""],
    ]);
  });
});

/** Each record's frame as it is stored, in hexadecimal digits, by its offset. */
async function framesOf(segments: readonly SealedSegment[]): Promise<[bigint, string][]> {
  await using reader = new Reader(segments);
  const found: [bigint, string][] = [];
  for (let offset = 0n; ;) {
    const frames = await reader.read(offset, { maxRecords: 1, maxBytes: 1 });
    if (frames === undefined) return found;
    found.push([frames.offset, concat(...frames.parts).toString("hex")]);
    offset = frames.next;
  }
}

/** A segment with commits that are whole, that have gaps and that are gone, and one of which nothing is left. */
async function compacted(directory: string): Promise<{ segments: SealedSegment[]; left: RecordOutput[] }> {
  const k = (name: string, value = "v"): WireRecord => ({ key: Buffer.from(name), value: Buffer.from(value) });
  const topic = await writeTopic(directory, [
    [[k("a"), k("b"), k("c"), k("a")], [k("only"), {}], [k("a")], [k("d"), k("a"), k("e")], [{}, k("a")]],
    [[k("b"), k("c")], [k("c", "x".repeat(30))]],
    [[k("a"), k("b"), k("c")]],
  ]);
  const { segments } = await compactOnce(topic.segments, 0n);
  expect(segments.map(({ base, generation }) => [base, generation])).toEqual([
    [0n, 1],
    [15n, 0],
  ]);
  return { segments, left: lastOfEachKey(topic.records) };
}

/** Everything that reads give until the end or the first that fails; which must be with RECORD_CORRUPT and the file. */
async function readUntilDamage(
  segments: readonly SealedSegment[],
): Promise<{ records: RecordOutput[]; damaged: boolean }> {
  await using reader = new Reader(segments);
  const records: RecordOutput[] = [];
  for (let offset = 0n; ;) {
    try {
      const frames = await reader.read(offset, { maxRecords: 2, maxBytes: 100 });
      if (frames === undefined) return { records, damaged: false };
      records.push(...decode(frames));
      offset = frames.next;
    } catch (error) {
      expectDamage(error, segments[0]!.path);
      return { records, damaged: true };
    }
  }
}

function expectDamage(error: unknown, path: string): void {
  expect(error).toBeInstanceOf(RecordCorrupt);
  const { location } = error as RecordCorrupt;
  expect(location).toMatch(/: byte \d+: ./);
  expect(location.startsWith(path)).toBe(true);
}

describe("a compacted segment", () => {
  test("with any bit wrong gives the same records, or those in front of the damage and RECORD_CORRUPT", async () => {
    await using directory = await temporaryDirectory();
    const { segments, left } = await compacted(directory.path);
    const { path } = segments[0]!;
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 0x80]) {
        const flipped = Buffer.from(whole);
        flipped[at]! ^= bit;
        await writeFile(path, flipped);
        const { records, damaged } = await readUntilDamage(segments);
        expect(damaged, `byte ${at}`).toBe(true);
        expect(records).toEqual(left.slice(0, records.length));
        // Who reads elsewhere: it is right, or it is refused.
        await using reader = new Reader(segments);
        for (const { offset } of left) {
          const frames = await reader.read(offset, { maxRecords: 1, maxBytes: 1 }).catch((error: unknown) => {
            expectDamage(error, path);
          });
          if (frames !== undefined) expect(decode(frames)[0]).toEqual(left.find((each) => each.offset >= offset));
        }
      }
    }
  });

  test("that is cut short anywhere, or missing, gives what is in front of the cut and then RECORD_CORRUPT", async () => {
    await using directory = await temporaryDirectory();
    const { segments, left } = await compacted(directory.path);
    const { path } = segments[0]!;
    const whole = await readFile(path);
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length);
      const { records, damaged } = await readUntilDamage(segments);
      expect(damaged, `cut at ${length}`).toBe(true);
      expect(records).toEqual(left.slice(0, records.length));
    }
    await rm(path);
    expect(await readUntilDamage(segments)).toEqual({ records: [], damaged: true });
  });

  test("in whose place another file lies is RECORD_CORRUPT", async () => {
    await using directory = await temporaryDirectory();
    const { segments } = await compacted(join(directory.path, "own"));
    const [segment] = segments;
    const other = (records: readonly WireRecord[], base: bigint, id?: string): Buffer =>
      commitOf(records, base, firstTimeMs, id);
    const others: [string, Buffer][] = [
      ["another topic's", other([{}], 0n, "f".repeat(32))],
      ["one that goes back", concat(other([{}], 4n), other([{}], 3n))],
      ["one that has an offset twice", concat(other([{}, {}], 4n), other([{}], 5n))],
      ["a later segment's", other([{}], 15n)],
      ["one that goes on too far", other([{}, {}], 14n)],
      ["zeros", Buffer.alloc(200)],
    ];
    for (const [what, bytes] of others) {
      await writeFile(segment!.path, bytes);
      const sealed = { ...segment!.sealed, bytes: bytes.length };
      expect((await readUntilDamage([{ ...segment!, sealed }])).damaged, what).toBe(true);
    }
  });

  test("says in its commits that there are gaps, with a version that keeps who does not know of them away", async () => {
    await using directory = await temporaryDirectory();
    const { segments } = await compacted(directory.path);
    const [segment] = segments;
    const bytes = await readFile(segment!.path);
    const versions: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const header = readCommitHeader(bytes, at)!;
      const version = bytes.readUInt32LE(at + 7);
      expect(version === 2).toBe(header.last - header.base >= BigInt(header.count));
      versions.push(version);
      // A header of one version with the other's number is nobody's header, also with a checksum that is right.
      const swapped = Buffer.from(bytes.subarray(at, at + commitHeaderBytes));
      swapped.writeUInt32LE(version, 7);
      swapped.writeUInt32LE(crc32(swapped.subarray(7, 63)), 63);
      expect(readCommitHeader(swapped, 0)).toEqual(header);
      swapped.writeUInt32LE(3 - version, 7);
      swapped.writeUInt32LE(crc32(swapped.subarray(7, 63)), 63);
      expect(readCommitHeader(swapped, 0)).toBeUndefined();
      at += header.headerBytes + header.framesBytes;
    }
    expect(new Set(versions)).toEqual(new Set([1, 2]));
  });

  test("may have gaps, and one that was never compacted may not: within commits, between them, and at its end", async () => {
    await using directory = await temporaryDirectory();
    const k = { key: Buffer.from("k") };
    const written: Commits[] = [[[{}, k, {}]], [[{}, {}], [k], [{}]], [[{}], [k]]];
    const topic = await writeTopic(directory.path, [...written, [[k]]]);
    const { segments } = await compactOnce(topic.segments, 0n);
    expect(segments.map(({ generation }) => generation)).toEqual([1, 1, 1, 0]);
    for (const [index, { base, path, sealed }] of segments.slice(0, -1).entries()) {
      await using reader = new Reader([segments[index]!]);
      const last = sealed.next - 1n;
      expect((await reader.read(last, everything)) === undefined).toBe(index === 2);
      const dense = { ...segments[index]!, path: join(directory.path, segmentFileName(base)), generation: 0 };
      await rename(path, dense.path);
      await using denseReader = new Reader([dense]);
      await expect(denseReader.read(last, everything)).rejects.toBeInstanceOf(RecordCorrupt);
      if (index < 2) await expect(collectKeys([dense], 0n, ample)).rejects.toBeInstanceOf(RecordCorrupt);
    }
  });

  test("whose frames are not those of an intact header is RECORD_CORRUPT, whatever is asked of it", async () => {
    await using directory = await temporaryDirectory();
    const frame = (offset: bigint, ...more: Buffer[]): Buffer =>
      bytesField(1, concat(bytesField(1, Buffer.from("v")), ...more, varintField(2, offset), varintField(7, 1n)));
    const good = [frame(1n), frame(3n), frame(6n)];
    const cases: [string, Buffer[], number?][] = [
      ["a record too few", good.slice(1)],
      ["a record too many", [...good, frame(7n)]],
      ["another count", good, 2],
      ["an offset twice", [frame(1n), frame(1n), frame(6n)]],
      ["offsets that go back", [frame(1n), frame(0n), frame(6n)]],
      ["another first offset", [frame(2n), frame(3n), frame(6n)]],
      ["another last offset", [frame(1n), frame(3n), frame(5n)]],
      ["an offset behind the last", [frame(1n), frame(7n), frame(6n)]],
      ["a record without an offset", [frame(1n), bytesField(1, bytesField(1, Buffer.from("v"))), frame(6n)]],
      ["a field that is cut short", [frame(1n), bytesField(1, Buffer.from([0x10, 0x03, 0x0a, 0x05, 0x00])), frame(6n)]],
      ["an offset without an end", [frame(1n), bytesField(1, Buffer.from([0x10, 0x83])), frame(6n)]],
      ["a number that is cut short", [frame(1n), bytesField(1, Buffer.from([0x10, 0x03, 0x79, 0x01])), frame(6n)]],
      ["a varint without an end", [frame(1n), bytesField(1, Buffer.alloc(12, 0xff)), frame(6n)]],
      ["an offset beyond all", [frame(1n), frame(2n ** 60n), frame(6n)]],
      ["a group", [frame(1n), bytesField(1, Buffer.from([0x10, 0x03, 0x0b, 0x0c])), frame(6n)]],
      ["a frame that is cut short", [frame(1n), frame(3n), frame(6n).subarray(0, -1)]],
      ["something that is no frame", [frame(1n), varintField(3, 3n), frame(6n)]],
    ];
    const write = async (frames: readonly Buffer[], count = 3): Promise<SealedSegment> => {
      const body = concat(...frames);
      const commit = concat(Buffer.alloc(commitHeaderBytes), body);
      const header = { topicId: Buffer.from(topicId, "hex"), base: 1n, last: 6n, timeMs: 1, framesBytes: body.length };
      sealCommit(commit, 0, { ...header, count });
      const path = join(directory.path, segmentFileName(0n, 1));
      await writeFile(path, commit);
      return { topicId, base: 0n, generation: 1, path, sealed: { next: 9n, bytes: commit.length } };
    };
    const unknown = frame(3n, Buffer.from([0x79, 1, 2, 3, 4, 5, 6, 7, 8]), Buffer.from([0xfd, 0x01, 1, 2, 3, 4]));
    expect((await readAllOf([await write([good[0]!, unknown, good[2]!])])).map(({ offset }) => offset)).toEqual([
      1n,
      3n,
      6n,
    ]);
    for (const [what, frames, count] of cases) {
      const segment = await write(frames, count);
      await using reader = new Reader([segment]);
      for (const offset of [0n, 1n, 2n, 6n]) {
        for (const limits of [everything, { maxRecords: 1, maxBytes: 1 }]) {
          await expect(reader.read(offset, limits), `${what}, from ${offset}`).rejects.toSatisfy((error) => {
            expectDamage(error, segment.path);
            return true;
          });
        }
      }
      await expect(collectKeys([segment], 0n, ample), what).rejects.toBeInstanceOf(RecordCorrupt);
    }
  });
});

describe("compacting", () => {
  const written: Commits[] = [
    [
      [{ key: Buffer.from("a") }, { key: Buffer.from("b") }],
      [{ key: Buffer.from("a"), value: Buffer.from("x") }],
      [{ key: Buffer.from("a") }, {}, { key: Buffer.from("c") }],
    ],
  ];

  test("a segment with any byte wrong, or cut short, is refused, and nothing is left of it", async () => {
    await using directory = await temporaryDirectory();
    const { segments } = await writeTopic(directory.path, written);
    const [segment] = segments;
    const keys = await collectKeys(segments, 0n, ample);
    const whole = await readFile(segment!.path);
    const keep = { keys, startOffset: 0n };
    const damages: [string, Buffer][] = [
      ...Array.from(whole, (_, at): [string, Buffer] => {
        const flipped = Buffer.from(whole);
        flipped[at]! ^= 0x20;
        return [`byte ${at}`, flipped];
      }),
      ...Array.from(whole, (_, length): [string, Buffer] => [`cut at ${length}`, whole.subarray(0, length)]),
    ];
    for (const [what, bytes] of damages) {
      await writeFile(segment!.path, bytes);
      const collect = (): Promise<unknown> => collectKeys(segments, 0n, ample);
      for (const attempt of [collect, () => rewriteSegment(segment!, nextPath(segment!), keep)]) {
        await expect(attempt(), what).rejects.toSatisfy((error) => {
          expectDamage(error, segment!.path);
          return true;
        });
      }
      expect(await readdir(directory.path)).toEqual([basename(segment!.path)]);
    }
    expect((await readFile(segment!.path)).length).toBe(whole.length - 1);
    await rm(segment!.path);
    await expect(collectKeys(segments, 0n, ample)).rejects.toBeInstanceOf(RecordCorrupt);
    await writeFile(segment!.path, whole);
    expect(await rewriteSegment(segment!, nextPath(segment!), keep)).toMatchObject({
      kind: "rewritten",
      kept: 4,
      removed: 2,
    });
  });

  test("writes a file of its own where an attempt that was cut short has left one, and leaves nothing when it is told to stop", async () => {
    await using directory = await temporaryDirectory();
    const { segments, records } = await writeTopic(directory.path, written);
    const [segment] = segments;
    const target = nextPath(segment!);
    const keys = await collectKeys(segments, 0n, ample);
    const stopped = { ...ample, signal: AbortSignal.abort() };
    await expect(collectKeys(segments, 0n, stopped)).rejects.toMatchObject({ reason: "CANCELLED" });
    const keep = { keys, startOffset: 0n };
    await expect(rewriteSegment(segment!, target, keep, stopped)).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(await readdir(directory.path)).toEqual([basename(segment!.path)]);
    for (const path of [target, indexPathOf(target)]) await writeFile(path, randomBytes(200_000));
    // Its sync may have failed: such a file is never tried again.
    await using left = await open(target);
    const rewritten = await rewriteSegment(segment!, target, keep);
    expect((await left.stat()).nlink).toBe(0);
    expect(await readAllOf([afterwards(segment!, target, rewritten)!])).toEqual(lastOfEachKey(records));
    expect(await readdir(directory.path)).toContain(basename(segment!.path));
  });

  test("stops in the midst of a file when it is told to, and leaves nothing", async () => {
    await using directory = await temporaryDirectory();
    const large = Array.from({ length: 40 }, () => [{ key: Buffer.from("k"), value: randomBytes(200_000) }, {}]);
    const { segments } = await writeTopic(directory.path, [large]);
    const keys = await collectKeys(segments, 0n, ample);
    const stop = new AbortController();
    const target = nextPath(segments[0]!);
    const attempt = rewriteSegment(segments[0]!, target, { keys, startOffset: 0n }, { signal: stop.signal });
    const refused = expect(attempt).rejects.toMatchObject({ reason: "CANCELLED" });
    while (!(await readdir(directory.path)).includes(basename(target))) expect(stop.signal.aborted).toBe(false);
    stop.abort();
    await refused;
    expect(await readdir(directory.path)).toEqual([basename(segments[0]!.path)]);
  });

  test("begins when enough is new, so that a large topic is not read again for every segment", () => {
    const segment = (base: bigint, next: bigint, bytes: number): SealedSegment => {
      return { topicId, base, generation: 0, path: "", sealed: { next, bytes } };
    };
    const segments = [segment(0n, 10n, 700), segment(10n, 20n, 100), segment(20n, 30n, 200)];
    expect(isCompactionDue([], 0n)).toBe(false);
    expect(isCompactionDue(segments, 0n)).toBe(true);
    expect(isCompactionDue(segments, 20n)).toBe(true);
    expect(isCompactionDue(segments, 30n)).toBe(false);
    expect(isCompactionDue([...segments, segment(30n, 40n, 100)], 30n)).toBe(false);
  });
});
