import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { OperatorError } from "../../src/errors.js";
import { inParallel } from "../../src/log/in-parallel.js";
import { blockBytes, decodeFileHeader, decodeGroupHeader, nextBlock } from "../../src/log/journal-format.js";
import { readManifestSync } from "../../src/log/manifest.js";
import { type Contents, type Outcome, outcomeOf, treeOf } from "../support/damaged-store.js";
import { append, openStore, readValues } from "../support/log-harness.js";
import { Random } from "../support/random.js";

/** `make damage`: every bit, every pair of files and tails from every byte on; otherwise some of each. */
const isLong = process.env["ACLOG_DAMAGE"] === "all";

type Tree = Map<string, Buffer | undefined>;

const options = { segmentBytes: 400, journalFileBytes: 32 * 1024, pendingBytes: 1024 * 1024 };
const own = ["acme/orders", "acme/other", "globex/orders"] as const;

/** What a kill leaves: groups above the checkpoint in one journal file, and older versions of every file. */
const crashed = { tree: new Map() as Tree, contents: new Map() as Contents };
/** What a clean stop leaves. */
const stopped = { tree: new Map() as Tree, contents: new Map() as Contents };
/** Files as they were before. */
const older: Tree[] = [];

beforeAll(async () => {
  const path = join(tmpdir(), `aclog-damage-${process.pid}`);
  await mkdir(path);
  const fill = async (store: Awaited<ReturnType<typeof openStore>>["store"], rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      for (const name of own) {
        const [tenant, topic] = name.split("/") as [string, string];
        const log = await store.open(tenant, topic);
        await append(log, `${name} ${log.range().next}`, `${name} ${log.range().next + 1n}`);
      }
    }
  };
  const contentsOf = async (store: Awaited<ReturnType<typeof openStore>>["store"]): Promise<Contents> => {
    const contents = new Map<string, string[]>();
    for (const name of own) {
      const [tenant, topic] = name.split("/") as [string, string];
      contents.set(name, await readValues(store.find(tenant, topic)!));
    }
    return contents;
  };
  for (const rounds of [1, 4, 3]) {
    {
      await using open = await openStore(path, options);
      await fill(open.store, rounds);
      stopped.contents = await contentsOf(open.store);
    }
    older.push(treeOf(path));
  }
  stopped.tree = older.pop()!;
  // No checkpoint comes with idleness meanwhile.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  await using open = await openStore(path, options);
  await fill(open.store, 1);
  crashed.contents = await contentsOf(open.store);
  crashed.tree = treeOf(path);
  vi.useRealTimers();
  await rm(path, { recursive: true });
});

afterEach(() => {
  vi.useRealTimers();
});

const some = new Random(7);
const randomBytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => some.below(256)));

