import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type HistoryEntry, keptVersions, readHistory, withEntry, writeHistory } from "../../src/activation/history.js";

function entryOf(number: number, at = number): HistoryEntry {
  const sha256 = number.toString(16).padStart(64, "0");
  const endings = {
    "model.conf": "line",
    "tenants.yaml": "line",
    "policy.csv": "marker",
    "matrix.csv": "empty",
  } as const;
  const version = number.toString(16).padStart(12, "0");
  return { version, sha256, activatedMs: at, author: "ops/root", how: "activate", basedOn: undefined, endings };
}

function historyOf(numbers: readonly number[]): readonly HistoryEntry[] {
  return numbers.reduce<readonly HistoryEntry[]>((entries, number, at) => withEntry(entries, entryOf(number, at)), []);
}

const versionsIn = (entries: readonly HistoryEntry[]): Set<string> => new Set(entries.map(({ version }) => version));

test("the last versions are kept, and the one in force is always among them", () => {
  const many = historyOf(Array.from({ length: keptVersions + 20 }, (_, number) => number));
  expect(many.map(({ version }) => version)).toEqual(
    Array.from({ length: keptVersions }, (_, index) => entryOf(keptVersions + 19 - index).version),
  );
  // One that is rolled back to is the newest again, however old it was.
  const oldest = Number.parseInt(many.at(-1)!.version, 16);
  const back = withEntry(many, entryOf(oldest, 1000));
  expect([back[0]!.version, versionsIn(back).size]).toEqual([entryOf(oldest).version, keptVersions]);
});

test("two versions that take turns for ever push no other one out, and take bounded room", () => {
  const others = Array.from({ length: keptVersions - 2 }, (_, number) => number);
  const turns = Array.from({ length: 1000 }, (_, turn) => 1000 + (turn % 2));
  const entries = historyOf([...others, ...turns]);
  expect(versionsIn(entries)).toEqual(versionsIn([...others, 1000, 1001].map((number) => entryOf(number))));
  expect(entries.length).toBeLessThan(300);
  expect(entries.slice(0, 4).map(({ activatedMs }) => activatedMs)).toEqual([1047, 1046, 1045, 1044]);
});

test("a history is read as it was written, and with any bit that flipped not at all", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aclog-history-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, "history.json");
  expect(await readHistory(path)).toEqual({ entries: [], pending: undefined });
  const history = { entries: historyOf([1, 2]), pending: { entry: entryOf(3), overwrite: true } };
  await writeHistory(path, history);
  expect(await readHistory(path)).toEqual(history);
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length; at += 3) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1 << (at % 8);
    await writeFile(path, damaged);
    await expect(readHistory(path), `byte ${at}`).rejects.toThrow("says which policy is in force");
  }
});
