import { execFileSync } from "node:child_process";
import { type FileHandle, mkdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { commitHeaderBytes, sealCommit } from "../../src/log/commit.js";
import { OpenFiles } from "../../src/log/open-files.js";
import { readManifest } from "../../src/log/manifest.js";
import { type Appended, type CommitLog, defaultTopicSettings } from "../../src/log/port.js";
import { emptyEnd } from "../../src/log/recovery.js";
import { segmentFileName } from "../../src/log/segment.js";
import { type Slab, Slabs } from "../../src/log/slabs.js";
import { StorageAccount } from "../../src/log/storage-account.js";
import { TopicFiles } from "../../src/log/topic-files.js";
import { TopicLog } from "../../src/log/topic-log.js";
import {
  type TemporaryDirectory,
  append,
  exited,
  messageFrom,
  openFilesBelow,
  openStore,
  pathsEndingWith,
  readAll,
  readValues,
  startChild,
  temporaryDirectory,
  valuesBatch,
} from "../support/log-harness.js";
import { heldBytes } from "../support/memory.js";

const mebibyte = 1024 * 1024;

/** Of a store that takes batches of a mebibyte. */
const ofMebibytes = {
  journalFileBytes: 8 * mebibyte,
  journalFiles: 2,
  segmentBytes: 64 * mebibyte,
  pendingBytes: mebibyte,
};

/** A topic's log on its own, with nothing in it yet. */
function emptyTopic(files: OpenFiles, directory: string): TopicLog {
  const manifest = {
    tenant: "acme",
    topic: "orders",
    topicId: "0".repeat(32),
    createdMs: 1,
    settings: defaultTopicSettings,
    startOffset: 0n,
    compactedTo: 0n,
    ageMark: undefined,
    producers: undefined,
    segments: [],
  };
  const unused = (): Promise<never> => Promise.reject(new Error("not used"));
  const appender = { admit: () => undefined, enqueue: unused, betweenGroups: unused };
  return new TopicLog(new TopicFiles(files, directory, manifest, 0), appender, new StorageAccount(), emptyEnd);
}

function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("when the journal cannot be written", () => {
  // A write beyond the limit on file sizes fails in the kernel, as it does on a broken disk.
  const canLimit = runs("prlimit", "--version");
  if (!canLimit) console.warn("not checked: a failing journal needs the command prlimit (util-linux)");

  test.skipIf(!canLimit)("everyone who waits or comes later is refused, reads go on, and nothing is lost", async () => {
    await using directory = await temporaryDirectory();
    const child = startChild("fail", directory.path);
    await messageFrom(child, ({ kind }) => kind === "acked");
    execFileSync("prlimit", ["--pid", `${child.pid}`, "--fsize=4096:4096"]);
    const answer = messageFrom(child, ({ kind }) => kind === "done");
    child.send("go");
    const done = await answer;
    expect(done).toMatchObject({
      waiting: Array.from({ length: 20 }, () => "JOURNAL_FAILED"),
      later: "JOURNAL_FAILED",
      created: "JOURNAL_FAILED",
      read: 20,
      failures: 1,
    });
    await exited(child);
    await using open = await openStore(directory.path);
    const log = open.store.find("acme", "orders")!;
    const values = await readValues(log);
    expect(values.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, n) => `before ${n}`));
    expect(values.length).toBe(20);
    expect(await append(log, "again")).toBe(20n);
  });
});

