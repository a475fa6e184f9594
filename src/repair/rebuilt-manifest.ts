import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isSystemName, isTopicName } from "../names.js";
import type { TopicEnd } from "../log/checkpoint.js";
import { type Manifest, type ManifestSegment, manifestName, manifestSegment } from "../log/manifest.js";
import { defaultTopicSettings } from "../log/port.js";
import { segmentFileName } from "../log/segment.js";
import { speaksOfProducers } from "./producers-mark.js";
import { scanSegment } from "./segment-scan.js";
import { segmentOfName } from "./segment-names.js";
import type { SurveyedTopic } from "./survey.js";

/**
 * A `topic.json` from the files that are there. What only `topic.json` knew is as for a new topic: settings, and where the
 * topic starts. Of two generations of a segment the older counts: it is removed only when the newer is whole and named.
 *
 * @param end what the checkpoint says
 * @param kept what is known of name and settings, if anything
 */
export async function rebuiltManifest(
  { directory, name, files, manifest }: SurveyedTopic,
  topic: string,
  end: TopicEnd | undefined,
): Promise<Manifest> {
  const generations = new Map<bigint, number>();
  for (const file of files) {
    const segment = segmentOfName(file);
    if (segment === undefined || segment.isIndex) continue;
    const known = generations.get(segment.base);
    generations.set(segment.base, Math.min(known ?? segment.generation, segment.generation));
  }
  const bases = [...generations.keys()].sort((a, b) => (a < b ? -1 : 1));
  const last = bases.at(-1);
  // Only what was appended to can be active.
  const activeBase = end?.segmentBase ?? (last !== undefined && generations.get(last) === 0 ? last : undefined);
  const segments: ManifestSegment[] = [];
  let behind = 0n;
  let hasProducers = false;
  for (const [index, base] of bases.entries()) {
    const generation = generations.get(base)!;
    const path = join(directory, segmentFileName(base, generation));
    const limit = bases[index + 1] ?? (activeBase !== undefined && base < activeBase ? activeBase : undefined);
    const found = await extent({ path, topicId: name.topicId, base, generation, next: limit });
    hasProducers ||= found.hasProducers;
    if (activeBase !== undefined && base >= activeBase) continue;
    const next = found.isWhole || limit === undefined ? found.next : limit;
    segments.push(manifestSegment(base, generation, { next, bytes: found.bytes }));
    behind = next;
  }
  segments.push({ base: activeBase ?? behind });
  return {
    tenant: name.tenant,
    topic,
    topicId: name.topicId,
    createdMs: manifest?.createdMs ?? 0,
    settings: manifest?.settings ?? defaultTopicSettings,
    startOffset: manifest?.startOffset ?? segments[0]!.base,
    compactedTo: 0n,
    ageMark: manifest?.ageMark,
    producers: manifest?.producers ?? (hasProducers ? { from: segments[0]!.base } : undefined),
    segments,
  };
}

async function extent(segment: {
  readonly path: string;
  readonly topicId: string;
  readonly base: bigint;
  readonly generation: number;
  readonly next: bigint | undefined;
}): Promise<{
  readonly next: bigint;
  readonly bytes: number;
  readonly isWhole: boolean;
  readonly hasProducers: boolean;
}> {
  let [next, bytes, isWhole, hasProducers] = [segment.base, 0, true, false];
  for await (const part of scanSegment({ ...segment, bytes: undefined })) {
    if (part.kind === "damage") {
      isWhole = false;
      bytes = part.end;
    } else {
      next = part.header.last + 1n;
      bytes = part.position + part.bytes.length;
      hasProducers ||= speaksOfProducers(part);
    }
  }
  return { next, bytes, isWhole, hasProducers };
}

/** The name that stands in a damaged `topic.json`, if one can be made out. Nothing vouches for it. */
export async function nameIn(directory: string): Promise<string | undefined> {
  const text = await readFile(join(directory, manifestName), "latin1").catch(() => "");
  const name = /"topic"\s*:\s*"([^"\\]+)"/.exec(text)?.[1];
  return name !== undefined && (isTopicName(name) || isSystemName(name)) ? name : undefined;
}
