import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Catalog } from "./catalog.js";
import { layout } from "./data-directory.js";
import { isExhausted, isSystemError, syncDirectory } from "./durable-files.js";
import { inParallel } from "./in-parallel.js";

/** The process before wrote its clock every minute: what changed so long before that was synced, or written back since. */
const settledMs = 3_600_000;
/** Nobody else needs the thread pool yet. */
const concurrentSyncs = 16;

/**
 * Makes durable the names that a start has found. A process that was killed may have left them in the page cache alone: a power
 * cut would take them back, after callers were told of what lies under them, or after what they replaced was removed.
 *
 * @param path of the data directory
 * @returns by its directory, why a topic's own names could not be synced: that concerns this topic alone
 */
export async function syncFoundNames(path: string, { around, topics }: Catalog): Promise<ReadonlyMap<string, unknown>> {
  const lastSeenMs = changedMs(join(path, layout.clock)) ?? -Infinity;
  const recent = topics.map(({ directory }) => directory).filter((each) => changedMs(each)! >= lastSeenMs - settledMs);
  const shared = new Set([...around, join(path, layout.tenants), path, dirname(path)]);
  await inParallel(shared, concurrentSyncs, syncDirectory);
  const failed = new Map<string, unknown>();
  await inParallel(recent, concurrentSyncs, async (directory) => {
    await syncDirectory(directory).catch((error: unknown) => {
      if (!isSystemError(error) || isExhausted(error)) throw error;
      failed.set(directory, error);
    });
  });
  return failed;
}

/** By the file system's own time, which nobody but the machine's clock sets. */
function changedMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ctimeMs;
}
