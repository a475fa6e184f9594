import { open } from "node:fs/promises";
import { join, relative } from "node:path";
import { type CommitHeader, isIntact, readCommitHeader } from "../log/commit.js";
import { layout } from "../log/data-directory.js";
import { isMissing } from "../log/durable-files.js";
import { type Manifest, manifestName } from "../log/manifest.js";
import { segmentFileName } from "../log/segment.js";
import { FileWindow } from "./file-window.js";
import { formatTopic } from "./findings.js";
import { segmentOfName } from "./segment-names.js";
import type { SurveyedTopic } from "./survey.js";
import { noFile } from "./unusable.js";

/** A file or a directory that is whole, and stands where another one belongs. */
export interface Misplaced {
  /** Relative to the data directory. */
  readonly path: string;
  /** What it is, and where it has to go, in words. */
  readonly problem: string;
}

/**
 * What somebody has moved: a topic's directory, its `topic.json` or one of its segments in the place of another topic's. To
 * mend around it would give one topic's records, or its name, to another; moved back, nothing is lost.
 */
export async function misplacedIn(data: string, topics: readonly SurveyedTopic[]): Promise<readonly Misplaced[]> {
  const misplaced: Misplaced[] = [];
  for (const topic of topics) {
    const { directory, name, claims } = topic;
    const owners = await ownersOf(topic);
    const isOfFolder = owners.size > 0 && [...owners.values()].every(({ topicId }) => topicId === name.topicId);
    if (claims !== undefined) misplaced.push(await belongsTo(data, topic, claims, isOfFolder));
    const own = claims === undefined || isOfFolder ? name.topicId : claims.topicId;
    for (const [file, { topicId, base }] of owners) {
      const path = relative(data, join(directory, file));
      if (topicId === own) {
        if (!isUnderAnothersName(file, base, topic)) continue;
        const problem = `it begins with offset ${base}: give it back the name ${segmentFileName(base)} first`;
        misplaced.push({ path, problem });
        continue;
      }
      const known = placeOf(data, topicId, topics);
      misplaced.push({ path, problem: `it holds commits of topic ${known}: move it back there first` });
    }
  }
  return misplaced;
}

/** Where the directory belongs whose sound `topic.json` says that it is another's, relative to the data directory. */
export function placeOfManifest({ tenant, topicId }: Pick<Manifest, "tenant" | "topicId">): string {
  return join(layout.tenants, tenant, "topics", topicId);
}

async function belongsTo(
  data: string,
  { directory, name }: SurveyedTopic,
  claims: Manifest,
  isOfFolder: boolean,
): Promise<Misplaced> {
  const whose = `${formatTopic(claims)} (${claims.topicId})`;
  const place = placeOfManifest(claims);
  if (isOfFolder && claims.topicId !== name.topicId) {
    const problem = `it is that of ${whose}, and the segments beside it are of topic ${name.topicId}: move it back to ${place} first`;
    return { path: relative(data, join(directory, manifestName)), problem };
  }
  return {
    path: relative(data, directory),
    problem: `its topic.json is sound, and that of ${whose}: move the directory back to ${place} first`,
  };
}

function placeOf(data: string, topicId: string, topics: readonly SurveyedTopic[]): string {
  const claimed = topics.find(({ claims }) => claims?.topicId === topicId)?.claims;
  if (claimed !== undefined) return `${topicId}, which belongs in ${placeOfManifest(claimed)}`;
  const there = topics.find(({ name }) => name.topicId === topicId);
  return there === undefined
    ? `${topicId}, of which there is no directory`
    : `${topicId}, whose directory is ${relative(data, there.directory)}`;
}

/** True if another of the topic's segments begins with that offset: this file is that one. */
function isUnderAnothersName(file: string, base: bigint, { manifest }: SurveyedTopic): boolean {
  const segment = segmentOfName(file)!;
  if (segment.generation > 0 || segment.base === base) return false;
  return manifest?.segments.some((each) => each.base === base && each.generation === undefined) === true;
}

/** Whose each segment is, and where it begins, by its first commit if that is whole. */
async function ownersOf({ directory, files }: SurveyedTopic): Promise<ReadonlyMap<string, CommitHeader>> {
  const owners = new Map<string, CommitHeader>();
  for (const file of [...files].sort()) {
    const segment = segmentOfName(file);
    if (segment === undefined || segment.isIndex) continue;
    const owner = await ownerOf(join(directory, file));
    if (owner !== undefined) owners.set(file, owner);
  }
  return owners;
}

/** Undefined unless the file begins with a commit that is as it was written. */
async function ownerOf(path: string): Promise<CommitHeader | undefined> {
  try {
    if (noFile(path) !== undefined) return undefined;
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const window = new FileWindow(file, size);
      const header = readCommitHeader(await window.at(0, headerRoom), 0);
      if (header === undefined) return undefined;
      const length = header.headerBytes + header.framesBytes;
      if (length > size) return undefined;
      return isIntact(await window.at(0, length), 0, header) ? header : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    // What cannot be read says nothing of its owner; that it cannot be read is found elsewhere.
    if (isMissing(error) || (error instanceof Error && "syscall" in error)) return undefined;
    throw error;
  }
}

const headerRoom = 64 * 1024;