describe("when the disk is full", () => {
  /** A disk of its own; undefined where that takes rights that we do not have. */
  async function smallDisk(parent: string, megabytes: number): Promise<TemporaryDirectory | undefined> {
    const path = join(parent, "disk");
    await mkdir(path);
    if (!runs("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path)) return undefined;
    return { path, [Symbol.asyncDispose]: async () => void runs("umount", "-l", path) };
  }

  const tenKilobytes = (n: number) => `${n}:${"x".repeat(10_000)}`;
  const options = { journalFileBytes: mebibyte / 2, journalFiles: 2, segmentBytes: mebibyte };

  /** Appends until no more is taken. What was taken may have to wait for the disk. */
  async function fill(log: CommitLog, taken: Promise<Appended>[] = []): Promise<Promise<Appended>[]> {
    for (;;) {
      try {
        taken.push((await log.append(valuesBatch(tenKilobytes(taken.length)), {})).durable);
      } catch (error) {
        expect(error).toMatchObject({ reason: "STORAGE_FULL", retryAfterMs: 1000 });
        return taken;
      }
      await turn();
    }
  }

  test("appends are refused, nothing is lost, and they go on by themselves once there is room", async ({ skip }) => {
    await using directory = await temporaryDirectory();
    await using mounted = await smallDisk(directory.path, 12);
    if (mounted === undefined) return skip("not checked: a full disk needs the right to mount a tmpfs");
    const disk = mounted.path;
    const ballast = join(disk, "ballast");
    await writeFile(ballast, Buffer.alloc(4 * mebibyte));
    let stored = 0;
    {
      await using open = await openStore(join(disk, "data"), options);
      const log = await open.store.open("acme", "orders");
      const taken = await fill(log);
      expect(taken.length).toBeGreaterThan(100);
      // The rest of the disk goes to someone else, so that what waits cannot be written either.
      const { bavail, bsize } = await statfs(disk);
      await writeFile(join(disk, "other"), Buffer.alloc(bavail * bsize)).catch(() => undefined);
      expect(await fill(log, taken)).toBe(taken);
      for (const { value, offset } of await readAll(log)) expect(value.toString()).toBe(tenKilobytes(Number(offset)));
      await rm(ballast);
      await rm(join(disk, "other"), { force: true });
      expect((await Promise.all(taken)).map(({ offset }) => offset)).toEqual(taken.map((_, n) => BigInt(n)));
      // The next look at the disk is due in a moment; whoever tries again gets in.
      for (stored = taken.length; stored < taken.length + 20;) {
        const again = await log.append(valuesBatch(tenKilobytes(stored)), {}).catch(() => undefined);
        if (again === undefined) await turn();
        else expect((await again.durable).offset).toBe(BigInt(stored++));
      }
      expect(open.failures).toEqual([]);
    }
    await using open = await openStore(join(disk, "data"), options);
    const values = await readValues(open.store.find("acme", "orders")!);
    expect(values).toEqual(Array.from({ length: stored }, (_, n) => tenKilobytes(n)));
  });

  test("under its feet, what was answered is kept, and closing does not wait for room", async ({ skip }) => {
    await using directory = await temporaryDirectory();
    await using mounted = await smallDisk(directory.path, 12);
    if (mounted === undefined) return skip("not checked: a full disk needs the right to mount a tmpfs");
    const disk = mounted.path;
    const answered: string[] = [];
    {
      await using open = await openStore(join(disk, "data"), options);
      const log = await open.store.open("acme", "orders");
      await append(log, "first");
      answered.push("first");
      // All at once, before anyone looks at the disk again.
      const { bavail, bsize } = await statfs(disk);
      await writeFile(join(disk, "other"), Buffer.alloc(bavail * bsize)).catch(() => undefined);
      const attempts = Array.from({ length: 200 }, (_, n) => log.append(valuesBatch(tenKilobytes(n)), {}));
      const taken = await Promise.allSettled(attempts);
      const closing = open.store[Symbol.asyncDispose]();
      for (const [n, attempt] of taken.entries()) {
        if (attempt.status === "rejected") continue;
        const stored = await attempt.value.durable.then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ reason: "STORAGE_FULL" });
            return false;
          },
        );
        if (stored) answered.push(tenKilobytes(n));
      }
      await closing;
      expect(open.failures).toEqual([]);
    }
    await rm(join(disk, "other"));
    await using open = await openStore(join(disk, "data"), options);
    const values = await readValues(open.store.find("acme", "orders")!);
    expect(values.slice(0, answered.length)).toEqual(answered);
  });
});

