import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { repair, verify } from "../../src/repair/index.js";
import { fingerprint, openStore } from "../support/log-harness.js";
import { type Place, makePlace, readable } from "./directory.js";

async function refused(data: string, what: RegExp): Promise<void> {
  const before = await fingerprint(data);
  expect((await verify(data)).ok).toBe(false);
  const told = await repair(data, { yes: false });
  expect([told.isNeeded, told.isDone, told.losses]).toEqual([true, false, []]);
  expect(told.misplaced.map(({ path, problem }) => `${path}: ${problem}`).join("\n")).toMatch(what);
  await expect(repair(data, { yes: true })).rejects.toThrow(what);
  expect(await fingerprint(data)).toBe(before);
}

async function swap(a: string, b: string): Promise<void> {
  await rename(a, `${a}.between`);
  await rename(b, a);
  await rename(`${a}.between`, b);
}

async function isAllThere({ data, stored }: Place): Promise<void> {
  expect((await verify(data)).ok).toBe(true);
  await using open = await openStore(data);
  for (const name of ["orders", "small"]) {
    expect([...(await readable(open.store.find("acme", name)!)).values()]).toEqual(stored[name]);
  }
}

for (const how of ["stopped", "killed"] as const) {
  test(`a topic's directory in another tenant is not given to that tenant (${how})`, async () => {
    await using place = await makePlace(how);
    const own = await place.directoryOf("small");
    const there = join(place.data, "tenants", "globex", "topics", basename(own));
    await mkdir(dirname(there), { recursive: true });
    await rename(own, there);
    await refused(place.data, /globex.* and that of acme\/small .* back to tenants\/acme\/topics\//);
    await rename(there, own);
    await rm(join(place.data, "tenants", "globex"), { recursive: true });
    await isAllThere(place);
  });
}

test("directories of two topics that changed places lose nothing, and neither do the names", async () => {
  await using place = await makePlace("stopped");
  const [orders, small] = [await place.directoryOf("orders"), await place.directoryOf("small")];
  await swap(orders, small);
  await refused(place.data, new RegExp(`${basename(orders)}: its topic.json is sound, and that of acme/small `));
  await refused(place.data, new RegExp(`${basename(small)}: its topic.json is sound, and that of acme/orders `));
  await swap(orders, small);
  await isAllThere(place);
});

test("a topic.json that changed places with another is moved back alone", async () => {
  await using place = await makePlace("stopped");
  const [orders, small] = [await place.directoryOf("orders"), await place.directoryOf("small")];
  const paths = [join(orders, "topic.json"), join(small, "topic.json")] as const;
  await swap(...paths);
  await refused(place.data, /topic\.json: it is that of acme\/(small|orders) .* the segments beside it/);
  await swap(...paths);
  await isAllThere(place);
});

test("segments of two topics that changed places are told from damage, and nothing of them is lost", async () => {
  await using place = await makePlace("stopped");
  const [orders, small] = [await place.directoryOf("orders"), await place.directoryOf("small")];
  const paths = [join(orders, "00000000000000000000.log"), join(small, "00000000000000000000.log")] as const;
  await swap(...paths);
  await refused(
    place.data,
    /\.log: it holds commits of topic [0-9a-f]{32}, whose directory is tenants\/acme\/topics\//,
  );
  await swap(...paths);
  await isAllThere(place);
});

test("a directory whose topic.json is damaged is told by its segments", async () => {
  await using place = await makePlace("stopped");
  const [orders, small] = [await place.directoryOf("orders"), await place.directoryOf("small")];
  await swap(orders, small);
  const path = join(orders, "topic.json");
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, -20));
  await refused(place.data, /\.log: it holds commits of topic /);
  await writeFile(path, whole);
  await swap(orders, small);
  await isAllThere(place);
});

test("segments of one topic that changed places get their names back, and nothing of them is lost", async () => {
  await using place = await makePlace("stopped");
  const orders = await place.directoryOf("orders");
  const [first, second] = (await readdir(orders)).filter((name) => name.endsWith(".log")).sort();
  const paths = [join(orders, first!), join(orders, second!)] as const;
  await swap(...paths);
  await refused(place.data, new RegExp(`${first!}: it begins with offset \\d+: give it back the name ${second!}`));
  await swap(...paths);
  await isAllThere(place);
});
