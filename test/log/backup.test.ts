import { cpSync, existsSync } from "node:fs";
import { appendFile, cp, mkdir, readFile, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backUp } from "../../src/log/backup.js";
import { examineBackup, mostFindings, verifyBackup } from "../../src/log/backup-verify.js";
import { DataDirectory } from "../../src/log/data-directory.js";
import { defaultTopicSettings } from "../../src/log/port.js";
import { restoreBackup } from "../../src/log/restore.js";
import { Unfinished } from "../../src/log/unfinished.js";
import { Churn } from "../support/churn.js";
import {
  type ChildMessage,
  append,
  filesIn,
  fingerprint,
  killed,
  openStore,
  readValues,
  startChild,
  temporaryDirectory,
} from "../support/log-harness.js";
import { TopicLedger } from "../support/topic-ledger.js";

const names = { acme: ["a1", "a2"], globex: ["b1", "b2"] };

interface Answer {
  readonly topic: string;
  readonly offset: string;
  readonly values: readonly string[];
}

describe("a backup that is made while records are written", () => {
  test("has all that was answered before it began, and no part of a batch", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    // Tiny journal files, which are used again while they are copied.
    const options = { segmentBytes: 1024 * 1024, pendingBytes: 32 * 1024 };
    const answers: Answer[] = [];
    let onAnswer: () => void = () => undefined;
    const child = startChild("append", data, options);
    child.on("message", (message: ChildMessage) => {
      if (message.kind === "acked") answers.push(message as unknown as Answer);
      onAnswer();
    });
    const rounds: { told: readonly Answer[]; restored: string }[] = [];
    for (let round = 0; round < 6; round++) {
      const least = answers.length + 1 + ((round * 61) % 200);
      while (answers.length < least) await new Promise<void>((resolve) => (onAnswer = resolve));
      const told = answers.slice();
      const backup = join(directory.path, `backup-${round}`);
      await backUp(data, backup);
      const restored = join(directory.path, `restored-${round}`);
      await restoreBackup(backup, restored);
      rounds.push({ told, restored });
    }
    await killed(child);
    for (const { told, restored } of rounds) {
      await using open = await openStore(restored, options);
      expect(open.report).toMatchObject({ damaged: [], torn: undefined, cut: [] });
      for (const [tenant, topics] of Object.entries(names)) {
        for (const topic of topics) {
          const log = open.store.find(tenant, topic);
          const due = told.filter((one) => one.topic === topic);
          // The first of the backups can be older than the last of the topics.
          expect(log !== undefined || due.length === 0).toBe(true);
          const values = log === undefined ? [] : await readValues(log);
          for (const answer of due) {
            const offset = Number(answer.offset);
            expect(values.slice(offset, offset + answer.values.length)).toEqual(answer.values);
          }
          expect(partsOfBatches(values)).toEqual([]);
          expect(new Set(values).size).toBe(values.length);
        }
      }
      const [log] = open.store.topics("acme");
      await append(log!, "it goes on");
    }
  }, 60_000);

  test("has what is due of topics that are created, trimmed, compacted and deleted meanwhile", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const small = { segmentBytes: 4096, compactedSegmentBytes: 4096, reclaimBytes: 500 };
    const churn = new Churn();
    const child = startChild("churn", data, small);
    const ended = churn.listen(child);
    await churn.reach(200);
    const rounds: { before: TopicLedger; restored: string }[] = [];
    for (let round = 0; round < 8; round++) {
      await churn.reach(churn.notes + 40 + ((round * 97) % 300));
      const before = churn.ledger.snapshot();
      const backup = join(directory.path, `backup-${round}`);
      await backUp(data, backup);
      await verifyBackup(backup);
      const restored = join(directory.path, `restored-${round}`);
      await restoreBackup(backup, restored);
      rounds.push({ before, restored });
    }
    await killed(child);
    await ended;
    for (const { before, restored } of rounds) {
      await using open = await openStore(restored, small);
      expect(open.report.damaged).toEqual([]);
      await TopicLedger.between(before, churn.ledger).check(open.store, "acme");
    }
    expect(churn.seen.deleted).toBeGreaterThan(3);
  }, 60_000);
});

/** Batches of the child of which not all is there. */
function partsOfBatches(values: readonly string[]): string[] {
  const found = new Map<string, number>();
  for (const value of values) {
    const batch = value.split("/").slice(0, 4).join("/");
    found.set(batch, (found.get(batch) ?? 0) + 1);
  }
  return [...found].flatMap(([batch, count]) => {
    const [, , lane, n] = batch.split("/").map(Number) as [number, number, number, number];
    return count === 1 + ((n * 7 + lane) % 5) ? [] : [batch];
  });
}