describe("bounded", () => {
  test("are open files and journal files, with hundreds of topics, and all are closed in the end", async () => {
    await using directory = await temporaryDirectory();
    const limit = 8;
    const names = Array.from({ length: 300 }, (_, n) => `t${n}`);
    {
      await using open = await openStore(directory.path, { openFiles: limit });
      const logs = await Promise.all(names.map((name) => open.store.open("acme", name)));
      let most = 0;
      for (let round = 0; round < 4; round++) {
        const appends = logs.map((log, n) => append(log, `${round}/${n}`, "x".repeat(200)));
        for (let done = 0; done < appends.length; done += 30) {
          await appends[done];
          const files = await openFilesBelow(directory.path);
          most = Math.max(most, files.filter((path) => /\.(log|index)$/.test(path)).length);
          const { length } = await pathsEndingWith(join(directory.path, "journal"), ".wal");
          expect(length).toBeLessThanOrEqual(3);
        }
        await Promise.all(appends);
        for (const log of logs) expect((await readValues(log)).length).toBe(2 * (round + 1));
      }
      expect(most).toBeGreaterThan(0);
      // Two writers, two syncs and a reader may each hold one more for a moment.
      expect(most).toBeLessThanOrEqual(limit + 6);
    }
    expect(await openFilesBelow(directory.path)).toEqual([]);
    await using open = await openStore(directory.path, { openFiles: limit });
    for (const [n, name] of names.entries()) {
      expect((await readValues(open.store.find("acme", name)!)).filter((value) => value.includes("/"))).toEqual(
        [0, 1, 2, 3].map((round) => `${round}/${n}`),
      );
    }
  });

  test("is the journal, however much is written", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path);
    const log = await open.store.open("acme", "orders");
    for (let n = 0; n < 300; n++) await append(log, Buffer.alloc(3000, n));
    const names = await pathsEndingWith(join(directory.path, "journal"), "");
    let bytes = 0;
    // A checkpoint's temporary file may be gone again.
    for (const name of names) bytes += (await stat(name).catch(() => ({ size: 0 }))).size;
    // Files with groups, two spares, and the checkpoint.
    expect(bytes).toBeLessThanOrEqual(5 * 64 * 1024 + 4096);
  });

  test("is what a tenant may have waiting, and another tenant's appends go on", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, ofMebibytes);
    const greedy = await open.store.open("greedy", "orders");
    const modest = await open.store.open("modest", "orders");
    const batch = valuesBatch(Buffer.alloc(mebibyte));
    const attempts = await Promise.allSettled(Array.from({ length: 80 }, () => greedy.append(batch, {})));
    const refused = attempts.filter((attempt) => attempt.status === "rejected");
    expect(refused.length).toBeGreaterThan(10);
    for (const { reason } of refused) expect(reason).toMatchObject({ reason: "BACKLOG_FULL", retryAfterMs: 100 });
    // In turn, and not behind sixty megabytes of somebody else.
    let before = 0n;
    await append(modest, "quick").then(() => (before = greedy.range().next));
    expect(before).toBeLessThan(10n);
    for (const attempt of attempts) if (attempt.status === "fulfilled") await attempt.value.durable;
    expect(greedy.range().next).toBe(BigInt(80 - refused.length));
    await append(greedy, "and again");
  });
});

describe("memory", () => {
  test("holds no batch that was answered, also while a tenant always has one waiting", async () => {
    await using directory = await temporaryDirectory();
    await using open = await openStore(directory.path, ofMebibytes);
    const log = await open.store.open("acme", "default");
    const before = await heldBytes();
    let begun = 0;
    let most = 0;
    const worker = async (): Promise<void> => {
      while (begun < 300) {
        begun++;
        await append(log, Buffer.alloc(mebibyte - 1024, begun));
        if (begun % 50 === 0) most = Math.max(most, (await heldBytes()) - before);
      }
    };
    await Promise.all(Array.from({ length: 12 }, worker));
    // Twelve are in flight, one group is written, and what readers may want is on its way to the segments.
    expect(most).toBeLessThan(100 * mebibyte);
  });
});

describe("a search by time", () => {
  test("looks into few of a topic's many segments, and finds the first record of every time", async () => {
    await using directory = await temporaryDirectory();
    const looked = new Set<string>();
    class WatchedFiles extends OpenFiles {
      override read<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
        looked.add(path);
        return super.read(path, use);
      }
    }
    await using files = new WatchedFiles(8);
    const log = emptyTopic(files, directory.path);
    const count = 500n;
    for (let base = 0n; base < count; base++) {
      const bytes = Buffer.alloc(commitHeaderBytes);
      // Two segments share a time, and then comes a gap.
      const timeMs = 1000 + 10 * Math.floor(Number(base) / 2);
      sealCommit(bytes, 0, { topicId: log.topicIdBytes, base, count: 1, timeMs, framesBytes: 0 });
      const place = { base, segmentBase: base, position: 0, count: 1, timeMs };
      log.publish([{ ...place, headerBytes: commitHeaderBytes, bytes, slab: slabOfOne() }]);
    }
    await log.flush(() => undefined);
    for (const [time, offset] of [
      [0n, 0n],
      [1000n, 0n],
      [1001n, 2n],
      [1010n, 2n],
      [2505n, 302n],
      [3490n, 498n],
      [3491n, count],
    ] as const) {
      looked.clear();
      expect(await log.offsetAt(time)).toBe(offset);
      expect(looked.size).toBeLessThanOrEqual(11);
    }
  });
});

