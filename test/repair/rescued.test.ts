import { existsSync } from "node:fs";
import { readFile, readdir, rm, truncate } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readCheckpoint, writeCheckpoint } from "../../src/log/checkpoint.js";
import { dumpFile, repair, verify } from "../../src/repair/index.js";
import type { DiskModel } from "../support/disk-model.js";
import { type TemporaryDirectory, append, fingerprint, openStore, temporaryDirectory } from "../support/log-harness.js";
import { type Rescued, copyOf, makeRescued, rescuedOptions, rescuedTopics } from "../support/rescued-store.js";
import { directoryIn, flip, readable } from "./directory.js";

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});
const model = disk.model!;
let unwatch: () => void = () => undefined;
let place: TemporaryDirectory;
let made: Rescued;
beforeAll(async () => {
  unwatch = model.watchDirectWrites();
  place = await temporaryDirectory();
  made = await makeRescued(model, place.path);
});
afterAll(async () => {
  unwatch();
  await place[Symbol.asyncDispose]();
});

const checkpointOf = (data: string): string => join(data, "journal", "checkpoint");

/** The first group above the checkpoint. */
async function groupAbove(data: string): Promise<{ readonly path: string; readonly position: number }> {
  const { place } = await readCheckpoint(join(data, "journal"));
  return { path: join(data, "journal", `${place.file.toString().padStart(20, "0")}.wal`), position: place.position };
}

async function partsOf(path: string): Promise<readonly { readonly position: number; readonly bytes: number }[]> {
  const parts = [];
  for await (const part of dumpFile(path)) if (part.type === "commit") parts.push(part);
  return parts;
}

interface Damage {
  readonly what: string;
  readonly damage: (rescued: Rescued) => Promise<unknown>;
  /** The file of a finding, and its byte. */
  readonly finds: (rescued: Rescued) => Promise<readonly [RegExp, number | undefined]>;
  /** How many records nobody can bring back; of `acme/bills` at most, since its segments may have what the journal has. */
  readonly loses: (rescued: Rescued) => { readonly orders: number; readonly bills: number };
}

const nothing = (): { orders: number; bills: number } => ({ orders: 0, bills: 0 });
const third = async ({ rescue }: Rescued): Promise<number> => (await partsOf(rescue))[2]!.position;
const inRescue = /journal\/rescue-[0-9a-f]{32}$/;

const damages: readonly Damage[] = [
  {
    what: "the checkpoint is missing",
    damage: ({ data }) => rm(checkpointOf(data)),
    finds: async () => [/journal\/checkpoint$/, undefined],
    loses: nothing,
  },
  {
    what: "the checkpoint is damaged",
    damage: ({ data }) => flip(checkpointOf(data), 30),
    finds: async () => [/journal\/checkpoint$/, undefined],
    loses: nothing,
  },
  {
    what: "a group of the journal is damaged",
    damage: async ({ data }) => {
      const { path, position } = await groupAbove(data);
      await flip(path, position + 64 + 32 + 90);
    },
    finds: async ({ data }) => [/\.wal$/, (await groupAbove(data)).position],
    loses: () => ({ orders: 0, bills: 5 }),
  },
  {
    what: "a commit of the rescue file is damaged",
    damage: async (rescued) => flip(rescued.rescue, (await third(rescued)) + 100),
    finds: async (rescued) => [inRescue, (await third(rescued)) - 32],
    loses: () => ({ orders: 5, bills: 0 }),
  },
  {
    what: "the length of an entry of the rescue file is damaged",
    damage: async (rescued) => flip(rescued.rescue, (await third(rescued)) - 3),
    finds: async (rescued) => [inRescue, (await third(rescued)) - 32],
    loses: () => ({ orders: 5, bills: 0 }),
  },
  {
    what: "the header of the rescue file is damaged",
    damage: ({ rescue }) => flip(rescue, 33),
    finds: async () => [inRescue, 0],
    loses: nothing,
  },
  {
    what: "the rescue file ends too early",
    damage: async ({ rescue }) => truncate(rescue, (await readFile(rescue)).length - 1),
    finds: async ({ rescue }) => [inRescue, (await readFile(rescue)).length - 1],
    loses: () => ({ orders: 5, bills: 0 }),
  },
  {
    what: "the rescue file is missing",
    damage: ({ rescue }) => rm(rescue),
    finds: async () => [inRescue, 0],
    loses: ({ records, from }) => ({ orders: records.orders.size - Number(from), bills: 0 }),
  },
];

