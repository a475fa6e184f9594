import { statSync } from "node:fs";
import { join } from "node:path";
import { segmentFileName } from "../log/segment.js";
import { confirmed } from "./confirmed.js";
import { type ExpectedSegment, expectedSegments } from "./expected-segments.js";
import type { DirectoryFinding } from "./findings.js";
import {
  type Survey,
  type SurveyedTopic,
  readCheckpointOf,
  requireDataDirectory,
  survey,
  surveyTopic,
} from "./survey.js";
import { type Counts, type OnProgress, Tally } from "./tally.js";
import { type TopicFilter, selected } from "./topic-filter.js";
import { verifyJournal } from "./verify-journal.js";
import { verifyLayout } from "./verify-layout.js";
import { noFile } from "./unusable.js";
import { verifySegment } from "./verify-segment.js";

export interface VerifyOptions extends TopicFilter {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface VerifyReport {
  /** True if nothing is damaged. */
  readonly ok: boolean;
  readonly findings: readonly DirectoryFinding[];
  readonly counts: Readonly<Counts>;
  /** The highest sequence that the segments hold; undefined without a checkpoint. */
  readonly checkpoint: bigint | undefined;
  /** Bytes in segments that are above the checkpoint: the journal has their records, and a start writes them again. */
  readonly unjudgedBytes: number;
}

/**
 * Judges everything in a data directory by its checksums, by the checkpoint and by each `topic.json`, and changes nothing.
 * A server may be using the directory: what it has not promised yet, and what it takes away meanwhile, is no finding.
 *
 * @throws OperatorError that names a flag, where there is no such directory or topic, or it is of a later version
 */
export async function verify(data: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  await requireDataDirectory(data);
  const tally = new Tally(options.onProgress);
  const findings = [...(await confirmed(() => verifyLayout(data)))];
  const found = await survey(data);
  const journal = async (): Promise<readonly DirectoryFinding[]> => {
    const verified = await verifyJournal(data, await survey(data));
    tally.counts.journalGroups = verified.groups;
    return verified.findings;
  };
  findings.push(...(await confirmed(journal)));
  const missing = findings.filter(({ kind }) => kind === "TOPIC_DIRECTORY").map(({ found: what }) => what);
  const topics = missing.includes(`no directory of topic ${options.topic ?? ""}`)
    ? []
    : selected(found.topics, options);
  tally.ofBytes = topics.reduce((sum, topic) => sum + promisedBytes(topic, found), 0);
  for (const topic of topics) {
    findings.push(...(await verifyTopic(data, topic, found, tally, options.signal)));
    tally.counts.topics++;
  }
  const isWhole = options.tenant === undefined && options.topic === undefined;
  const mine = isWhole ? findings : findings.filter((finding) => concerns(finding, topics));
  return {
    ok: mine.every(({ severity }) => severity !== "damage"),
    findings: mine,
    counts: tally.counts,
    checkpoint: found.checkpoint?.sequence,
    unjudgedBytes: topics.reduce((sum, topic) => sum + bytesAbove(topic, found), 0),
  };
}

/** What every topic stands on concerns each of them. */
function concerns({ topic, severity }: DirectoryFinding, topics: readonly SurveyedTopic[]): boolean {
  if (topic === undefined) return severity !== "note";
  return topics.some(({ name }) => name.topicId === topic.topicId);
}

async function verifyTopic(
  data: string,
  { directory, name, manifest }: SurveyedTopic,
  { checkpoint }: Survey,
  tally: Tally,
  signal: AbortSignal | undefined,
): Promise<DirectoryFinding[]> {
  if (manifest === undefined) return [];
  const findings: DirectoryFinding[] = [];
  const place = { data, directory, topic: name };
  let timeMs = 0;
  for (const segment of expectedSegments(manifest, checkpoint?.ends.get(name.topicId))) {
    signal?.throwIfAborted();
    const verified = await verifySegment(place, segment, timeMs, tally);
    const timeBeforeMs = timeMs;
    const again = async (): Promise<readonly DirectoryFinding[]> => {
      const now = await expectedNow(data, directory, segment.base);
      return now === undefined ? [] : (await verifySegment(place, now, timeBeforeMs, new Tally())).findings;
    };
    findings.push(...(await confirmed(again, verified.findings)));
    timeMs = verified.timeMs;
    tally.counts.segments++;
  }
  return findings;
}

/** The same segment as it has to be now; undefined if it is not there any more. */
async function expectedNow(data: string, directory: string, base: bigint): Promise<ExpectedSegment | undefined> {
  // In this order: what the checkpoint speaks of, `topic.json` has named before.
  const { checkpoint } = await readCheckpointOf(data);
  const topic = await surveyTopic(directory);
  if (topic?.manifest === undefined) return undefined;
  const end = checkpoint?.ends.get(topic.name.topicId);
  return expectedSegments(topic.manifest, end).find((segment) => segment.base === base);
}

function promisedBytes({ name, manifest }: SurveyedTopic, { checkpoint }: Survey): number {
  if (manifest === undefined) return 0;
  return expectedSegments(manifest, checkpoint?.ends.get(name.topicId)).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What is in the segment where the checkpoint ends, behind that end, and in those that follow. */
function bytesAbove({ directory, name, files }: SurveyedTopic, { checkpoint }: Survey): number {
  const end = checkpoint?.ends.get(name.topicId);
  const base = end?.segmentBase ?? 0n;
  return files
    .filter((file) => file.endsWith(".log") && file >= segmentFileName(base))
    .filter((file) => /^\d{20}\.log$/.test(file))
    .reduce((sum, file) => {
      const path = join(directory, file);
      const size = noFile(path) === undefined ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0;
      return sum + Math.max(0, size - (file === segmentFileName(base) ? (end?.position ?? 0) : 0));
    }, 0);
}