/** What a commit that no group was built of holds. */
function slabOfOne(): Slab {
  const slab = new Slabs(1).withRoomFor(1);
  slab.hold();
  return slab;
}

describe("open files", () => {
  test("sync what was being written beside an earlier sync", async () => {
    await using directory = await temporaryDirectory();
    await using files = new OpenFiles(2);
    const path = join(directory.path, "file");
    let syncs = 0;
    await files.write(path, async (file) => {
      const sync = file.sync.bind(file);
      file.sync = async () => {
        syncs++;
        await sync();
      };
    });
    let finish: () => void = () => undefined;
    const writing = files.write(path, () => new Promise<void>((resolve) => (finish = resolve)));
    await turn();
    await files.sync(path);
    expect(syncs).toBe(1);
    await files.sync(path);
    expect(syncs, "nothing was written since").toBe(1);
    finish();
    await writing;
    await files.sync(path);
    expect(syncs, "the write ended after the sync had begun").toBe(2);
  });

  test("are read on a disk that has been made read-only, as the kernel does with one that fails", async ({ skip }) => {
    await using directory = await temporaryDirectory();
    const [disk, view] = [join(directory.path, "disk"), join(directory.path, "view")];
    await mkdir(disk);
    await mkdir(view);
    await writeFile(join(disk, "file"), "stored");
    const isMounted = runs("mount", "--bind", disk, view) && runs("mount", "-o", "remount,ro,bind", view);
    try {
      if (!isMounted) return skip("not checked: a read-only disk needs the right to mount");
      await using files = new OpenFiles(2);
      const path = join(view, "file");
      expect(await files.read(path, (file) => file.readFile("utf8"))).toBe("stored");
      const another = files.write(join(view, "another"), () => Promise.resolve());
      await expect(another).rejects.toMatchObject({ code: "EROFS" });
    } finally {
      runs("umount", view);
    }
  });

  test("are synced before they are closed to make room", async () => {
    await using directory = await temporaryDirectory();
    await using files = new OpenFiles(1);
    const synced: string[] = [];
    for (const name of ["a", "b", "c"]) {
      await files.write(join(directory.path, name), async (file) => {
        await file.write(name);
        const sync = file.sync.bind(file);
        file.sync = async () => {
          await sync();
          synced.push(name);
        };
      });
      expect(files.size).toBeLessThanOrEqual(1);
    }
    expect(synced).toEqual(["a", "b"]);
  });
});

describe("a checkpoint", () => {
  test("syncs segments that began while the one before it ran, also those that are sealed by now", async () => {
    await using directory = await temporaryDirectory();
    const synced: string[] = [];
    let during: (() => void) | undefined;
    class WatchedFiles extends OpenFiles {
      override async sync(path: string): Promise<void> {
        await super.sync(path);
        synced.push(basename(path));
        during?.();
        during = undefined;
      }
    }
    await using files = new WatchedFiles(8);
    const log = emptyTopic(files, directory.path);
    const publish = (base: bigint, segmentBase: bigint, position: number) =>
      log.publish([
        {
          base,
          segmentBase,
          position,
          count: 1,
          timeMs: 1,
          headerBytes: 0,
          bytes: Buffer.alloc(10, 1),
          slab: slabOfOne(),
        },
      ]);
    const checkpoint = async (): Promise<string[]> => {
      synced.length = 0;
      await log.flush(() => undefined);
      await log.files.sync();
      return synced.filter((name) => name.endsWith(".log"));
    };
    publish(0n, 0n, 0);
    during = () => {
      publish(1n, 0n, 10);
      publish(2n, 2n, 0);
      publish(3n, 3n, 0);
    };
    expect(await checkpoint()).toEqual([segmentFileName(0n)]);
    expect(await checkpoint()).toEqual([0n, 2n, 3n].map((base) => segmentFileName(base)));
    expect((await readManifest(directory.path)).segments).toEqual([
      { base: 0n, sealed: { next: 2n, bytes: 20 } },
      { base: 2n, sealed: { next: 3n, bytes: 10 } },
      { base: 3n },
    ]);
  });
});
