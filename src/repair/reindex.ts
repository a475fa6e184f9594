import { rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { DataDirectory } from "../log/data-directory.js";
import { syncDirectory } from "../log/durable-files.js";
import { indexPathOf, segmentFileName } from "../log/segment.js";
import { SparseIndex, writeIndex } from "../log/sparse-index.js";
import { expectedSegments } from "./expected-segments.js";
import { scanSegment } from "./segment-scan.js";
import { requireDataDirectory, survey, unused } from "./survey.js";
import { type OnProgress, Tally } from "./tally.js";
import { type TopicFilter, selected } from "./topic-filter.js";

export interface ReindexReport {
  readonly topics: number;
  /** Index files that were written, relative to the data directory. */
  readonly written: readonly string[];
  /** Segments with damaged bytes, of which the index has what is sound. */
  readonly damaged: readonly string[];
}

/**
 * Writes the indexes of a stopped data directory anew, from what the segments hold.
 *
 * @throws OperatorError when a server has the directory, or there is no such topic
 */
export async function reindex(
  data: string,
  { onProgress, ...filter }: TopicFilter & { readonly onProgress?: OnProgress } = {},
): Promise<ReindexReport> {
  await requireDataDirectory(data);
  await using directory = await unused(DataDirectory.open(data));
  const { checkpoint, topics } = await survey(directory.path);
  const chosen = selected(topics, filter);
  const tally = new Tally(onProgress);
  const [written, damaged]: [string[], string[]] = [[], []];
  for (const { directory: topicDirectory, name, manifest } of chosen) {
    if (manifest === undefined) continue;
    for (const { base, generation, next, bytes } of expectedSegments(manifest, checkpoint?.ends.get(name.topicId))) {
      const path = join(topicDirectory, segmentFileName(base, generation));
      const index = new SparseIndex();
      let isDamaged = false;
      for await (const part of scanSegment({ path, topicId: name.topicId, base, generation, next, bytes })) {
        if (part.kind === "damage") isDamaged = true;
        else {
          tally.commit(part.header.count, part.bytes.length);
          index.add({ base: part.header.base, position: part.position, timeMs: part.header.timeMs });
        }
      }
      if (isDamaged) damaged.push(relative(data, path));
      const indexPath = indexPathOf(path);
      await rm(indexPath, { force: true, recursive: true });
      if (index.entries.length === 0) continue;
      await writeIndex(indexPath, name.topicId, index.entries);
      written.push(relative(data, indexPath));
    }
    await syncDirectory(topicDirectory);
  }
  return { topics: chosen.length, written, damaged };
}
