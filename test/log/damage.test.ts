import { cp, mkdir, readFile, readdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { RecordCorrupt } from "../../src/errors.js";
import { readCheckedJson, writeCheckedJson } from "../../src/log/checked-json.js";
import { commitHeaderBytes } from "../../src/log/commit.js";
import { Journal } from "../../src/log/journal.js";
import {
  blockBytes,
  decodeFileHeader,
  decodeGroupHeader,
  nextBlock,
  sealGroup,
  writeEntryHeader,
} from "../../src/log/journal-format.js";
import { replay } from "../../src/log/replay.js";
import { indexIntervalBytes } from "../../src/log/sparse-index.js";
import type { CommitLog, LogStore } from "../../src/log/port.js";
import {
  append,
  consumeResponseType,
  everything,
  fingerprint,
  killed,
  messageFrom,
  openStore,
  pathsEndingWith,
  readAll,
  readOnce,
  readValues,
  startChild,
  temporaryDirectory,
  valuesBatch,
} from "../support/log-harness.js";

/** `make damage`: of what is swept here, so many times as many bytes. */
const isLong = process.env["ACLOG_DAMAGE"] === "all";
const sparser = isLong ? 1 : 3;

/** Copies an open data directory between two checkpoints: the one that comes with idleness is held back meanwhile. */
async function copiedOpen(live: string, data: string, fill: (log: CommitLog) => Promise<void>, options = {}) {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  await using open = await openStore(live, options);
  await fill(await open.store.open("acme", "orders"));
  await cp(live, data, { recursive: true });
  vi.useRealTimers();
}

afterEach(() => {
  vi.useRealTimers();
});

/** A data directory as a crash leaves it: `groups` groups above the checkpoint, of which no segment has anything yet. */
async function crashed(directory: string, groups: number, options = {}): Promise<{ data: string; values: string[] }> {
  const live = join(directory, "live");
  const data = join(directory, "data");
  const values: string[] = [];
  const fill = async (log: CommitLog): Promise<void> => {
    for (let n = 0; n < groups; n++) {
      values.push(`${n}:${"v".repeat((n * 97) % 300)}`);
      await append(log, values.at(-1)!);
    }
  };
  await copiedOpen(live, data, fill, options);
  for (const path of await pathsEndingWith(data, ".log")) await rm(path);
  return { data, values };
}

interface Outcome {
  readonly values?: string[];
  readonly torn?: boolean;
  readonly refused?: string;
}

/** What opening gives; a refusal is checked to have changed nothing. */
async function outcome(data: string, options = {}): Promise<Outcome> {
  const before = await fingerprint(data);
  try {
    await using open = await openStore(data, options);
    const log = open.store.find("acme", "orders")!;
    return { values: await readValues(log), torn: open.report.torn !== undefined };
  } catch (error) {
    expect(await fingerprint(data), "refused means nothing changed").toBe(before);
    return { refused: (error as Error).name };
  }
}

interface Group {
  readonly start: number;
  readonly end: number;
}

function groupsOf(file: Buffer): Group[] {
  const { nonce } = decodeFileHeader(file)!;
  const groups: Group[] = [];
  for (let start = blockBytes; ;) {
    const header = decodeGroupHeader(file, start, nonce);
    if (header === undefined || header.isEnd) return groups;
    const end = start + 64 + header.payloadBytes;
    groups.push({ start, end });
    start = nextBlock(end);
  }
}

/** Restores a directory of few files quickly: the sweep changes one of them at a time. */
async function fresh(data: string, copy: string): Promise<void> {
  await rm(copy, { recursive: true, force: true });
  await cp(data, copy, { recursive: true });
}

describe("a journal", () => {
  test("that was cut short anywhere is refused, since its files never change their size", async () => {
    await using directory = await temporaryDirectory();
    const { data } = await crashed(directory.path, 4);
    const [wal] = await pathsEndingWith(join(data, "journal"), ".wal");
    const whole = await readFile(wal!);
    for (let cut = 0; cut < whole.length; cut += cut < 2 * blockBytes ? 512 : 8192) {
      await writeFile(wal!, whole.subarray(0, cut));
      expect(await outcome(data), `cut at ${cut}`).toEqual({ refused: "JournalDamaged" });
    }
    await writeFile(wal!, Buffer.concat([whole, Buffer.alloc(1)]));
    expect(await outcome(data)).toEqual({ refused: "JournalDamaged" });
  });

  test("whose last write was cut short anywhere loses that group alone; an earlier one is never lost silently", async () => {
    await using directory = await temporaryDirectory();
    const { data, values } = await crashed(directory.path, 4);
    const name = "journal/00000000000000000001.wal";
    const whole = await readFile(join(data, name));
    const groups = groupsOf(whole);
    expect(groups).toHaveLength(4);
    const last = groups.at(-1)!;
    const edges = groups.flatMap(({ start, end }) => [
      start,
      start + 1,
      start + 63,
      start + 64,
      start + 65,
      end - 1,
      end,
    ]);
    const cuts = new Set([...edges, ...Array.from({ length: whole.length / 512 }, (_, n) => n * 512)]);
    const copy = join(directory.path, "copy");
    for (const cut of [...cuts].filter((at) => at >= blockBytes && at <= last.end + 512)) {
      for (const filler of [0, 0xa5]) {
        await fresh(data, copy);
        await writeFile(
          join(copy, name),
          Buffer.concat([whole.subarray(0, cut), Buffer.alloc(whole.length - cut, filler)]),
        );
        const { values: stored, refused } = await outcome(copy);
        const complete = groups.filter(({ end }) => end <= cut).length;
        // Nothing behind the cut can vouch for anything, so what is whole is what there is.
        expect({ stored, refused }, `cut at ${cut}, filled with ${filler}`).toEqual({
          stored: values.slice(0, complete),
          refused: undefined,
        });
      }
    }
  });

  test("with any byte wrong gives every group, or all but the last, or is refused", async () => {
    await using directory = await temporaryDirectory();
    const { data, values } = await crashed(directory.path, 3);
    const name = "journal/00000000000000000001.wal";
    const whole = await readFile(join(data, name));
    const groups = groupsOf(whole);
    const last = groups.at(-1)!;
    const copy = join(directory.path, "copy");
    const counts = { all: 0, cut: 0, refused: 0 };
    const headerBytes = Array.from({ length: 40 }, (_, n) => n);
    const groupBytes = groups.flatMap(({ start, end }) =>
      Array.from({ length: end - start + 2 }, (_, n) => start + n).filter(
        (at) => at % (at < start + 70 ? sparser : 3 * sparser) === 0 || at >= end - 2,
      ),
    );
    await fresh(data, copy);
    for (const at of [...headerBytes, ...groupBytes]) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      await writeFile(join(copy, name), flipped);
      const { values: stored, refused } = await outcome(copy);
      const inside = groups.findIndex(({ start, end }) => at >= start && at < end);
      if (at < 36 || (inside >= 0 && inside < groups.length - 1)) {
        expect(refused, `flipped at ${at}`).toBe("JournalDamaged");
        counts.refused++;
        continue;
      }
      const complete = at >= last.start && at < last.end ? groups.length - 1 : groups.length;
      // The reserved bytes of a group's header are covered by its checksum, those of the file's header by nothing.
      expect(stored, `flipped at ${at}`).toEqual(values.slice(0, complete));
      counts[complete === groups.length ? "all" : "cut"]++;
      await fresh(data, copy);
    }
    expect(counts.all).toBeGreaterThan(5);
    expect(counts.cut).toBeGreaterThan(60 / sparser);
    expect(counts.refused).toBeGreaterThan(150 / sparser);
  });

  test("whose last group is wrong is refused when a segment proves that it was durable", async () => {
    await using directory = await temporaryDirectory();
    const { data } = await crashed(directory.path, 3);
    const live = join(directory.path, "live");
    const wal = join(data, "journal/00000000000000000001.wal");
    const whole = await readFile(wal);
    whole[groupsOf(whole).at(-1)!.start + 80]! ^= 1;
    await writeFile(wal, whole);
    const [segment] = await pathsEndingWith(live, ".log");
    // As the live store has written it behind its answers.
    await cp(segment!, segment!.replace(live, data));
    expect(await outcome(data)).toEqual({ refused: "JournalDamaged" });
  });

  test("of several files is refused when one that a later one vouches for is missing, cut or blank", async () => {
    await using directory = await temporaryDirectory();
    const whole = join(directory.path, "whole");
    const copy = join(directory.path, "copy");
    await mkdir(whole);
    {
      await using journal = await Journal.open(whole, 1n, { fileBytes: 32 * 1024, maxFiles: 9 });
      for (let n = 0; n < 24; n++) {
        const end = 64 + 32 + 100 + n;
        // With room for the rest of the block.
        const group = Buffer.alloc(end + blockBytes);
        writeEntryHeader(group, 64, { topicId: Buffer.alloc(16), segmentBase: 0n, position: n, commitBytes: 100 + n });
        await journal.makeRoom(end);
        await journal.append(group, 0, end, 1);
      }
    }
    const sequences = async (checkpoint = 0n, place = { file: 1n, position: blockBytes }): Promise<bigint[]> => {
      const found: bigint[] = [];
      for await (const { sequence } of replay(copy, checkpoint, place)) found.push(sequence);
      return found;
    };
    const all = Array.from({ length: 24 }, (_, n) => BigInt(n + 1));
    const names = (await readdir(whole)).filter((name) => name.endsWith(".wal"));
    expect(names.length).toBeGreaterThan(3);
    await fresh(whole, copy);
    expect(await sequences()).toEqual(all);
    // A checkpoint at the end of a file needs that file no more.
    await rm(join(copy, names[0]!));
    const second = BigInt(names[1]!.slice(0, 20));
    expect(await sequences(second - 1n, { file: 1n, position: 28 * 1024 })).toEqual(all.slice(Number(second) - 1));
    for (const [index, name] of names.entries()) {
      const path = join(copy, name);
      const bytes = await readFile(join(whole, name));
      const isLast = index === names.length - 1;
      const damages: (() => Promise<void>)[] = [
        () => truncate(path, blockBytes - 1),
        () => truncate(path, 0),
        () => writeFile(path, Buffer.alloc(bytes.length)),
        // The end mark of the file before vouches for the last one too.
        () => rm(path),
        // What the last file holds, only the segments may know: nothing in the journal comes later.
        ...(isLast ? [] : [() => writeFile(path, Buffer.from(bytes).fill(0, blockBytes))]),
        ...groupsOf(bytes)
          .slice(0, isLast ? -1 : undefined)
          .map(
            ({ start }) =>
              () =>
                writeFile(path, Buffer.from(bytes).fill(0, start, start + 1)),
          ),
      ];
      for (const [kind, damage] of damages.entries()) {
        await fresh(whole, copy);
        await damage();
        await expect(sequences(), `${name}, damage ${kind}`).rejects.toMatchObject({ name: "JournalDamaged" });
      }
    }
  });

  test("never takes a client's bytes, or what an earlier use of the file left, for a group", async () => {
    await using directory = await temporaryDirectory();
    const options = { journalFiles: 2, segmentBytes: 64 * 1024 };
    const child = startChild("obey", directory.path, options);
    await messageFrom(child, ({ kind }) => kind === "open");
    const stored: string[] = [];
    const appended = async (...values: (string | Buffer)[]): Promise<void> => {
      const sent = values.map((value) => Buffer.from(value));
      child.send(sent.map((value) => value.toString("base64")));
      await messageFrom(child, ({ kind }) => kind === "acked");
      stored.push(...sent.map(String));
    };
    // Groups as a client may know them from the documentation, at every block boundary of a large record: with the
    // sequences that come next, and a nonce of its own, since it cannot know the file's.
    for (let n = 0; n < 24; n++) {
      const payload = Buffer.alloc(5 * blockBytes);
      for (let at = 0; at < payload.length; at += 64) {
        const forged = payload.subarray(at, at + 64);
        sealGroup(forged, BigInt(n + 2), BigInt(n + 1), 0, Buffer.alloc(16, 7));
      }
      await appended(payload, `after ${n}`);
    }
    // Many times around: the files hold old groups of theirs behind the new ones.
    for (let n = 0; n < 60; n++) await appended(`round ${n}`);
    await killed(child);
    await using open = await openStore(directory.path, options);
    expect(open.report.torn).toBeUndefined();
    expect(await readValues(open.store.find("acme", "orders")!)).toEqual(stored);
  });

  test("whose torn last group holds what a client knows of groups is cut all the same", async () => {
    await using directory = await temporaryDirectory();
    const live = join(directory.path, "live");
    const data = join(directory.path, "data");
    await copiedOpen(live, data, async (log) => {
      await append(log, "first");
      // The record's bytes begin behind the headers of group, entry, commit and frame; the forged header is made to lie
      // where a group could begin. It claims that everything was durable.
      const payload = Buffer.alloc(3 * blockBytes);
      const begin = 64 + 32 + commitHeaderBytes + 1 + 2 + 1 + 2;
      const forged = payload.subarray(blockBytes - begin, blockBytes - begin + 64);
      sealGroup(forged, 9n, 8n, 0, Buffer.alloc(16, 7));
      await append(log, payload);
    });
    for (const path of await pathsEndingWith(data, ".log")) await rm(path);
    const wal = join(data, "journal/00000000000000000001.wal");
    const bytes = await readFile(wal);
    const [, torn] = groupsOf(bytes);
    expect(bytes.toString("latin1", torn!.start + blockBytes, torn!.start + blockBytes + 4)).toBe("GRP1");
    bytes[torn!.end - 1]! ^= 1;
    await writeFile(wal, bytes);
    expect(await outcome(data)).toEqual({ values: ["first"], torn: true });
  });

  test("whose last group is torn says how much that was, also where its header cannot be read", async () => {
    await using directory = await temporaryDirectory();
    const { data, values } = await crashed(directory.path, 3);
    const wal = join(data, "journal/00000000000000000001.wal");
    const whole = await readFile(wal);
    const { start, end } = groupsOf(whole).at(-1)!;
    const older = nextBlock(end) + blockBytes;
    const copy = join(directory.path, "copy");
    for (const [wrong, isReused] of [
      [end - 1, false],
      [start + 8, false],
      [start + 8, true],
    ] as const) {
      await fresh(data, copy);
      const bytes = Buffer.from(whole);
      bytes[wrong]! ^= 0x40;
      // A group of an earlier use of the file, which nothing of this one has reached.
      if (isReused) sealGroup(bytes.subarray(older, older + blockBytes), 99n, 98n, 1, Buffer.alloc(16, 7));
      await writeFile(join(copy, "journal/00000000000000000001.wal"), bytes);
      await using open = await openStore(copy);
      expect(open.report.torn).toMatchObject({ position: start, bytes: end - start });
      expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values.slice(0, -1));
    }
  });

  test("is replayed to the same bytes however often a start dies half-way", async () => {
    await using directory = await temporaryDirectory();
    const { data, values } = await crashed(directory.path, 12, { segmentBytes: 1024 });
    const copy = join(directory.path, "copy");
    await fresh(data, copy);
    let done: string[];
    {
      await using open = await openStore(copy, { segmentBytes: 1024 });
      done = await readValues(open.store.find("acme", "orders")!);
    }
    expect(done).toEqual(values);
    const segments = await pathsEndingWith(copy, ".log");
    expect(segments.length).toBeGreaterThan(2);
    // Recovery writes segments, then manifests, then the checkpoint, then a new journal file: it may end after any.
    const steps = [...segments, ...(await pathsEndingWith(copy, "topic.json")), join(copy, "journal/checkpoint")];
    const half = join(directory.path, "half");
    for (let upTo = 0; upTo <= steps.length; upTo++) {
      await fresh(data, half);
      for (const path of steps.slice(0, upTo)) await cp(path, path.replace(copy, half));
      await using open = await openStore(half, { segmentBytes: 1024 });
      expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
      expect(await append(open.store.find("acme", "orders")!, "next")).toBe(BigInt(values.length));
      for (const path of segments.slice(0, -1)) {
        expect(await readFile(path.replace(copy, half))).toEqual(await readFile(path));
      }
    }
  });
});

