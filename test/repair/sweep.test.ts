import { appendFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repair, verify } from "../../src/repair/index.js";
import { filesIn, openStore } from "../support/log-harness.js";
import { directoryIn, makePlace, readable } from "./directory.js";

const rounds = Number(process.env["ACLOG_REPAIR_ROUNDS"] ?? 30);
const seed = Number(process.env["ACLOG_REPAIR_SEED"] ?? 20261121);

/** Numbers below `n`, the same again for the same seed (mulberry32). */
function randomFrom(start: number): (n: number) => number {
  let state = start;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

type Damage = (path: string, random: (n: number) => number) => Promise<string>;

/** What happens to a file; each says what it did. */
const kinds: readonly Damage[] = [
  async (path, random) => {
    const bytes = await readFile(path);
    const at = random(bytes.length);
    bytes[at]! ^= 1 << random(8);
    await writeFile(path, bytes);
    return `a bit of byte ${at} flipped`;
  },
  async (path, random) => {
    const { length } = await readFile(path);
    const to = random(length);
    await truncate(path, to);
    return `cut to ${to}`;
  },
  async (path, random) => {
    const bytes = await readFile(path);
    const at = random(bytes.length);
    await writeFile(path, bytes.fill(random(2) === 0 ? 0 : 0xff, at, Math.min(at + 4096, bytes.length)));
    return `filled from ${at}`;
  },
  async (path) => {
    await rm(path);
    return "removed";
  },
  async (path, random) => {
    const bytes = await readFile(path);
    const [from, to] = [random(bytes.length), random(bytes.length)];
    bytes.copy(bytes, to, from, from + 3000);
    await writeFile(path, bytes);
    return `bytes from ${from} copied to ${to}`;
  },
  async (path, random) => {
    const bytes = Buffer.alloc(1 + random(5000), random(256));
    await appendFile(path, bytes);
    return `${bytes.length} bytes behind its end`;
  },
];

test(`whatever is damaged, in ${rounds} ways: the tools come to their end, and no record is served that is not as it was written`, async () => {
  const random = randomFrom(seed);
  await using killed = await makePlace("killed");
  await using stopped = await makePlace("stopped");
  const counts = { damaged: 0, lostTold: 0, lostUntold: 0, altered: 0 };
  for (let round = 0; round < rounds; round++) {
    const place = round % 2 === 0 ? killed : stopped;
    const data = await place.copy();
    const names = new Map<string, string>();
    for (const name of ["orders", "small", "empty"]) names.set((await directoryIn(data, name)).slice(-32), name);
    const files = (await filesIn(data)).filter((path) => path !== "lock" && !path.includes("spare-"));
    const told: string[] = [];
    for (let n = 0; n <= random(2); n++) {
      const path = files[random(files.length)]!;
      if ((await readFile(join(data, path)).catch(() => Buffer.alloc(0))).length === 0) continue;
      told.push(`${path} ${await kinds[random(kinds.length)]!(join(data, path), random)}`);
    }
    const what = `seed ${seed}, round ${round}: ${told.join("; ")}`;
    let report;
    try {
      report = await verify(data);
    } catch (error) {
      // A version that is changed by a single bit looks like one from the future, and nobody may touch that.
      expect(String(error), what).toMatch(/this aclog reads/);
      continue;
    }
    if (!report.ok) counts.damaged++;
    const done = await repair(data, { yes: true, names });
    expect(
      (await verify(data)).findings.filter(({ severity }) => severity === "damage"),
      what,
    ).toEqual([]);
    await using open = await openStore(data);
    for (const name of ["orders", "small"]) {
      const log = open.store.find("acme", name);
      expect(log, what).toBeDefined();
      const served = await readable(log!);
      const stored = place.stored[name]!;
      for (const [offset, value] of served) expect(value, `${what}: offset ${offset}`).toBe(stored[Number(offset)]);
      for (const [offset] of stored.entries()) {
        if (served.has(BigInt(offset))) continue;
        const isTold = done.losses.some(
          ({ topic, loss }) => topic.topic === name && loss.from <= BigInt(offset) && BigInt(offset) < loss.to,
        );
        if (isTold) counts.lostTold++;
        else counts.lostUntold++;
        if (!isTold && !report.ok) expect(done.unknown, what).not.toEqual([]);
        // Nothing is lost in silence, but for the window that docs/format.md names: the very last group of the journal.
        const isLast = offset >= stored.length - 5 && told.some((text) => text.includes(".wal"));
        expect(report.ok && !isLast, `${what}: ${name} lost offset ${offset}`).toBe(false);
      }
    }
  }
  expect(counts.damaged).toBeGreaterThan(rounds / 3);
  console.info(`repair sweep: seed ${seed}, ${rounds} rounds, ${JSON.stringify(counts)}`);
});