/** What can become of one file. */
const contentsDamages: readonly (readonly [string, (bytes: Buffer) => Buffer | undefined])[] = [
  ["missing", () => undefined],
  ["empty", () => Buffer.alloc(0)],
  ["half as long", (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ["a byte short", (bytes) => bytes.subarray(0, -1)],
  ["a byte longer", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
  ["twice behind itself", (bytes) => Buffer.concat([bytes, bytes])],
  ["zeros", (bytes) => Buffer.alloc(bytes.length)],
  ["ones", (bytes) => Buffer.alloc(bytes.length, 0xff)],
  ["random", (bytes) => randomBytes(bytes.length)],
  ["backwards", (bytes) => Buffer.from(bytes).reverse()],
  ["shifted", (bytes) => Buffer.concat([bytes.subarray(16), bytes.subarray(0, 16)])],
  [
    "with its halves changed over",
    (bytes) => Buffer.concat([bytes.subarray(bytes.length >> 1), bytes.subarray(0, bytes.length >> 1)]),
  ],
];

/** What cannot be said by bytes alone; root reads what it may not. */
const nodeDamages: readonly (readonly [string, (path: string) => void])[] = [
  ["a directory", (path) => mkdirSync(path)],
  ["a link to nothing", (path) => symlinkSync(`${path}.nowhere`, path)],
  ["a link to itself", (path) => symlinkSync(path, path)],
  ["a link to where it is now", (path) => symlinkSync(`${path}.moved`, path)],
];

const strays = [
  "stray",
  "x.log",
  "00000000000000000007.log",
  "00000000000000000007.wal",
  "\u00ff\u0001 \u202e",
  "a\nb",
  "-rf",
  ".tmp",
];

function filesOf(tree: Tree): string[] {
  return [...tree].filter(([path, bytes]) => bytes !== undefined && path !== "lock").map(([path]) => path);
}

function changed(tree: Tree, changes: readonly (readonly [string, Buffer | undefined])[]): Tree {
  const copy = new Map(tree);
  for (const [path, bytes] of changes) {
    if (bytes === undefined) copy.delete(path);
    else copy.set(path, bytes);
  }
  return copy;
}

/** Which topic's directory a file is in, by name of the topic; undefined for others. */
function topicOf(tree: Tree, path: string): string | undefined {
  const match = /^tenants\/([^/]+)\/topics\/([0-9a-f]{32})/.exec(path);
  if (match === null) return undefined;
  const manifest = JSON.parse(tree.get(`${match[0]}/topic.json`)!.toString()) as { topic: string };
  return `${match[1]}/${manifest.topic}`;
}

/**
 * The window that docs/format.md speaks of: nothing vouches for the groups of the last journal file that nothing came after,
 * so that an empty one in its place cannot be told from one that nothing was written to.
 */
function isWindow(tree: Tree, path: string, other: string): boolean {
  const last = filesOf(tree)
    .filter((name) => name.endsWith(".wal"))
    .at(-1);
  return (
    tree === crashed.tree && [path, other].includes(last!) && [path, other].some((name) => name.includes("spare-"))
  );
}

/** @returns what is wrong about an outcome, if anything */
async function problemOf(
  what: string,
  base: { readonly tree: Tree; readonly contents: Contents },
  state: Tree,
  touched: readonly string[],
  damage?: (directory: string) => void,
): Promise<string | undefined> {
  let outcome: Outcome;
  try {
    outcome = await outcomeOf(state, base.contents, options, damage);
  } catch (error) {
    const { message, cause } = error as Error;
    return `${what}: ${message}${cause instanceof Error ? ` (${cause.message})` : ""}`;
  }
  if (outcome.kind === "loss") {
    const concerned = new Set(touched.map((path) => topicOf(base.tree, path)));
    const others = outcome.topics.filter((topic) => !concerned.has(topic));
    if (others.length > 0) return `${what}: ${others.join()} is lost too`;
  }
  if (outcome.kind === "cut") return `${what}: ${outcome.records} records cut at ${outcome.where}`;
  return undefined;
}

for (const [state, base] of [
  ["stopped", stopped],
  ["crashed", crashed],
] as const) {
  describe(`of a store that was ${state},`, () => {
    test("any file that is missing, empty, short, long or something else is found out, and nothing else is touched", async () => {
      const problems: (string | undefined)[] = [];
      for (const path of filesOf(base.tree)) {
        const bytes = base.tree.get(path)!;
        for (const [what, change] of contentsDamages) {
          problems.push(await problemOf(`${path} ${what}`, base, changed(base.tree, [[path, change(bytes)]]), [path]));
        }
        for (const [what, make] of nodeDamages) {
          const replace = (data: string): void => {
            renameSync(join(data, path), join(data, `${path}.moved`));
            make(join(data, path));
          };
          problems.push(await problemOf(`${path} ${what}`, base, base.tree, [path], replace));
        }
        const hide = (data: string): void => chmodSync(join(data, path), 0);
        problems.push(await problemOf(`${path} unreadable`, base, base.tree, [path], hide));
      }
      expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    });

    test("any file in the place of another, or of a later one, is found out", async () => {
      const problems: (string | undefined)[] = [];
      const files = filesOf(base.tree);
      for (const path of files) {
        const bytes = base.tree.get(path)!;
        for (const [age, tree] of older.entries()) {
          const before = tree.get(path);
          if (before === undefined) continue;
          problems.push(
            await problemOf(`${path} as it was ${age}`, base, changed(base.tree, [[path, before]]), [path]),
          );
        }
        for (const other of files) {
          if (other === path || isWindow(base.tree, path, other) || !(isLong || some.below(3) === 0)) continue;
          const theirs = base.tree.get(other)!;
          const copied = changed(base.tree, [[path, theirs]]);
          problems.push(await problemOf(`${path} is a copy of ${other}`, base, copied, [path]));
          if (other < path) continue;
          const swapped = changed(base.tree, [
            [path, theirs],
            [other, bytes],
          ]);
          problems.push(await problemOf(`${path} and ${other} are swapped`, base, swapped, [path, other]));
        }
      }
      expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    });

    test("what lies about in any of its directories is in nobody's way", async () => {
      const problems: (string | undefined)[] = [];
      const directories = ["", ...[...base.tree].filter(([, bytes]) => bytes === undefined).map(([path]) => path)];
      for (const directory of directories) {
        for (const name of strays) {
          const path = join(directory, name);
          problems.push(
            await problemOf(`${path} lies there`, base, changed(base.tree, [[path, randomBytes(100)]]), []),
          );
          const make = (data: string): void => mkdirSync(join(data, path));
          problems.push(await problemOf(`${path} lies there, a directory`, base, base.tree, [], make));
        }
      }
      expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    });
  });
}

const bits = isLong ? [0, 1, 2, 3, 4, 5, 6, 7] : undefined;

function flipsOf(bytes: Buffer, from: number, end: number): { readonly at: number; readonly flipped: Buffer }[] {
  const flips: { at: number; flipped: Buffer }[] = [];
  for (let at = from; at < end; at += isLong ? 1 : 3) {
    for (const bit of bits ?? [some.below(8)]) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << bit;
      flips.push({ at, flipped });
    }
  }
  return flips;
}

interface JournalFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly groups: readonly { readonly start: number; readonly end: number }[];
}

function lastJournalFile(tree: Tree): JournalFile {
  const path = filesOf(tree)
    .filter((name) => name.endsWith(".wal"))
    .at(-1)!;
  const bytes = tree.get(path)!;
  const { nonce } = decodeFileHeader(bytes)!;
  const groups: { start: number; end: number }[] = [];
  for (let start = blockBytes; ;) {
    const header = decodeGroupHeader(bytes, start, nonce);
    if (header === undefined) return { path, bytes, groups };
    groups.push({ start, end: start + 64 + header.payloadBytes });
    start = nextBlock(groups.at(-1)!.end);
  }
}

describe("a bit that is wrong", () => {
  test("in the journal refuses the start, unless it is in the last group: that alone is cut, and reported", async () => {
    const { path, bytes, groups } = lastJournalFile(crashed.tree);
    expect(groups).toHaveLength(3);
    const last = groups.at(-1)!;
    const counts = { refused: 0, cut: 0 };
    const places = [{ start: 0, end: 36 }, ...groups].flatMap(({ start, end }) => flipsOf(bytes, start, end));
    await inParallel(places, 6, async ({ at, flipped }) => {
      const outcome = await outcomeOf(changed(crashed.tree, [[path, flipped]]), crashed.contents, options);
      const expected = at >= last.start ? "cut" : "refused";
      expect(outcome, `byte ${at}`).toMatchObject({ kind: expected });
      if (outcome.kind === "cut") expect(outcome.records).toBe(2);
      counts[expected]++;
    });
    expect(counts.refused).toBeGreaterThan(isLong ? 300 : 100);
    expect(counts.cut).toBeGreaterThan(isLong ? 100 : 33);
  }, 600_000);

  test("in a segment is DATA_LOSS for its topic, and says where", async () => {
    const path = filesOf(stopped.tree).find((name) => name.endsWith("00000000000000000000.log"))!;
    const bytes = stopped.tree.get(path)!;
    await inParallel(flipsOf(bytes, 0, bytes.length), 6, async ({ at, flipped }) => {
      const outcome = await outcomeOf(changed(stopped.tree, [[path, flipped]]), stopped.contents, options);
      expect(outcome, `byte ${at}`).toMatchObject({ kind: "loss", topics: [topicOf(stopped.tree, path)] });
    });
  }, 600_000);

  test("in any other file refuses the start, or changes nothing", async () => {
    const files = filesOf(stopped.tree).filter((name) => /(\.json|checkpoint)$/.test(name));
    expect(files).toHaveLength(6);
    const problems: (string | undefined)[] = [];
    const flips = files.flatMap((path) => {
      const bytes = stopped.tree.get(path)!;
      return flipsOf(bytes, 0, bytes.length)
        .filter((_flip, index) => isLong || index % 3 === 0)
        .map((flip) => ({ path, ...flip }));
    });
    await inParallel(flips, 6, async ({ path, at, flipped }) => {
      problems.push(await problemOf(`${path}, byte ${at}`, stopped, changed(stopped.tree, [[path, flipped]]), [path]));
    });
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
  }, 600_000);

  test("in any bit of topic.json is never taken for another topic.json", async () => {
    const path = filesOf(stopped.tree).find((name) => name.endsWith("topic.json"))!;
    const text = stopped.tree.get(path)!;
    const directory = join(tmpdir(), `aclog-damage-manifest-${process.pid}`);
    await mkdir(directory);
    try {
      writeFileSync(join(directory, "topic.json"), text);
      const manifest = readManifestSync(directory);
      for (let bit = 0; bit < text.length * 8; bit++) {
        const flipped = Buffer.from(text);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        writeFileSync(join(directory, "topic.json"), flipped);
        try {
          expect(readManifestSync(directory), `bit ${bit}`).toEqual(manifest);
        } catch (error) {
          expect(error, `bit ${bit}`).toBeInstanceOf(OperatorError);
        }
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe("a tail", () => {
  const fillers: readonly (readonly [string, (length: number, old: Buffer) => Buffer])[] = [
    ["zeros", (length) => Buffer.alloc(length)],
    ["ones", (length) => Buffer.alloc(length, 0xff)],
    ["random bytes", (length) => randomBytes(length)],
    ["what the file had before", (length, old) => old.subarray(old.length - length)],
  ];

  test("of the journal that is something else is cut from the last group on, and an earlier one never silently", async () => {
    const { path, bytes, groups } = lastJournalFile(crashed.tree);
    const [, , last] = groups;
    // A file of an earlier use, as it would be found behind the new groups.
    const old = lastJournalFile(older[1]!).bytes;
    const step = isLong ? 1 : 97;
    const cuts = [...groups.flatMap(({ start, end }) => [start, start + 1, start + 63, start + 64, end - 1, end])];
    for (let at = blockBytes; at <= last!.end; at += step) {
      if (groups.some(({ start, end }) => at >= start && at <= end)) cuts.push(at);
    }
    await inParallel(
      cuts.flatMap((cut) => fillers.map((filler) => [cut, filler] as const)),
      6,
      async ([cut, [what, fill]]) => {
        const tail = fill(bytes.length - cut, old);
        const tree = changed(crashed.tree, [[path, Buffer.concat([bytes.subarray(0, cut), tail])]]);
        const complete = groups.filter(({ end }) => end <= cut).length;
        const expected = new Map(crashed.contents);
        // One group a topic: those behind the cut are not there, and nothing can vouch for them.
        for (const name of own.slice(complete)) expected.set(name, crashed.contents.get(name)!.slice(0, -2));
        const outcome = await outcomeOf(tree, expected, options);
        expect(outcome, `${what} from ${cut} on`).toMatchObject({ kind: "exact" });
      },
    );
  }, 600_000);

  test("of a segment that is something else is DATA_LOSS for its topic", async () => {
    const path = filesOf(stopped.tree).find((name) => name.endsWith("00000000000000000000.log"))!;
    const bytes = stopped.tree.get(path)!;
    const old = stopped.tree.get(path.replace("00000000000000000000.log", "00000000000000000006.log"))!;
    const cuts = Array.from({ length: bytes.length }, (_, at) => at).filter((at) => isLong || at % 31 === 0);
    await inParallel(cuts, 6, async (cut) => {
      const tails = [Buffer.alloc(0), ...fillers.map(([, fill]) => fill(bytes.length - cut, old))];
      for (const tail of tails) {
        const damaged = Buffer.concat([bytes.subarray(0, cut), tail]);
        // Commits of one time end alike.
        if (damaged.equals(bytes)) continue;
        const tree = changed(stopped.tree, [[path, damaged]]);
        const outcome = await outcomeOf(tree, stopped.contents, options);
        expect(outcome, `from ${cut} on`).toMatchObject({ kind: "loss", topics: [topicOf(stopped.tree, path)] });
      }
    });
  }, 600_000);
});
