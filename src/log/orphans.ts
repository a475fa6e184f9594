import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { temporaryPathOf } from "./durable-files.js";
import { manifestName } from "./manifest.js";
import type { RecoveredTopic } from "./recovery.js";
import { indexPathOf, segmentFileName } from "./segment.js";

const segmentName = /^(\d{20})(?:\.\d+)?\.(?:log|index)$/;
const concurrentTopics = 8;

/**
 * Removes what a crash has left of a `topic.json` that was not whole, and files of segments that it kept maintenance from
 * removing: those in front of the active segment that `topic.json` does not name. What is behind it is left for whoever
 * wants to know why it is there.
 */
export async function removeOrphans(topics: readonly RecoveredTopic[]): Promise<void> {
  const queue = topics.values();
  const worker = async (): Promise<void> => {
    for (const topic of queue) await removeOrphansOf(topic);
  };
  await Promise.all(Array.from({ length: concurrentTopics }, worker));
}

async function removeOrphansOf({ entry, end }: RecoveredTopic): Promise<void> {
  const logs = entry.manifest.segments.map(({ base, generation }) => segmentFileName(base, generation));
  const named = new Set([...logs, ...logs.map(indexPathOf)]);
  for (const name of await readdir(entry.directory)) {
    const base = segmentName.exec(name)?.[1];
    const isUnnamed = base !== undefined && !named.has(name) && BigInt(base) < end.segmentBase;
    if (isUnnamed || name === temporaryPathOf(manifestName)) await unlink(join(entry.directory, name));
  }
}
