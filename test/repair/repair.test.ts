import { readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { reindex, repair, verify } from "../../src/repair/index.js";
import { append, everything, filesIn, fingerprint, openStore, temporaryDirectory } from "../support/log-harness.js";
import { type Place, directoryIn, flip, makePlace, readable } from "./directory.js";

interface Damage {
  readonly what: string;
  readonly how: "stopped" | "killed";
  readonly damage: (data: string) => Promise<unknown>;
  /** The finding: its file, and its byte. */
  readonly finds: readonly [RegExp, number | undefined];
  /** How many records of `acme/orders` nobody can bring back, at most. */
  readonly loses: number;
  /** How many of `acme/small`. */
  readonly losesSmall?: number;
  readonly names?: (data: string) => Promise<ReadonlyMap<string, string>>;
  /** Topics that are not there any more. */
  readonly gone?: readonly string[];
}

const orders = (data: string): Promise<string> => directoryIn(data, "orders");

async function segments(data: string): Promise<string[]> {
  const directory = await orders(data);
  return (await readdir(directory))
    .filter((name) => name.endsWith(".log"))
    .map((name) => join(directory, name))
    .sort();
}

async function first(data: string): Promise<string> {
  return (await segments(data))[0]!;
}

async function last(data: string): Promise<string> {
  return (await segments(data)).at(-1)!;
}

async function wal(data: string): Promise<string> {
  const journal = join(data, "journal");
  return join(journal, (await readdir(journal)).filter((name) => name.endsWith(".wal")).sort()[0]!);
}

const checkpoint = (data: string): string => join(data, "journal", "checkpoint");

const damages: readonly Damage[] = [
  {
    what: "a value in the middle of a sealed segment",
    how: "stopped",
    damage: async (data) => flip(await first(data), 7000),
    finds: [/orders.*00000\.log|tenants.*00000000000000000000\.log/, undefined],
    loses: 5,
  },
  {
    what: "the header of a commit in a sealed segment",
    how: "stopped",
    damage: async (data) => flip(await first(data), 1),
    finds: [/00000000000000000000\.log/, 0],
    loses: 5,
  },
  {
    what: "a sealed segment that is missing",
    how: "stopped",
    damage: async (data) => rm(await first(data)),
    finds: [/00000000000000000000\.log/, 0],
    loses: 60,
  },
  {
    what: "a sealed segment that is too short",
    how: "stopped",
    damage: async (data) => truncate(await first(data), 5000),
    finds: [/00000000000000000000\.log/, undefined],
    loses: 60,
  },
  {
    what: "zeros in the middle of a segment",
    how: "stopped",
    damage: async (data) => {
      const path = await first(data);
      const bytes = await readFile(path);
      await writeFile(path, bytes.fill(0, 3000, 7096));
    },
    finds: [/00000000000000000000\.log/, undefined],
    loses: 25,
  },
  {
    what: "the active segment shorter than the checkpoint says",
    how: "stopped",
    damage: async (data) => truncate(await last(data), 100),
    finds: [/\.log$/, undefined],
    loses: 60,
  },
  {
    what: "the active segment missing, with records in the journal behind it",
    how: "killed",
    damage: async (data) => rm(await last(data)),
    finds: [/\.log$/, 0],
    loses: 60,
  },
  {
    what: "a missing checkpoint",
    how: "killed",
    damage: (data) => rm(checkpoint(data)),
    finds: [/journal\/checkpoint$/, undefined],
    loses: 0,
  },
  {
    what: "a damaged checkpoint",
    how: "stopped",
    damage: (data) => flip(checkpoint(data), 20),
    finds: [/journal\/checkpoint$/, undefined],
    loses: 0,
  },
  {
    what: "a group above the checkpoint of which the contents are damaged",
    how: "killed",
    damage: async (data) => flip(await wal(data), 4096 + 64 + 32 + 80),
    finds: [/\.wal$/, 4096],
    loses: 5,
  },
  {
    what: "a group above the checkpoint of which the header is damaged",
    how: "killed",
    damage: async (data) => flip(await wal(data), 4096 + 10),
    finds: [/\.wal$/, 4096],
    loses: 5,
  },
  {
    what: "the header of a journal file",
    how: "killed",
    damage: async (data) => flip(await wal(data), 20),
    finds: [/\.wal$/, 0],
    loses: 0,
  },
  {
    what: "a journal file that is missing",
    how: "killed",
    damage: async (data) => rm(await wal(data)),
    finds: [/\.wal$/, 0],
    loses: 20,
    losesSmall: 20,
  },
  {
    what: "a topic.json that is damaged",
    how: "killed",
    damage: async (data) => flip(join(await orders(data), "topic.json"), 0),
    finds: [/topic\.json$/, undefined],
    loses: 0,
  },
  {
    what: "a topic.json that is missing, whose name is said",
    how: "killed",
    damage: async (data) => rm(join(await orders(data), "topic.json")),
    finds: [/topic\.json$/, undefined],
    loses: 0,
  },
  {
    what: "the directory of a topic that is missing",
    how: "killed",
    damage: async (data) => rm(await directoryIn(data, "small"), { recursive: true }),
    finds: [/tenants/, undefined],
    loses: 0,
    gone: ["small"],
  },
  {
    what: "format.json that is damaged",
    how: "killed",
    damage: (data) => flip(join(data, "format.json"), 0),
    finds: [/format\.json/, undefined],
    loses: 0,
  },
  {
    what: "clock.json that is damaged",
    how: "killed",
    damage: (data) => flip(join(data, "clock.json"), 0),
    finds: [/clock\.json/, undefined],
    loses: 0,
  },
];

const places = new Map<string, Place>();

async function placeOf(how: "stopped" | "killed"): Promise<Place> {
  const known = places.get(how);
  if (known !== undefined) return known;
  const place = await makePlace(how);
  places.set(how, place);
  return place;
}

for (const { what, how, damage, finds, loses, losesSmall = 0, gone = [] } of damages) {
  test(`${what}: found, told, mended, and served`, async () => {
    const place = await placeOf(how);
    const data = await place.copy();
    const ids = await Promise.all(
      ["orders", "small"].map(async (name) => [name, await directoryIn(data, name)] as const),
    );
    await damage(data);
    const before = await fingerprint(data);

    const found = await verify(data);
    expect(found.ok).toBe(false);
    const damaged = found.findings.filter(({ severity }) => severity === "damage");
    expect(
      damaged.some(({ path, position }) => finds[0].test(path) && (finds[1] === undefined || position === finds[1])),
      JSON.stringify(damaged, (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)),
    ).toBe(true);

    const names = new Map(ids.map(([name, directory]) => [directory.slice(-32), name]));
    const told = await repair(data, { yes: false, names });
    expect([told.isNeeded, told.isDone]).toEqual([true, false]);
    expect(await fingerprint(data), "nothing is changed without --yes").toBe(before);

    const done = await repair(data, { yes: true, names });
    expect(done.isDone).toBe(true);
    const after = await verify(data);
    expect(after.findings.filter(({ severity }) => severity !== "note" && severity !== "warning")).toEqual([]);
    expect((await repair(data, { yes: true, names })).isNeeded).toBe(false);
    for (const [name, most] of [
      ["orders", loses],
      ["small", losesSmall],
    ] as const) {
      await using open = await openStore(data);
      const log = open.store.find("acme", name);
      expect(log === undefined).toBe(gone.includes(name));
      if (log === undefined) continue;
      const stored = place.stored[name]!;
      const served = await readable(log);
      const lost = new Set<bigint>();
      for (const { topic, loss } of done.losses) {
        if (topic.topic !== name) continue;
        for (let offset = loss.from; offset < loss.to; offset++) lost.add(offset);
      }
      for (const [offset, value] of stored.entries()) {
        if (served.get(BigInt(offset)) === value) continue;
        expect(served.has(BigInt(offset)), `offset ${offset}`).toBe(false);
        // Of a journal file that is missing nobody can tell which offsets it had.
        if (!what.includes("journal file that is missing"))
          expect(lost.has(BigInt(offset)), `${name}: offset ${offset} is told as lost`).toBe(true);
      }
      expect(stored.length - served.size).toBeLessThanOrEqual(most);
      const next = await append(log, "behind");
      expect(next).toBeGreaterThanOrEqual(BigInt(served.size));
      expect(served.has(next)).toBe(false);
    }
    const kept = (await filesIn(join(data, done.keptIn!))).length;
    expect(kept).toBeGreaterThan(0);
  });
}

test("whoever has read all that a repair left waits for the next record, which gets an offset that was never given", async () => {
  await using place = await makePlace("stopped");
  const { data, stored } = place;
  const count = BigInt(stored["small"]!.length);
  const path = join(await place.directoryOf("small"), "00000000000000000000.log");
  await truncate(path, (await stat(path)).size - 1);
  const { losses } = await repair(data, { yes: true });
  expect(losses.map(({ loss }) => [loss.from, loss.to])).toEqual([[count - 5n, count]]);
  await using open = await openStore(data);
  const log = open.store.find("acme", "small")!;
  expect(log.range()).toEqual({ base: 0n, next: count });
  const gap = await log.read(count - 5n, everything);
  expect([gap.count, gap.next]).toEqual([0, count]);
  expect(await append(log, "behind")).toBe(count);
  const frames = await log.read(count - 5n, everything);
  expect([frames.offset, frames.count, frames.next]).toEqual([count, 1, count + 1n]);
});

test("a directory that a server has is neither mended nor indexed", async () => {
  await using place = await makePlace("stopped");
  await using open = await openStore(place.data);
  expect(open.store.isFull).toBe(false);
  const refused = /is in use by another process/;
  await expect(repair(place.data, { yes: false })).rejects.toThrow(refused);
  await expect(repair(place.data, { yes: true })).rejects.toThrow(refused);
  await expect(reindex(place.data)).rejects.toThrow(refused);
});

test("a name that nobody can read has to be said, and nothing is changed before", async () => {
  await using place = await makePlace("stopped");
  const id = (await place.directoryOf("small")).slice(-32);
  await rm(join(await place.directoryOf("small"), "topic.json"));
  const before = await fingerprint(place.data);
  const { questions } = await repair(place.data, { yes: false });
  expect(questions).toEqual([expect.stringContaining(`--name ${id}=NAME`)]);
  await expect(repair(place.data, { yes: true })).rejects.toThrow(`--name ${id}=NAME`);
  expect(await fingerprint(place.data)).toBe(before);
  await repair(place.data, { yes: true, names: new Map([[id, "renamed"]]) });
  await using open = await openStore(place.data);
  const served = await readable(open.store.find("acme", "renamed")!);
  expect([...served.values()]).toEqual(place.stored["small"]);
});

test("a directory of a later version is not touched", async () => {
  await using place = await makePlace("stopped");
  await writeFile(join(place.data, "format.json"), '{"format":"aclog","version":99}');
  const before = await fingerprint(place.data);
  await expect(verify(place.data)).rejects.toThrow(/99/);
  await expect(repair(place.data, { yes: true })).rejects.toThrow(/99/);
  await expect(reindex(place.data)).rejects.toThrow(/99/);
  expect(await fingerprint(place.data)).toBe(before);
});

test("indexes are written anew as they were", async () => {
  await using directory = await temporaryDirectory();
  {
    await using open = await openStore(directory.path, { segmentBytes: 512 * 1024, pendingBytes: 512 * 1024 });
    const log = await open.store.open("acme", "orders");
    for (let n = 0; n < 20; n++) await append(log, "v".repeat(40_000));
  }
  const paths = (await filesIn(directory.path)).filter((path) => path.endsWith(".index"));
  expect(paths.length).toBeGreaterThan(0);
  const before = await fingerprint(directory.path);
  const path = join(directory.path, paths[0]!);
  await flip(path, 40);
  const bytes = await readFile(path);
  // An entry that is whole, and wrong.
  bytes.writeUInt32LE(12345, 32 + 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(32, 52)), 52);
  await writeFile(path, bytes);
  const { ok, findings } = await verify(directory.path);
  expect([ok, findings.map(({ kind, severity, path: file }) => [kind, severity, file])]).toEqual([
    true,
    [["INDEX", "warning", paths[0]]],
  ]);
  const { written } = await reindex(directory.path);
  expect([...written].sort()).toEqual(paths);
  expect(await fingerprint(directory.path)).toBe(before);
});
