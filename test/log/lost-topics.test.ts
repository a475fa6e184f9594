import { execFileSync } from "node:child_process";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { RecordCorrupt } from "../../src/errors.js";
import { readCheckpoint } from "../../src/log/checkpoint.js";
import { defaultTopicSettings } from "../../src/log/port.js";
import { readCheckedJson, writeCheckedJson } from "../../src/log/checked-json.js";
import { segmentFileName } from "../../src/log/segment.js";
import { repair, verify } from "../../src/repair/index.js";
import { append, openStore, readValues, temporaryDirectory } from "../support/log-harness.js";

const options = { segmentBytes: 400, journalFileBytes: 256 * 1024 };

afterEach(() => {
  vi.useRealTimers();
});

/** acme/orders and acme/bills have records below the checkpoint and above it, as has globex/orders, after a kill. */
async function made(data: string): Promise<{ readonly orders: string; readonly values: readonly string[] }> {
  const topics = [
    ["acme", "orders"],
    ["acme", "bills"],
    ["globex", "orders"],
  ] as const;
  let orders = "";
  const write = async (store: Awaited<ReturnType<typeof openStore>>["store"], from: number): Promise<void> => {
    for (const [tenant, topic] of topics) {
      const log = await store.open(tenant, topic);
      if (tenant === "acme" && topic === "orders") orders = join(data, "tenants/acme/topics", log.topicId);
      for (let at = from; at < from + 6; at++) await append(log, `value ${at}`);
    }
  };
  {
    await using open = await openStore(data, options);
    await write(open.store, 0);
  }
  // No checkpoint comes with idleness meanwhile.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  const killed = `${data}.killed`;
  {
    await using open = await openStore(data, options);
    await write(open.store, 6);
    execFileSync("cp", ["-a", data, killed]);
  }
  vi.useRealTimers();
  await rm(data, { recursive: true });
  await rename(killed, data);
  return { orders, values: Array.from({ length: 12 }, (_, at) => `value ${at}`) };
}

/** What is put out of the way, and what takes its place; all of it comes back later. */
const cases: readonly (readonly [
  string,
  (orders: string) => string,
  (path: string) => Promise<unknown> | undefined,
])[] = [
  ["topic.json is missing", manifest, () => undefined],
  ["topic.json is a directory", manifest, (path) => mkdir(path)],
  ["topic.json is a link to itself", manifest, (path) => symlink(path, path)],
  ["topic.json is a link to nothing", manifest, (path) => symlink(`${path}.nowhere`, path)],
  ["topic.json is a pipe", manifest, (path) => Promise.resolve(execFileSync("mkfifo", [path]))],
  ["topic.json is empty", manifest, (path) => writeFile(path, "")],
  [
    "topic.json is half of what it was",
    manifest,
    async (path) => writeFile(path, (await readFile(aside(path))).subarray(0, 90)),
  ],
  [
    "topic.json has a wrong digit",
    manifest,
    async (path) =>
      writeFile(path, (await readFile(aside(path), "utf8")).replace('"startOffset": "0"', '"startOffset": "1"')),
  ],
  ["a topic's directory is a file", (orders) => orders, (path) => writeFile(path, "")],
  ["a topic's directory is a link to itself", (orders) => orders, (path) => symlink(path, path)],
  ["a tenant's directory is a file", tenant, (path) => writeFile(path, "")],
  ["a tenant's directory is a link to itself", tenant, (path) => symlink(path, path)],
  ["a tenant's topics are a file", dirname, (path) => writeFile(path, "")],
];

function manifest(orders: string): string {
  return join(orders, "topic.json");
}

function tenant(orders: string): string {
  return join(orders, "../..");
}

/** Of what stands there, links as links. */
function fingerprint(path: string): string {
  return execFileSync("tar", ["-C", dirname(path), "-c", basename(path)]).toString("base64");
}

/** Out of every directory that is looked at. */
function aside(path: string): string {
  const data = /^(.*?)\/tenants\//.exec(path)![1]!;
  return `${data}.aside-${basename(path)}`;
}