test.each(damages)("where $what, a repair brings home what is rescued", async ({ damage, finds, loses }) => {
  await using directory = await temporaryDirectory();
  const rescued = await copyOf(made, join(directory.path, "data"));
  const { data, records, rescue } = rescued;
  expect(await verify(data)).toMatchObject({ ok: true });
  const [path, position] = await finds(rescued);
  await damage(rescued);
  await expect(openStore(data, rescuedOptions)).rejects.toMatchObject({ message: expect.any(String) as string });

  const damaged = await fingerprint(data);
  const wasThere = existsSync(rescue);
  const { findings } = await verify(data);
  const found = findings.filter(({ severity }) => severity === "damage");
  expect(found.map((finding) => [path.test(finding.path), finding.position])).toContainEqual([true, position]);
  const planned = await repair(data, { yes: false });
  expect(await fingerprint(data)).toBe(damaged);
  const done = await repair(data, { yes: true });
  expect(done).toMatchObject({ isDone: true, losses: planned.losses });
  expect(await verify(data)).toMatchObject({ ok: true, findings: [] });
  expect((await readdir(join(data, "journal"))).filter((name) => name.startsWith("rescue-"))).toEqual([]);
  if (wasThere) expect(await readdir(join(data, done.keptIn!, "journal"))).toContain(basename(rescue));

  await using open = await openStore(data, rescuedOptions);
  expect(open.report).toMatchObject({ damaged: [], failed: [] });
  for (const topic of rescuedTopics) {
    const log = open.store.find("acme", topic)!;
    const left = await readable(log);
    for (const [offset, value] of left) expect(value).toBe(records[topic].get(offset));
    const lost = records[topic].size - left.size;
    if (topic === "orders") expect(lost).toBe(loses(rescued).orders);
    else expect(lost).toBeLessThanOrEqual(loses(rescued).bills);
    const told = done.losses.filter((each) => each.topic.topic === topic);
    expect(told.reduce((sum, { loss }) => sum + Number(loss.to - loss.from), 0)).toBe(lost);
    expect(await append(log, "it goes on")).toBe(BigInt(records[topic].size));
  }
});

test("a repair that leaves the journal as it is leaves the rescue file and the checkpoint too", async () => {
  await using directory = await temporaryDirectory();
  const { data, rescue, records } = await copyOf(made, join(directory.path, "data"));
  await flip(join(await directoryIn(data, "bills"), "00000000000000000000.log"), 200);
  const before = await Promise.all([rescue, checkpointOf(data)].map((path) => readFile(path)));
  const done = await repair(data, { yes: true });
  expect(done.losses).toHaveLength(1);
  expect(await Promise.all([rescue, checkpointOf(data)].map((path) => readFile(path)))).toEqual(before);
  await using open = await openStore(data, rescuedOptions);
  expect(await readable(open.store.find("acme", "orders")!)).toEqual(records.orders);
});

test("a rescue file that the checkpoint does not speak of is a note, and its commits are dumped like a segment's", async () => {
  await using directory = await temporaryDirectory();
  const { data, rescue, records, from, topicId } = await copyOf(made, join(directory.path, "data"));
  const dumped = [];
  for await (const part of dumpFile(rescue)) dumped.push(part);
  const next = BigInt(records.orders.size);
  expect(dumped.length).toBeGreaterThan(3);
  expect(dumped[0]).toMatchObject({ type: "rescue", topicId, next, commits: dumped.length - 1, isIntact: true });
  expect(dumped.at(1)).toMatchObject({ type: "commit", header: { base: from }, isIntact: true });
  expect(dumped.at(-1)).toMatchObject({ type: "commit", header: { last: next - 1n }, isIntact: true });
  const journal = join(data, "journal");
  const { rescues, ...checkpoint } = await readCheckpoint(journal);
  expect(rescues.size).toBe(1);
  await writeCheckpoint(journal, { ...checkpoint, rescues: new Map() });
  const { findings } = await verify(data);
  expect(findings.filter(({ path }) => path === join("journal", `rescue-${topicId}`))).toMatchObject([
    { kind: "LEFTOVER", severity: "note" },
  ]);
});

test("a topic without a directory of which there is a rescue file alone keeps the server from starting", async () => {
  await using directory = await temporaryDirectory();
  const { data, topicId } = await copyOf(made, join(directory.path, "data"));
  const journal = join(data, "journal");
  const { ends, ...checkpoint } = await readCheckpoint(journal);
  // As for a topic that failed before its first checkpoint.
  await writeCheckpoint(journal, { ...checkpoint, ends: new Map([...ends].filter(([id]) => id !== topicId)) });
  await rm(await directoryIn(data, "orders"), { recursive: true });
  await expect(openStore(data, rescuedOptions)).rejects.toThrow(`the directory of topic ${topicId} is missing`);
  const { findings } = await verify(data);
  expect(findings).toMatchObject([
    { kind: "TOPIC_DIRECTORY", severity: "damage", found: `no directory of topic ${topicId}` },
  ]);
  expect((await repair(data, { yes: false })).steps.map(({ does }) => does).join()).toContain(
    `topic ${topicId}, which`,
  );
});
