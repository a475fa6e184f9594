import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Catalog } from "./catalog.js";
import { layout } from "./data-directory.js";
import { syncDirectory } from "./durable-files.js";
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
 */
export async function syncFoundNames(path: string, { around, topics }: Catalog): Promise<void> {
  const lastSeenMs = changedMs(join(path, layout.clock)) ?? -Infinity;
  const recent = topics.map(({ directory }) => directory).filter((each) => changedMs(each)! >= lastSeenMs - settledMs);
  const directories = new Set([...recent, ...around, join(path, layout.tenants), path, dirname(path)]);
  await inParallel(directories, concurrentSyncs, syncDirectory);
}

/** By the file system's own time, which nobody but the machine's clock sets. */
function changedMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ctimeMs;
}
