import { cp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readCheckpoint } from "../../src/log/checkpoint.js";
import type { LogStore } from "../../src/log/port.js";
import { Churn } from "../support/churn.js";
import { checkDescribed } from "../support/described-records.js";
import {
  type ChildMessage,
  exited,
  fingerprint,
  killed,
  messageFrom,
  openStore,
  pathsEndingWith,
  readValues,
  startChild,
  temporaryDirectory,
} from "../support/log-harness.js";

const options = { segmentBytes: 32 * 1024, pendingBytes: 32 * 1024 };
const topics = [
  ["acme", "a1"],
  ["acme", "a2"],
  ["globex", "b1"],
  ["globex", "b2"],
] as const;

interface Answer {
  readonly topic: string;
  readonly offset: number;
  readonly values: readonly string[];
}

/** Gathers what a child was told to be stored. */
class Answers {
  readonly all: Answer[] = [];
  #onAnswer: (() => void) | undefined;

  listen(child: ChildProcess): void {
    child.on("message", (message: ChildMessage) => {
      if (message.kind !== "acked") return;
      const { topic, offset, values } = message as unknown as { topic: string; offset: string; values: string[] };
      this.all.push({ topic, offset: Number(offset), values });
      this.#onAnswer?.();
    });
  }

  async reach(count: number): Promise<void> {
    while (this.all.length < count) await new Promise<void>((resolve) => (this.#onAnswer = resolve));
  }
}

/** Every answered batch is at its offset, whole; whatever else is there was attempted, is whole and is there once. */
async function check(store: LogStore, answers: readonly Answer[]): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>();
  for (const [tenant, topic] of topics) {
    const log = store.find(tenant, topic);
    stored.set(topic, log === undefined ? [] : await readValues(log));
  }
  for (const { topic, offset, values } of answers) {
    expect(stored.get(topic)!.slice(offset, offset + values.length)).toEqual(values);
  }
  for (const [topic, values] of stored) {
    expect(new Set(values).size, "nothing is stored twice").toBe(values.length);
    const lanes = new Map<string, { n: number; count: number }>();
    for (let at = 0; at < values.length;) {
      const [name, run, lane, n] = values[at]!.split("/") as [string, string, string, string];
      expect(name).toBe(topic);
      const count = 1 + ((Number(n) * 7 + Number(lane)) % 5);
      const batch = values.slice(at, at + count);
      expect(batch.map((value) => value.split("/").slice(0, 5).join("/"))).toEqual(
        batch.map((_, i) => `${topic}/${run}/${lane}/${n}/${i}`),
      );
      expect(batch).toHaveLength(count);
      // A lane attempts one batch after the other, so that none may be missing before the last one.
      const before = lanes.get(`${run}/${lane}`)?.n ?? -1;
      expect(Number(n)).toBe(before + 1);
      lanes.set(`${run}/${lane}`, { n: Number(n), count });
      at += count;
    }
  }
  return stored;
}

async function stopped(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  // The kernel stops all threads of the process, some of which may be in the midst of a write.
  for (;;) {
    const threads = await statesOfThreads(child.pid!);
    if (threads.every((state) => state === "T")) return;
    await turn();
  }
}

async function statesOfThreads(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(
    threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, "utf8").catch(() => "")),
  );
  return texts.filter((text) => text !== "").map((text) => text.slice(text.lastIndexOf(")") + 2)[0]!);
}

/** What a power cut may do: of what was not synced, each file keeps as much as it likes. */
async function loseUnsynced(directory: string, how: (bytes: number) => "cut" | "zeros" | "noise"): Promise<void> {
  const { ends } = await readCheckpoint(join(directory, "journal"));
  for (const path of await pathsEndingWith(directory, ".log")) {
    const topicId = path.split("/").at(-2)!;
    const end = ends.get(topicId);
    const base = BigInt(path.slice(-24, -4));
    const keep = end === undefined || base > end.segmentBase ? 0 : base < end.segmentBase ? Infinity : end.position;
    const { size } = await stat(path);
    if (size <= keep) continue;
    const choice = how(size - keep);
    if (choice === "cut") await truncate(path, keep);
    else {
      const bytes = await readFile(path);
      // Whole commits further on may have survived: what counts is that the first one did not.
      bytes.fill(choice === "zeros" ? 0 : 0x5a, keep, keep + Math.ceil((size - keep) / 2));
      await writeFile(path, bytes);
    }
  }
  for (const path of await pathsEndingWith(directory, ".index")) await truncate(path, 40).catch(() => undefined);
}