describe("where", () => {
  for (const [what, placeOf, put] of cases) {
    test(`${what}, that alone is refused as damaged, and nothing of it is lost`, async () => {
      await using directory = await temporaryDirectory();
      const data = join(directory.path, "data");
      const { orders, values } = await made(data);
      const path = placeOf(orders);
      const isTenant = !path.startsWith(orders);
      await rename(path, aside(path));
      await put(path);
      const untouched = isTenant ? undefined : fingerprint(orders);
      // Twice: what the first start keeps of it, the second has to keep too.
      for (const start of [0, 1]) {
        await using open = await openStore(data, options);
        const { store, report } = open;
        expect(report.lost).toMatchObject([{ tenant: "acme", topic: undefined }]);
        expect(path.startsWith(report.lost[0]!.path) || report.lost[0]!.path.startsWith(path)).toBe(true);
        expect(() => store.find("acme", "orders")).toThrow(RecordCorrupt);
        await expect(store.open("acme", "orders")).rejects.toThrow(RecordCorrupt);
        await expect(store.create("acme", "orders", defaultTopicSettings)).rejects.toThrow(RecordCorrupt);
        const others = isTenant ? [] : [store.find("acme", "bills")!];
        for (const log of [...others, store.find("globex", "orders")!]) {
          expect((await readValues(log)).slice(0, 12)).toEqual(values);
          await append(log, `start ${start}`);
        }
        expect(store.find("globex", "never")).toBeUndefined();
        await store.open("globex", `new ${start}`);
      }
      const { findings, ok } = await verify(data);
      expect(ok).toBe(false);
      const named = findings.filter((each) => each.severity === "damage").map((each) => join(data, each.path));
      expect(named.some((each) => each === path || dirname(each) === path)).toBe(true);
      // What stands in the way may hide what is whole: that is not mended around.
      const isFile = /missing|empty|half|digit/.test(what);
      expect((await repair(data, { yes: false })).misplaced.length > 0).toBe(!isFile);
      expect(isTenant ? undefined : fingerprint(orders)).toBe(untouched);
      await rm(path, { recursive: true, force: true });
      await rename(aside(path), path);
      await using open = await openStore(data, options);
      expect(open.report.lost).toEqual([]);
      expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
      expect(await append(open.store.find("acme", "orders")!, "it goes on")).toBe(12n);
    });
  }

  for (const [what, put] of [
    ["a directory", (path: string) => mkdir(path)],
    ["a link to nothing", (path: string) => symlink(`${path}.nowhere`, path)],
    ["a link to itself", (path: string) => symlink(path, path)],
    ["a pipe", (path: string) => Promise.resolve(execFileSync("mkfifo", [path]))],
  ] as const) {
    for (const which of ["first", "last"] as const) {
      test(`the ${which} segment's name is ${what}, reads of it are DATA_LOSS, and nothing is lost`, async () => {
        await using directory = await temporaryDirectory();
        const data = join(directory.path, "data");
        const { orders, values } = await made(data);
        const { ends } = await readCheckpoint(join(data, "journal"));
        const base = which === "first" ? 0n : ends.get(basename(orders))!.segmentBase;
        const path = join(orders, segmentFileName(base));
        await rename(path, aside(path));
        await put(path);
        for (const start of [0, 1]) {
          await using open = await openStore(data, options);
          const log = open.store.find("acme", "orders")!;
          await expect(readValues(log)).rejects.toThrow(RecordCorrupt);
          if (which === "last")
            expect(open.report.damaged).toMatchObject([{ location: expect.stringContaining(path) as unknown }]);
          for (const other of [open.store.find("acme", "bills")!, open.store.find("globex", "orders")!]) {
            expect((await readValues(other)).slice(0, 12)).toEqual(values);
            await append(other, `start ${start}`);
          }
        }
        const { findings } = await verify(data);
        expect(findings.some((each) => each.severity === "damage" && path.endsWith(each.path))).toBe(true);
        await rm(path, { recursive: true, force: true });
        await rename(aside(path), path);
        await using open = await openStore(data, options);
        expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
      });
    }
  }

  test("topic.json is an older one, all of that topic is refused as damaged, and nothing of it is lost", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const { orders, values } = await made(data);
    const path = manifest(orders);
    const text = await readFile(path, "utf8");
    const fields = readCheckedJson(text) as object;
    await writeFile(path, writeCheckedJson({ ...fields, segments: [{ base: "0" }] }));
    {
      await using open = await openStore(data, options);
      expect(open.report.lost).toMatchObject([{ tenant: "acme", topic: "orders", path }]);
      expect(() => open.store.find("acme", "orders")).toThrow(RecordCorrupt);
      // Its name is known: nobody else is refused for it.
      await open.store.open("acme", "more");
    }
    await writeFile(path, text);
    await using open = await openStore(data, options);
    expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
  });
});

test("a directory that somebody has renamed as if its topic were deleted is neither removed nor taken for deleted", async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const { orders, values } = await made(data);
  const renamed = `${orders}.deleted`;
  await rename(orders, renamed);
  const untouched = fingerprint(renamed);
  for (const start of [0, 1]) {
    await using open = await openStore(data, options);
    expect(open.report.lost, `start ${start}`).toMatchObject([{ tenant: "acme", topic: "orders", path: renamed }]);
    expect(() => open.store.find("acme", "orders")).toThrow(RecordCorrupt);
    expect(open.store.find("acme", "never")).toBeUndefined();
  }
  expect(fingerprint(renamed)).toBe(untouched);
  const damaged = (await verify(data)).findings.filter(({ severity }) => severity === "damage");
  expect(damaged.some(({ path, next }) => path.includes(".deleted") && next.includes(basename(orders)))).toBe(true);
  await rename(renamed, orders);
  await using open = await openStore(data, options);
  expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
});

test("what was kept of a lost topic comes home when a repair has made it a topic.json", async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const { orders, values } = await made(data);
  await rm(manifest(orders));
  await (await openStore(data, options))[Symbol.asyncDispose]();
  expect((await readCheckpoint(join(data, "journal"))).rescues.get(basename(orders))).toBe(12n);
  await repair(data, { yes: true, names: new Map([[basename(orders), "orders"]]) });
  await using open = await openStore(data, options);
  expect(open.report.lost).toEqual([]);
  expect(await readValues(open.store.find("acme", "orders")!)).toEqual(values);
});

test("what is in a topic's place that was never a topic's is in no checkpoint afterwards", async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  await made(data);
  const id = "0123456789abcdef0123456789abcdef";
  const path = join(data, "tenants/globex/topics", id);
  await mkdir(path);
  {
    await using open = await openStore(data, options);
    expect(open.report.lost).toMatchObject([{ tenant: "globex", topicId: id }]);
  }
  expect((await readCheckpoint(join(data, "journal"))).ends.has(id)).toBe(false);
  await rm(path, { recursive: true });
  await using open = await openStore(data, options);
  expect(open.report.lost).toEqual([]);
});