describe("a start is refused, and changes nothing,", () => {
  const json = (text: string) => (data: string) => writeFile(join(data, "format.json"), text);
  const checkpoint = (change: (bytes: Buffer) => void) => async (data: string) => {
    const path = join(data, "journal/checkpoint");
    const bytes = await readFile(path);
    change(bytes);
    await writeFile(path, bytes);
  };
  const manifest = (change: (fields: object) => object) => async (data: string) => {
    const [path] = await pathsEndingWith(data, "topic.json");
    await writeFile(path!, writeCheckedJson(change(readCheckedJson(await readFile(path!, "utf8")) as object)));
  };
  const cases: readonly [string, (data: string) => Promise<unknown>][] = [
    ["without format.json beside topics", (data) => rm(join(data, "format.json"))],
    ["with an empty format.json", json("")],
    ["with a format.json that is not an object", json("7")],
    ["with a format.json of a future version", json('{"format":"aclog","version":3}')],
    ["with a format.json of something else", json('{"format":"other","version":1}')],
    ["without a checkpoint", (data) => rm(join(data, "journal/checkpoint"))],
    ["with an empty checkpoint", (data) => truncate(join(data, "journal/checkpoint"), 0)],
    ["with a cut checkpoint", (data) => truncate(join(data, "journal/checkpoint"), 60)],
    ["with a checkpoint of a future version", checkpoint((bytes) => bytes.writeUInt32LE(2, 8))],
    ["with a checkpoint that counts wrong", checkpoint((bytes) => bytes.writeUInt32LE(9, 40))],
    [
      "with a checkpoint of another topic",
      checkpoint((bytes) => {
        bytes[48]! ^= 1;
        bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
      }),
    ],
    ["without the journal", (data) => rm(join(data, "journal"), { recursive: true })],
    ["with a topic.json of a future version", manifest((fields) => ({ ...fields, version: 2 }))],
    ["with a topic.json that says what this aclog does not know", manifest((fields) => ({ ...fields, more: 1 }))],
    ["with a topic.json of another topic", manifest((fields) => ({ ...fields, topicId: "f".repeat(32) }))],
    ["with a topic.json of another tenant", manifest((fields) => ({ ...fields, tenant: "globex" }))],
    [
      "without a topic's directory",
      async (data) =>
        rm((await pathsEndingWith(data, "topic.json"))[0]!.replace("/topic.json", ""), { recursive: true }),
    ],
  ];
  for (const [what, damage] of cases) {
    test(what, async () => {
      await using directory = await temporaryDirectory();
      const data = join(directory.path, "data");
      {
        await using open = await openStore(data);
        await append(await open.store.open("acme", "orders"), "a", "b");
      }
      await mkdir(join(data, "tenants/acme/topics/unfinished.creating"));
      await damage(data);
      const before = await fingerprint(data);
      await expect(openStore(data)).rejects.toMatchObject({ name: /^(OperatorError|JournalDamaged)$/ as unknown });
      expect(await fingerprint(data)).toBe(before);
    });
  }

  const named: readonly [string, (data: string) => Promise<unknown>, RegExp][] = [
    [
      "without tenants, which it names as a loss",
      (data) => rm(join(data, "tenants"), { recursive: true }),
      /\/tenants is missing, although the checkpoint names 2 topics; nothing was changed$/,
    ],
    [
      "with a directory in the place of the lock, which it names",
      async (data) => {
        await rm(join(data, "lock"));
        await mkdir(join(data, "lock"));
      },
      /\/lock is a directory, and has to be a file; nothing was changed$/,
    ],
  ];
  for (const [what, damage, words] of named) {
    test(what, async () => {
      await using directory = await temporaryDirectory();
      {
        await using open = await openStore(directory.path);
        for (const topic of ["orders", "pays"]) await append(await open.store.open("acme", topic), "a");
      }
      await damage(directory.path);
      const before = await fingerprint(directory.path);
      const message = expect.stringMatching(words) as unknown;
      await expect(openStore(directory.path)).rejects.toMatchObject({ name: "OperatorError", message });
      expect(await fingerprint(directory.path)).toBe(before);
    });
  }

  test("with any bit of the checkpoint wrong", async () => {
    await using directory = await temporaryDirectory();
    {
      await using open = await openStore(directory.path);
      await append(await open.store.open("acme", "orders"), "a");
    }
    const path = join(directory.path, "journal/checkpoint");
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      await writeFile(path, flipped);
      const before = await fingerprint(directory.path);
      await expect(openStore(directory.path), `flipped at ${at}`).rejects.toMatchObject({ name: "OperatorError" });
      expect(await fingerprint(directory.path)).toBe(before);
    }
  });
});