describe("after kill -9", () => {
  test("every answered batch is there, whole and in order, through many lives of the same data", async () => {
    await using directory = await temporaryDirectory();
    const answers = new Answers();
    let earlier = new Map<string, string[]>();
    for (let life = 0; life < 8; life++) {
      const child = startChild("append", directory.path, options);
      answers.listen(child);
      const known = answers.all.length;
      await messageFrom(child, ({ kind }) => kind === "open");
      // From a kill during the first appends to one that comes after many checkpoints.
      await answers.reach(known + [1, 3, 50, 400][life % 4]!);
      await killed(child);
      await using open = await openStore(directory.path, options);
      expect(open.report.damaged).toEqual([]);
      const stored = await check(open.store, answers.all);
      for (const [topic, values] of earlier) {
        expect(stored.get(topic)!.slice(0, values.length), "nothing that was read vanishes").toEqual(values);
      }
      earlier = stored;
    }
    expect(answers.all.length).toBeGreaterThan(900);
  });

  test("in the midst of starting, the next start finds the same", async () => {
    await using directory = await temporaryDirectory();
    const answers = new Answers();
    const writer = startChild("append", directory.path, options);
    answers.listen(writer);
    await answers.reach(300);
    await killed(writer);
    for (let kill = 0; kill < 6; kill++) {
      const child = startChild("hold", directory.path, options);
      // Each time a little later in its start: as soon as the next thing in the journal's directory changes.
      const before = await fingerprint(join(directory.path, "journal"));
      while (
        child.exitCode === null &&
        (await fingerprint(join(directory.path, "journal")).catch(() => "")) === before
      ) {
        await turn();
      }
      for (let turns = 0; turns < kill * 5; turns++) await turn();
      await killed(child);
    }
    await using open = await openStore(directory.path, options);
    await check(open.store, answers.all);
  }, 30_000);
});

describe("after kill -9 in the midst of creating, trimming, retention, compaction and deleting", () => {
  test("what callers were told is so, nothing comes back and nothing is mixed, through many lives", async () => {
    await using directory = await temporaryDirectory();
    const churn = new Churn();
    const small = { segmentBytes: 4096, compactedSegmentBytes: 4096, reclaimBytes: 500 };
    // How much is trimmed in a life depends on the disk.
    const hasSeenEnough = (): boolean => churn.seen.deleted > 10 && churn.seen.trimmed > 250;
    for (let life = 0; life < 12 || !hasSeenEnough(); life++) {
      const child = startChild("churn", directory.path, small);
      const ended = churn.listen(child);
      await messageFrom(child, ({ kind }) => kind === "open");
      await churn.reach(churn.notes + [1, 40, 333, 700, 1100, 90][life % 6]! + life * 5);
      await killed(child);
      await ended;
      const found: unknown[] = [];
      for (let start = 0; start < 2; start++) {
        await using open = await openStore(directory.path, small);
        expect(open.report.damaged).toEqual([]);
        await churn.ledger.check(open.store, "acme");
        const all = [];
        for (const log of open.store.topics("acme")) {
          const mayBeCompacted = churn.ledger.current(log.topic)!.mayBeCompacted;
          all.push([log.topicId, log.settings, await checkDescribed(log, mayBeCompacted)]);
        }
        found.push(all);
        if (start === 1) churn.take(open.store);
      }
      expect(found[1]).toEqual(found[0]);
    }
  }, 120_000);
});

describe("a copy of the data directory at any moment", () => {
  test("has every batch that was answered by then, also when all that was not synced is lost", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const answers = new Answers();
    const child = startChild("append", data, options);
    answers.listen(child);
    let replayed = 0;
    for (let moment = 0; moment < 10; moment++) {
      await answers.reach(answers.all.length + 1 + ((moment * 29) % 90));
      await stopped(child);
      const told = answers.all.slice();
      const copy = join(directory.path, `copy-${moment}`);
      const cut = join(directory.path, `cut-${moment}`);
      await cp(data, copy, { recursive: true });
      await cp(copy, cut, { recursive: true });
      const choices = ["cut", "zeros", "noise"] as const;
      await loseUnsynced(cut, (bytes) => choices[(moment + bytes) % 3]!);
      let kept: Map<string, string[]>;
      {
        await using open = await openStore(copy, options);
        expect(open.report.damaged).toEqual([]);
        replayed += open.report.commits;
        kept = await check(open.store, told);
      }
      await using open = await openStore(cut, options);
      expect(open.report.damaged).toEqual([]);
      expect(await check(open.store, told)).toEqual(kept);
      child.kill("SIGCONT");
    }
    await killed(child);
    expect(replayed, "recovery had something to do").toBeGreaterThan(20);
  });
});

describe("a data directory in use", () => {
  test("is refused to a second process at once, which changes nothing; after a kill it opens", async () => {
    await using directory = await temporaryDirectory();
    const holder = startChild("hold", directory.path);
    await messageFrom(holder, ({ kind }) => kind === "open");
    const before = await fingerprint(directory.path);
    const started = performance.now();
    await expect(openStore(directory.path)).rejects.toMatchObject({ name: "OperatorError" });
    expect(performance.now() - started).toBeLessThan(2000);
    const second = startChild("hold", directory.path);
    expect(await messageFrom(second, () => true)).toMatchObject({ kind: "refused", name: "OperatorError" });
    await exited(second);
    expect(await fingerprint(directory.path)).toBe(before);
    // Nor if somebody has taken the lock for a stale one.
    await rm(join(directory.path, "lock"));
    await expect(openStore(directory.path)).rejects.toMatchObject({ name: "OperatorError" });
    await killed(holder);
    await using open = await openStore(directory.path);
    expect(open.report.damaged).toEqual([]);
  });

  test("is refused to a second opener in the same process, and free once the first has closed", async () => {
    await using directory = await temporaryDirectory();
    {
      await using first = await openStore(directory.path);
      await expect(openStore(directory.path)).rejects.toMatchObject({ name: "OperatorError" });
      expect(first.store.failure).toBeUndefined();
    }
    await using second = await openStore(directory.path);
    expect(second.failures).toEqual([]);
  });
});