/** A data directory with something in segments, something in the journal alone, and a raised start. */
async function filled(path: string): Promise<void> {
  {
    await using open = await openStore(path);
    const log = await open.store.create("acme", "orders", { ...defaultTopicSettings, retentionRecords: 1000 });
    for (let n = 0; n < 40; n++) await append(log, `${n} ${"x".repeat(700)}`);
    await log.trimBefore(3n);
    await open.store.open("globex", "empty");
  }
  const live = await openStore(path);
  await append(live.store.find("acme", "orders")!, "in the journal alone");
  await cp(path, `${path}.crashed`, { recursive: true });
  await live[Symbol.asyncDispose]();
  await rm(path, { recursive: true });
  await cp(`${path}.crashed`, path, { recursive: true });
}

describe("a backup", () => {
  test("changes nothing where it reads, and what is restored of it has records, starts, settings and the clock", async () => {
    await using directory = await temporaryDirectory();
    const [data, backup, restored] = ["data", "backup", "restored"].map((name) => join(directory.path, name)) as [
      string,
      string,
      string,
    ];
    await filled(data);
    const before = await fingerprint(data);
    const made = await backUp(data, backup);
    expect(await fingerprint(data)).toBe(before);
    expect(made.topics).toBe(2);
    expect(await verifyBackup(backup)).toEqual(made);
    await restoreBackup(backup, restored);
    expect(await readFile(join(restored, "clock.json"), "utf8")).toBe(await readFile(join(data, "clock.json"), "utf8"));
    await using open = await openStore(restored);
    const log = open.store.find("acme", "orders")!;
    expect(log.range()).toEqual({ base: 3n, next: 41n });
    expect((await readValues(log)).at(-1)).toBe("in the journal alone");
    expect(log.settings.retentionRecords).toBe(1000);
    expect(open.store.find("globex", "empty")!.range()).toEqual({ base: 0n, next: 0n });
  });

  test("refuses a place that is taken, a source that is none, and leaves nothing behind when it fails", async () => {
    await using directory = await temporaryDirectory();
    const data = join(directory.path, "data");
    const backup = join(directory.path, "backup");
    await filled(data);
    await expect(backUp(directory.path, backup)).rejects.toThrow("is no data directory");
    await mkdir(backup);
    await expect(backUp(data, backup)).rejects.toThrow("is there already");
    await rm(backup, { recursive: true });
    await symlink(join(directory.path, "nowhere"), backup);
    await expect(backUp(data, backup)).rejects.toThrow("is there already");
    await rm(backup);
    await mkdir(`${backup}.partial`);
    await expect(backUp(data, backup)).rejects.toThrow("is needed for the copy: move it away");
    await rm(`${backup}.partial`, { recursive: true });
    await expect(backUp(data, join(data, "backup"))).rejects.toThrow("is in the data directory itself");
    const [segment] = (await filesIn(data)).filter((name) => name.endsWith(".log"));
    await truncate(join(data, segment!), 100);
    await expect(backUp(data, backup)).rejects.toThrow("is damaged: it has 100 bytes instead of");
    expect([existsSync(backup), existsSync(`${backup}.partial`)]).toEqual([false, false]);
  });

  test("that is incomplete or damaged anywhere is refused, and nothing of it is restored", async () => {
    await using directory = await temporaryDirectory();
    const [data, backup, copy, restored] = ["data", "backup", "copy", "restored"].map((name) =>
      join(directory.path, name),
    ) as [string, string, string, string];
    await filled(data);
    await backUp(data, backup);
    const files = await filesIn(backup);
    expect(files.length).toBeGreaterThan(6);
    for (const name of files) {
      for (const harm of ["gone", "shorter", "longer", "flipped"]) {
        await cp(backup, copy, { recursive: true });
        const path = join(copy, name);
        const bytes = await readFile(path);
        if (harm === "gone") await rm(path);
        if (harm === "shorter") await truncate(path, bytes.length - 1);
        if (harm === "longer") await appendFile(path, "x");
        if (harm === "flipped") {
          bytes[bytes.length >> 1]! ^= 4;
          await writeFile(path, bytes);
        }
        await expect(verifyBackup(copy), `${name} ${harm}`).rejects.toMatchObject({ name: "OperatorError" });
        await expect(restoreBackup(copy, restored), `${name} ${harm}`).rejects.toMatchObject({ name: "OperatorError" });
        expect(existsSync(restored)).toBe(false);
        await rm(copy, { recursive: true });
      }
    }
  });

  test("is checked to its end: every file that is wrong, missing or extra is listed, up to a hundred", async () => {
    await using directory = await temporaryDirectory();
    const [data, backup] = ["data", "backup"].map((name) => join(directory.path, name)) as [string, string];
    await filled(data);
    const { files } = await backUp(data, backup);
    const [shorter, flipped, gone, folder, ...sound] = files.map(({ path }) => `data/${path}`);
    expect(sound.length).toBeGreaterThan(1);
    await truncate(join(backup, shorter!), 1);
    const bytes = await readFile(join(backup, flipped!));
    bytes[0]! ^= 1;
    await writeFile(join(backup, flipped!), bytes);
    await rm(join(backup, gone!));
    await rm(join(backup, folder!));
    await mkdir(join(backup, folder!));
    await writeFile(join(backup, "extra"), "");
    await mkdir(join(backup, "more", "below"), { recursive: true });
    await writeFile(join(backup, "data", "journal", "extra"), "");
    const { counts, findings } = await examineBackup(backup);
    expect(counts).toEqual({ wrong: 3, missing: 1, extra: 3 });
    expect(new Map(findings.map(({ path, kind }) => [path, kind]))).toEqual(
      new Map([
        [shorter, "wrong"],
        [flipped, "wrong"],
        [gone, "missing"],
        [folder, "wrong"],
        ["extra", "extra"],
        ["more", "extra"],
        ["data/journal/extra", "extra"],
      ]),
    );
    await expect(verifyBackup(backup)).rejects.toMatchObject({ findings: { length: 7 } });
    for (let n = 0; n < mostFindings; n++) await writeFile(join(backup, `extra-${n}`), "");
    const many = await examineBackup(backup);
    expect([many.counts.extra, many.findings.length]).toEqual([mostFindings + 3, mostFindings]);
    await expect(verifyBackup(backup)).rejects.toThrow("has 7 more that are not listed");
  });

  test("that is on its way is waited for, and one that was killed is to be removed", async () => {
    await using directory = await temporaryDirectory();
    const [data, backup] = ["data", "my backup"].map((name) => join(directory.path, name)) as [string, string];
    const partial = `${backup}.partial`;
    await filled(data);
    await mkdir(partial);
    const another = await Unfinished.begin(partial, "backup.incomplete", data);
    await expect(backUp(data, backup)).rejects.toThrow(`another backup is writing ${partial}: wait`);
    await another[Symbol.asyncDispose]();
    await expect(backUp(data, backup)).rejects.toThrow(
      `remove it with \`rm -r '${partial}'\`, then run the same again`,
    );
    await rm(partial, { recursive: true });
    await backUp(data, backup);
    expect(await readdir(backup)).toEqual(["backup.json", "data"]);
  });

  test("is not restored into a directory that holds something, and one that was cut short is not served", async () => {
    await using directory = await temporaryDirectory();
    const [data, backup, restored] = ["data", "backup", "restored"].map((name) => join(directory.path, name)) as [
      string,
      string,
      string,
    ];
    await filled(data);
    await backUp(data, backup);
    await mkdir(restored);
    await writeFile(join(restored, "mine"), "");
    await expect(restoreBackup(backup, restored)).rejects.toThrow("is not empty");
    expect(await readdir(restored)).toEqual(["mine"]);
    await rm(restored, { recursive: true });
    // A copy of what is there each time that another file was restored is what a kill could have left.
    const images: string[] = [];
    await restoreBackup(backup, restored, {
      onProgress: () => {
        if (!existsSync(restored)) return;
        const image = join(directory.path, `image-${images.length}`);
        images.push(image);
        cpSync(restored, image, { recursive: true });
      },
    });
    expect(images.length).toBeGreaterThan(4);
    await rm(join(restored, "format.json"));
    await expect(openStore(restored)).rejects.toMatchObject({ name: "OperatorError" });
    for (const image of images) {
      const advice = `Empty it with \`find ${image} -mindepth 1 -delete\`, then run \`aclog restore ${backup} --data ${image}\``;
      await expect(openStore(image)).rejects.toThrow(advice);
      await expect(restoreBackup(backup, image)).rejects.toThrow(advice);
      await expect(backUp(image, join(directory.path, "another"))).rejects.toThrow(advice);
      await expect(DataDirectory.openToRepair(image)).rejects.toThrow(advice);
    }
    const target = join(directory.path, "on its way");
    await mkdir(target);
    const another = await Unfinished.begin(target, "restore.incomplete", backup);
    await expect(openStore(target)).rejects.toThrow(`a restore into ${target} is on its way`);
    await expect(restoreBackup(backup, target)).rejects.toThrow(`a restore into ${target} is on its way`);
    await another[Symbol.asyncDispose]();
  });
});