describe("a segment below the checkpoint", () => {
  const options = { segmentBytes: 4096, openFiles: 8 };

  async function filled(path: string): Promise<Awaited<ReturnType<typeof readAll>>> {
    await using open = await openStore(path, options);
    const log = await open.store.open("acme", "orders");
    for (let n = 0; n < 40; n++) await append(log, `${n}`, "y".repeat((n * 31) % 500), `${n}!`);
    const other = await open.store.open("acme", "other");
    for (let n = 0; n < 40; n++) await append(other, `${n}`, "z".repeat((n * 31) % 500), `${n}?`);
    // Awaited here: the store closes on the way out.
    return await readAll(log);
  }

  async function segmentsOf(path: string, topicId: string): Promise<string[]> {
    return (await pathsEndingWith(path, ".log")).filter((name) => name.includes(topicId));
  }

  test("with any byte wrong gives what was written or says where it is damaged, never anything else", async () => {
    await using directory = await temporaryDirectory();
    const records = await filled(directory.path);
    await using open = await openStore(directory.path, options);
    const log = open.store.find("acme", "orders")!;
    const [first, second] = await segmentsOf(directory.path, log.topicId);
    const base = BigInt(first!.slice(-24, -4));
    const next = BigInt(second!.slice(-24, -4));
    const whole = await readFile(first!);
    let corrupt = 0;
    for (let at = 0; at < whole.length; at += at < 150 ? sparser : 17 * sparser) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      await writeFile(first!, flipped);
      let damaged = 0;
      for (let offset = base; offset < next; offset += 5n) {
        try {
          for (const [n, record] of (await readOnce(log, offset)).entries()) {
            expect(record).toEqual(records[Number(offset) + n]);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RecordCorrupt);
          expect((error as RecordCorrupt).location).toMatch(new RegExp(`^${first!}: byte \\d+: `));
          expect((error as RecordCorrupt).facts).toEqual({ topicId: log.topicId });
          damaged++;
        }
      }
      // Each byte is covered by some checksum, and someone who reads it is told.
      expect(
        (await log.read(base, { maxRecords: 1, maxBytes: 1 }).catch(() => undefined)) === undefined || at > 100,
      ).toBe(true);
      corrupt += Math.min(damaged, 1);
      expect((await readOnce(log, next))[0]).toEqual(records[Number(next)]);
    }
    expect(corrupt).toBeGreaterThan(100 / sparser);
    await writeFile(first!, whole);
    expect(await readAll(log)).toEqual(records);
    expect(open.failures).toEqual([]);
  });

  test("that is shorter, missing, or another topic's gives RECORD_CORRUPT, and the rest goes on", async () => {
    for (const damage of ["cut", "empty", "missing", "swapped"] as const) {
      await using directory = await temporaryDirectory();
      const records = await filled(directory.path);
      const open = await openStore(directory.path, options);
      const log = open.store.find("acme", "orders")!;
      const other = open.store.find("acme", "other")!;
      const [sealed] = await segmentsOf(directory.path, log.topicId);
      const [foreign] = await segmentsOf(directory.path, other.topicId);
      await open.store[Symbol.asyncDispose]();
      if (damage === "cut") await truncate(sealed!, 100);
      if (damage === "empty") await truncate(sealed!, 0);
      if (damage === "missing") await rm(sealed!);
      if (damage === "swapped") {
        await rename(sealed!, `${sealed!}.tmp`);
        await rename(foreign!, sealed!);
        await rename(`${sealed!}.tmp`, foreign!);
      }
      await using again = await openStore(directory.path, options);
      const reopened = again.store.find("acme", "orders")!;
      await expect(reopened.read(3n, everything), damage).rejects.toMatchObject({
        reason: "RECORD_CORRUPT",
        location: expect.stringContaining(sealed!) as unknown,
      });
      expect(await readOnce(reopened, 119n)).toEqual(records.slice(119));
      expect(await append(reopened, "next")).toBe(120n);
      if (damage !== "swapped") expect((await readAll(again.store.find("acme", "other")!)).length).toBe(120);
    }
  });

  test("that is shorter than its checkpoint says is reported at the start, and its topic alone refuses appends", async () => {
    await using directory = await temporaryDirectory();
    await filled(directory.path);
    const paths = await pathsEndingWith(directory.path, ".log");
    let topicId: string;
    {
      await using open = await openStore(directory.path, options);
      topicId = open.store.find("acme", "orders")!.topicId;
    }
    const active = paths.filter((path) => path.includes(topicId)).at(-1)!;
    await truncate(active, (await readFile(active)).length - 1);
    await using open = await openStore(directory.path, options);
    expect(open.report.damaged).toMatchObject([{ location: expect.stringContaining(active) as unknown }]);
    const log = open.store.find("acme", "orders")!;
    await expect(log.append(valuesBatch("x"), {})).rejects.toMatchObject({ reason: "RECORD_CORRUPT" });
    expect((await readOnce(log, 0n)).length).toBeGreaterThan(0);
    expect(await append(open.store.find("acme", "other")!, "x")).toBe(120n);
  });

  describe("in the place of another topic's", () => {
    const long = (n: number): string => `orders ${n} ${"o".repeat(300)}`;
    const short = (n: number): string => `pays ${n}`;
    const whole = { segmentBytes: 1024 * 1024 };

    async function fill(store: LogStore, from: number, to: number): Promise<void> {
      const orders = await store.open("acme", "orders");
      const pays = await store.open("acme", "pays");
      for (let n = from; n < to; n++) {
        await append(orders, long(n));
        await append(pays, short(n));
      }
    }

    /** A data directory with the first records of both below the checkpoint, and the rest of them above it. */
    async function written(directory: string, below: number, all: number): Promise<string> {
      const live = join(directory, "live");
      const data = join(directory, "data");
      {
        await using open = await openStore(live, whole);
        await fill(open.store, 0, below);
      }
      // No checkpoint comes with idleness meanwhile.
      vi.useFakeTimers({ toFake: ["setTimeout"] });
      await using open = await openStore(live, whole);
      await fill(open.store, below, all);
      await cp(live, data, { recursive: true });
      vi.useRealTimers();
      return data;
    }

    async function swap([one, other]: readonly string[]): Promise<void> {
      await rename(one!, `${one!}.swapped`);
      await rename(other!, one!);
      await rename(`${one!}.swapped`, other!);
    }

    for (const [state, below] of [
      ["clean stop", 40],
      ["kill", 20],
    ] as const) {
      test(`is left as it is by a start after a ${state}, and swapped back nothing is lost`, async () => {
        await using directory = await temporaryDirectory();
        const data = await written(directory.path, below, 40);
        const paths = await pathsEndingWith(data, ".log");
        await swap(paths);
        const before = await Promise.all(paths.map((path) => readFile(path)));
        // A start finds what the one before it has kept.
        for (let start = 0; start < 2; start++) {
          await using open = await openStore(data, whole);
          expect(open.report.cut).toEqual([]);
          expect(open.failedTopics).toEqual([]);
          expect(open.report.damaged.map(({ location }) => location.split(": byte ")[0]).sort()).toEqual(paths);
          for (const topic of ["orders", "pays"]) {
            const log = open.store.find("acme", topic)!;
            await expect(log.read(0n, everything)).rejects.toMatchObject({ reason: "RECORD_CORRUPT" });
            await expect(log.append(valuesBatch("x"), {})).rejects.toMatchObject({ reason: "RECORD_CORRUPT" });
          }
          await append(await open.store.open("acme", "other"), "goes on");
        }
        expect(await Promise.all(paths.map((path) => readFile(path)))).toEqual(before);
        await swap(paths);
        await using open = await openStore(data, whole);
        expect(open.report).toMatchObject({ cut: [], damaged: [] });
        const numbers = Array.from({ length: 40 }, (_none, n) => n);
        expect(await readValues(open.store.find("acme", "orders")!)).toEqual(numbers.map(long));
        expect(await readValues(open.store.find("acme", "pays")!)).toEqual(numbers.map(short));
        expect(await append(open.store.find("acme", "orders")!, "next")).toBe(40n);
      });
    }

    test("is left as it is also where only what is behind the topic's own records is another's", async () => {
      await using directory = await temporaryDirectory();
      const data = await written(directory.path, 40, 40);
      const [path, other] = (await pathsEndingWith(data, ".log")) as [string, string];
      const [own, theirs] = [await readFile(path), await readFile(other)];
      const joined = Buffer.concat([own, theirs]);
      await writeFile(path, joined);
      await using open = await openStore(data, whole);
      expect(open.report.cut).toEqual([]);
      expect(open.report.damaged).toMatchObject([
        { location: expect.stringContaining(`${path}: byte ${own.length}`) as unknown },
      ]);
      expect(await readFile(path)).toEqual(joined);
      for (const topic of ["orders", "pays"]) {
        expect((await readValues(open.store.find("acme", topic)!)).length).toBe(40);
      }
    });
  });
});

