import { statSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { FoundTopic } from "./catalog.js";
import { temporaryPathOf } from "./durable-files.js";
import { manifestName } from "./manifest.js";
import type { RecoveredTopic } from "./recovering-topic.js";
import { indexPathOf, segmentFileName } from "./segment.js";

const segmentName = /^(\d{20})(?:\.\d+)?\.(?:log|index)$/;

/**
 * Removes what a crash has left of a `topic.json` that was not whole, and files of segments that it kept maintenance from
 * removing: those in front of the active segment that `topic.json` does not name. What is behind it is left for whoever
 * wants to know why it is there.
 */
export async function removeOrphans(topics: readonly RecoveredTopic[]): Promise<void> {
  for (const { entry, checkpointed, failure } of topics) {
    // Of one that could not be written everything stays as it is.
    if (failure !== undefined) continue;
    for (const name of orphansOf(entry, checkpointed.segmentBase)) {
      // Recovery, which may have replaced `topic.json`, has used its place. One that cannot be removed counts no more all the
      // same, and is no reason not to start.
      await unlink(join(entry.directory, name)).catch(() => undefined);
    }
  }
}

function orphansOf({ directory, files, manifest }: FoundTopic, activeBase: bigint): readonly string[] {
  const logs = manifest.segments.map(({ base, generation }) => segmentFileName(base, generation));
  // As long as one is not there that has to be, what else there is may be what is left of its records.
  const isWhole = manifest.segments.every(
    ({ base, generation, sealed }) =>
      sealed === undefined || sizeOf(join(directory, segmentFileName(base, generation))) === sealed.bytes,
  );
  const named = new Set([...logs, ...logs.map(indexPathOf)]);
  return files.filter((name) => {
    const base = segmentName.exec(name)?.[1];
    const isUnnamed = isWhole && base !== undefined && !named.has(name) && BigInt(base) < activeBase;
    return isUnnamed || name === temporaryPathOf(manifestName);
  });
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch {
    // Whatever the reason, it is not there for whoever reads.
    return undefined;
  }
}
