import { join, relative } from "node:path";
import { readSaved } from "../log/retention-clock.js";
import type { TopicEnd } from "../log/checkpoint.js";
import { layout } from "../log/data-directory.js";
import type { Manifest } from "../log/manifest.js";
import { manifestName } from "../log/manifest.js";
import { indexPathOf, segmentFileName } from "../log/segment.js";
import { type DirectoryFinding, advice, formatTopic } from "./findings.js";
import { placeOfManifest } from "./misplaced.js";
import { segmentOfName } from "./segment-names.js";
import { type Survey, type SurveyedTopic, asideName, formatProblem, has, inShort, survey } from "./survey.js";

/** What is there and what must be there, without looking into segments or the journal. */
export async function verifyLayout(data: string): Promise<DirectoryFinding[]> {
  const found = await survey(data);
  return [
    ...(await verifyFormat(data)),
    ...(await verifyClock(data)),
    ...verifyCheckpoint(data, found),
    ...verifyTenants(data, found),
    ...verifyNames(data, found.topics),
    ...found.topics.flatMap((topic) => verifyTopicFiles(data, topic, found)),
    ...found.leftovers.map((directory) => leftover(data, directory, "a topic that was not finished, or is deleted")),
  ];
}

async function verifyFormat(data: string): Promise<DirectoryFinding[]> {
  const found = await formatProblem(data);
  if (found === undefined) return [];
  const expected = "the name and the version of the format";
  return [{ kind: "FORMAT", severity: "damage", path: layout.format, found, expected, next: advice.repair }];
}

async function verifyClock(data: string): Promise<DirectoryFinding[]> {
  const path = join(data, layout.clock);
  const about = {
    kind: "CLOCK",
    path: layout.clock,
    expected: "how far the clock has come by which records age",
  } as const;
  try {
    if ((await readSaved(path)) !== undefined) return [];
    const next =
      "nothing, if it is known to be lost: all records age from the next start on; or restore it from a backup";
    return [{ ...about, severity: "warning", found: "the file is missing", next }];
  } catch (error) {
    return [{ ...about, severity: "damage", found: inShort(error, path), next: advice.repair }];
  }
}

function verifyCheckpoint(
  data: string,
  { checkpoint, checkpointProblem, topics, deleted }: Survey,
): DirectoryFinding[] {
  const path = join(layout.journal, "checkpoint");
  const findings: DirectoryFinding[] = [];
  if (has(join(data, layout.journal), asideName)) {
    findings.push({
      kind: "UNFINISHED_REPAIR",
      severity: "damage",
      path: join(layout.journal, asideName),
      found: "a repair that did not come to its end",
      expected: "none",
      next: "aclog log repair --yes again: it goes on",
    });
  }
  if (checkpointProblem !== undefined) {
    const expected = "what the segments hold";
    findings.push({
      kind: "CHECKPOINT",
      severity: "damage",
      path,
      found: checkpointProblem,
      expected,
      next: advice.repair,
    });
  }
  const there = new Set(topics.map(({ name }) => name.topicId));
  const ends = [...(checkpoint?.ends ?? [])].map(([topicId, { next }]) => [topicId, next] as const);
  for (const [topicId, next] of new Map([...ends, ...(checkpoint?.rescues ?? [])])) {
    if (there.has(topicId) || deleted.has(topicId)) continue;
    findings.push({
      kind: "TOPIC_DIRECTORY",
      severity: "damage",
      path: layout.tenants,
      found: `no directory of topic ${topicId}`,
      expected: `one: the checkpoint says that it goes up to offset ${next}`,
      next: advice.restore,
    });
  }
  return findings;
}

function verifyTenants(data: string, { lostTenants }: Survey): DirectoryFinding[] {
  return lostTenants.map(({ tenant, path, problem }) => ({
    kind: "TOPIC_DIRECTORY",
    severity: "damage",
    path: relative(data, path),
    found: `it cannot be read: ${problem}`,
    expected: `the directory of the topics of ${tenant}`,
    next: "look at the disk, and at who may read it; put the directory back, or restore it from a backup",
  }));
}

function verifyNames(data: string, topics: readonly SurveyedTopic[]): DirectoryFinding[] {
  const findings: DirectoryFinding[] = [];
  const named = new Map<string, SurveyedTopic>();
  for (const topic of topics) {
    if (topic.manifest === undefined) continue;
    const name = formatTopic(topic.name);
    const other = named.get(name);
    named.set(name, topic);
    if (other === undefined) continue;
    findings.push({
      kind: "TOPIC_JSON",
      severity: "damage",
      path: relative(data, join(topic.directory, manifestName)),
      topic: topic.name,
      found: `the name ${name}, which ${relative(data, other.directory)} has too`,
      expected: "a name of its own",
      next: `aclog log repair --name ${topic.name.topicId}=NAME gives it another`,
    });
  }
  return findings;
}

function verifyTopicFiles(data: string, topic: SurveyedTopic, { checkpoint }: Survey): DirectoryFinding[] {
  const { manifest, name, directory, problem, claims } = topic;
  const path = relative(data, join(directory, manifestName));
  const about = { kind: "TOPIC_JSON", severity: "damage", path, topic: name } as const;
  if (manifest === undefined) {
    const expected = `what topic ${name.topicId} is called and which files it has`;
    const next =
      claims === undefined
        ? advice.repair
        : `stop the server, and move what was moved back to ${placeOfManifest(claims)}; aclog log repair says what that is`;
    return [{ ...about, found: problem ?? "", expected, next }];
  }
  const end = checkpoint?.ends.get(name.topicId);
  const findings: DirectoryFinding[] = [];
  if (end !== undefined && isOlder(manifest, end)) {
    const last = manifest.segments.at(-1)?.base;
    findings.push({
      ...about,
      offset: last ?? 0n,
      found: last === undefined ? "no segment" : `no segment behind the one that begins with offset ${last}`,
      expected: `one that begins with offset ${end.segmentBase}, as the checkpoint says`,
      next: advice.repair,
    });
  }
  const activeBase = end?.segmentBase ?? manifest.segments.at(-1)?.base ?? 0n;
  for (const file of unnamedFiles(topic, manifest, activeBase))
    findings.push(leftover(data, join(directory, file), "a file"));
  return findings;
}

/** True if `topic.json` is from before the segment in which the checkpoint ends was begun. */
export function isOlder({ segments }: Manifest, { segmentBase, next }: TopicEnd): boolean {
  return (
    next > 0n && !segments.some(({ base }) => base === segmentBase) && (segments.at(-1)?.base ?? -1n) < segmentBase
  );
}

/** Files in front of the active segment that `topic.json` does not name, and such as no topic has. */
function unnamedFiles({ files }: SurveyedTopic, { segments }: Manifest, activeBase: bigint): string[] {
  const logs = segments.map(({ base, generation }) => segmentFileName(base, generation));
  const named = new Set([manifestName, ...logs, ...logs.map(indexPathOf)]);
  return files.filter((file) => {
    if (named.has(file)) return false;
    const segment = segmentOfName(file);
    return segment === undefined || segment.base < activeBase || segment.generation > 0;
  });
}

function leftover(data: string, path: string, what: string): DirectoryFinding {
  return {
    kind: "LEFTOVER",
    severity: "note",
    path: relative(data, path),
    found: `${what} that nothing speaks of`,
    expected: "none",
    next: advice.start,
  };
}