describe("an index", () => {
  const options = { segmentBytes: 1 << 20, journalFileBytes: 1 << 20, pendingBytes: 1 << 20 };

  async function filled(path: string): Promise<Buffer[]> {
    await using open = await openStore(path, options);
    const values = Array.from({ length: 120 }, (_, n) => Buffer.alloc(5000, `${n} `));
    for (const topic of ["orders", "other"]) {
      const log = await open.store.open("acme", topic);
      // Another first record, so that the same places hold other offsets.
      if (topic === "other") await append(log, ...values.slice(0, 9));
      for (const value of values) await append(log, value);
    }
    return values;
  }

  const header = 32;
  const entry = 24;
  /** An entry as it is written, with a checksum that is right. */
  const lie = (bytes: Buffer, n: number, change: (entry: Buffer) => void): Buffer => {
    const own = bytes.subarray(header + n * entry, header + (n + 1) * entry);
    change(own);
    own.writeUInt32LE(crc32(own.subarray(0, 20)), 20);
    return bytes;
  };
  const damages: readonly [string, (bytes: Buffer, other: Buffer) => Buffer | undefined][] = [
    ["is missing", () => undefined],
    ["is empty", () => Buffer.alloc(0)],
    ["has half a header", (bytes) => bytes.subarray(0, 16)],
    ["ends within an entry", (bytes) => bytes.subarray(0, header + entry + 7)],
    ["is all zeros", (bytes) => Buffer.alloc(bytes.length)],
    ["is another topic's", (_, other) => other],
    [
      "has the entries of another topic",
      (bytes, other) => Buffer.concat([bytes.subarray(0, header), other.subarray(header)]),
    ],
    ["says a wrong place", (bytes) => lie(bytes, 2, (own) => own.writeUInt32LE(own.readUInt32LE(8) + 64, 8))],
    ["says a wrong offset", (bytes) => lie(bytes, 3, (own) => own.writeBigUInt64LE(own.readBigUInt64LE(0) - 1n, 0))],
    ["says a wrong time", (bytes) => lie(bytes, 4, (own) => own.writeBigUInt64LE(1n, 12))],
    [
      "says wrong places only",
      (bytes) => {
        for (let n = 0; header + (n + 1) * entry <= bytes.length; n++) {
          lie(bytes, n, (own) => own.writeUInt32LE(own.readUInt32LE(8) + 1, 8));
        }
        return bytes;
      },
    ],
    ...Array.from({ length: 24 }, (_, n): [string, (bytes: Buffer) => Buffer] => [
      `has byte ${n * 9} wrong`,
      (bytes) => {
        bytes[n * 9]! ^= 0x10;
        return bytes;
      },
    ]),
  ];

  test("that is lost, damaged, foreign or wrong changes nothing that is read", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const values = await filled(data);
    const copy = join(directory.path, "copy");
    for (const [what, damage] of damages) {
      await fresh(data, copy);
      const indexes = await pathsEndingWith(copy, ".index");
      expect(indexes).toHaveLength(2);
      await using open = await openStore(copy, options);
      const log = open.store.find("acme", "orders")!;
      const path = indexes.find((name) => name.includes(log.topicId))!;
      const other = await readFile(indexes.find((name) => !name.includes(log.topicId))!);
      const bytes = await readFile(path);
      expect((bytes.length - header) / entry).toBeGreaterThan((120 * 5000) / indexIntervalBytes - 3);
      const damaged = damage(bytes, other);
      if (damaged === undefined) await rm(path);
      else await writeFile(path, damaged);
      for (let round = 0; round < 2; round++) {
        for (const offset of [119, 60, 1, 0, 118, 45, 90, 30, 13, 14, 15, 75, 100]) {
          const frames = await log.read(BigInt(offset), { maxRecords: 1, maxBytes: 1 });
          const [record] = consumeResponseType.deserialize(Buffer.concat(frames.parts)).records;
          expect(record!.value.equals(values[offset]!), `offset ${offset} when the index ${what}`).toBe(true);
          const first = await log.offsetAt(record!.timestampMs);
          expect(first <= BigInt(offset), `the time of ${offset} when the index ${what}`).toBe(true);
          const [atFirst] = await readOnce(log, first, { maxRecords: 1, maxBytes: 1 });
          expect(atFirst!.timestampMs).toBe(record!.timestampMs);
        }
        // And again once it had to write what it found.
        if (round === 0) await append(log, "next");
      }
    }
  });
});
