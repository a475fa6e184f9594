import { existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { DiskModel } from "../support/disk-model.js";
import { append, openStore, readValues, temporaryDirectory, valuesBatch } from "../support/log-harness.js";

const disk = vi.hoisted(() => ({ model: undefined as DiskModel | undefined }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const { DiskModel: Model } = await import("../support/disk-model.js");
  disk.model ??= new Model();
  return disk.model.wrap(await importOriginal());
});
const model = disk.model!;

afterEach(() => model.stop());

/** The file that a step syncs. */
function syncedBy(step: string): string {
  const descriptor = /^sync of file (\d+)$/.exec(step)?.[1];
  return descriptor === undefined ? "" : readlinkSync(`/proc/self/fd/${descriptor}`);
}

/** What a kill leaves at the first step that matches, and what of it is on disk. */
async function killedAt(
  directory: string,
  matches: (step: string) => boolean,
  use: (live: string) => Promise<void>,
): Promise<{ killed: string; durable: string }> {
  const [live, killed, durable] = ["live", "killed", "durable"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await openStore(live).then((open) => open[Symbol.asyncDispose]());
  model.watch(live, async (step) => {
    if (existsSync(killed) || !matches(step)) return;
    model.copyAfterKill(killed);
    model.copyAfterPowerCut(durable);
  });
  await use(live);
  model.stop();
  expect(existsSync(killed)).toBe(true);
  return { killed, durable };
}

describe("a server that was killed, and whose machine then loses power", () => {
  test("starts, wherever the power cut ends the recovery of a group that was not synced yet", async () => {
    await using directory = await temporaryDirectory();
    let groups = 0;
    const { killed, durable } = await killedAt(
      directory.path,
      (step) => syncedBy(step).endsWith(".wal") && ++groups === 2,
      async (live) => {
        await using open = await openStore(live);
        const log = await open.store.open("acme", "orders");
        await append(log, "answered");
        await append(log, "not answered before the kill");
      },
    );
    const images: string[] = [];
    const cut = (): void => {
      const path = join(directory.path, `image-${images.length}`);
      model.copyAfterPowerCut(path);
      images.push(path);
    };
    model.watch(killed, async () => cut(), durable);
    {
      await using open = await openStore(killed);
      expect(await readValues(open.store.find("acme", "orders")!)).toHaveLength(2);
      await model.copyBetween(cut);
      model.stop();
    }
    expect(images.length).toBeGreaterThan(5);
    for (const path of images) {
      await using open = await openStore(path);
      expect(open.report.damaged).toEqual([]);
      expect((await readValues(open.store.find("acme", "orders")!))[0]).toBe("answered");
    }
    await using open = await openStore(images.at(-1)!);
    expect(await readValues(open.store.find("acme", "orders")!)).toHaveLength(2);
  });

  test("has the records of a topic whose creation was not on disk when it was killed", async () => {
    await using directory = await temporaryDirectory();
    const { killed, durable } = await killedAt(
      directory.path,
      (step) => syncedBy(step).endsWith("/topics"),
      async (live) => {
        await using open = await openStore(live);
        await open.store.open("acme", "orders");
      },
    );
    const cut = join(directory.path, "cut");
    model.watch(killed, undefined, durable);
    {
      await using open = await openStore(killed);
      await append(open.store.find("acme", "orders")!, "answered");
      await model.copyBetween((now) => now.copyAfterPowerCut(cut));
      model.stop();
    }
    await using open = await openStore(cut);
    expect(await readValues(open.store.find("acme", "orders")!)).toEqual(["answered"]);
  });
});

test("a topic is not deleted when the journal fails with records of it, so that the next start finds whose they are", async () => {
  await using directory = await temporaryDirectory();
  const live = join(directory.path, "live");
  await openStore(live).then((open) => open[Symbol.asyncDispose]());
  let onJournalSync: (() => void) | undefined;
  model.watch(live, async (step) => {
    if (syncedBy(step).endsWith(".wal")) onJournalSync?.();
  });
  {
    await using open = await openStore(live);
    const log = await open.store.open("acme", "orders");
    await append(log, "answered");
    let deleted: Promise<unknown> | undefined;
    // While its group is on its way; what is refused then may be on disk all the same.
    onJournalSync = () => {
      onJournalSync = undefined;
      deleted = open.store.delete(log).catch((error: unknown) => error);
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    };
    await expect((await log.append(valuesBatch("refused"), {})).durable).rejects.toMatchObject({
      reason: "JOURNAL_FAILED",
    });
    expect(await deleted).toMatchObject({ reason: "JOURNAL_FAILED" });
    model.stop();
  }
  await using open = await openStore(live);
  expect((await readValues(open.store.find("acme", "orders")!))[0]).toBe("answered");
});
