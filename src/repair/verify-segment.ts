import { lstatSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { isMissing } from "../log/durable-files.js";
import { indexPathOf, segmentFileName } from "../log/segment.js";
import { type IndexEntry, SparseIndex, loadIndex } from "../log/sparse-index.js";
import type { ExpectedSegment } from "./expected-segments.js";
import { type DirectoryFinding, type Severity, type TopicName, advice } from "./findings.js";
import { scanSegment } from "./segment-scan.js";
import type { Tally } from "./tally.js";
import { noFile } from "./unusable.js";

/** Whose segment it is, and where. */
export interface SegmentPlace {
  readonly data: string;
  readonly directory: string;
  readonly topic: TopicName;
}

export interface VerifiedSegment {
  readonly findings: readonly DirectoryFinding[];
  /** Of its last commit; that of the one before if it has none. */
  readonly timeMs: number;
}

/** Reads every promised byte of a segment, and its index. */
export async function verifySegment(
  { data, directory, topic }: SegmentPlace,
  segment: ExpectedSegment,
  timeBeforeMs: number,
  tally: Tally,
): Promise<VerifiedSegment> {
  const { base, generation, next, bytes, isSealed } = segment;
  const file = join(directory, segmentFileName(base, generation));
  const path = relative(data, file);
  const findings: DirectoryFinding[] = [];
  const about = { path, topic } as const;
  const damage = { ...about, kind: "SEGMENT", severity: "damage", next: advice.repair } as const;
  const index = new SparseIndex();
  let timeMs = timeBeforeMs;
  let expected = base;
  let isWhole = true;
  const scanned = scanSegment({ path: file, topicId: topic.topicId, base, generation, next, bytes });
  for await (const part of scanned) {
    if (part.kind === "damage") {
      isWhole = false;
      const { position, end, offset, found } = part;
      const wanted = found === "the file is missing" ? `a file of ${bytes} bytes` : `a commit with offset ${offset}`;
      findings.push({ ...damage, position, offset, found: `${found} (bytes ${position} to ${end})`, expected: wanted });
      continue;
    }
    const { header, position } = part;
    tally.commit(header.count, part.bytes.length);
    index.add({ base: header.base, position, timeMs: header.timeMs });
    if (header.timeMs < timeMs) {
      const found = `a commit of ${new Date(header.timeMs).toISOString()}`;
      const wanted = `one of ${new Date(timeMs).toISOString()} or later`;
      const then = "nothing is lost; reading from a time may begin at another record";
      findings.push({
        ...about,
        kind: "SEGMENT",
        severity: "warning",
        position,
        offset: header.base,
        found,
        expected: wanted,
        next: then,
      });
    }
    timeMs = Math.max(timeMs, header.timeMs);
    expected = header.last + 1n;
  }
  if (isWhole && generation === 0 && expected !== next) {
    const found = `the last offset is ${expected - 1n}`;
    findings.push({ ...damage, position: bytes, offset: expected, found, expected: `offset ${next - 1n}` });
  }
  if (isSealed && isWhole) findings.push(...(await tooLong(file, bytes, damage)));
  if (isWhole) findings.push(...(await verifyIndex(data, file, topic, { bytes, isSealed, index })));
  return { findings, timeMs };
}

async function tooLong(
  file: string,
  bytes: number,
  damage: Pick<DirectoryFinding, "kind" | "severity" | "next" | "path" | "topic">,
): Promise<DirectoryFinding[]> {
  const { size } = await stat(file).catch((error: unknown) => {
    if (isMissing(error)) return { size: 0 };
    throw error;
  });
  if (size <= bytes) return [];
  // Nobody reads them, and nobody writes to a sealed segment: something else did.
  return [{ ...damage, position: bytes, found: `the file has ${size} bytes`, expected: `${bytes} bytes` }];
}

/** The index is a hint: whatever is wrong with it costs time and no record. */
async function verifyIndex(
  data: string,
  file: string,
  topic: TopicName,
  { bytes, isSealed, index }: { bytes: number; isSealed: boolean; index: SparseIndex },
): Promise<DirectoryFinding[]> {
  const indexFile = indexPathOf(file);
  const says = (severity: Severity, found: string, expected: string): DirectoryFinding[] => [
    { kind: "INDEX", severity, path: relative(data, indexFile), topic, found, expected, next: advice.reindex },
  ];
  const wanted = index.entries;
  // What a crash keeps from being saved, a start does not make up for: that is no reason to warn.
  const isThere = lstatSync(indexFile, { throwIfNoEntry: false }) !== undefined;
  const problem = isThere ? noFile(indexFile) : undefined;
  if (problem !== undefined) return says("warning", problem, "a file of hints");
  if (!isThere) return wanted.length === 0 ? [] : says("note", "no index", `${wanted.length} entries`);
  // As a start would load it, of which only the promised part is known to be right.
  const entries = (await loadIndex(indexFile, topic.topicId, Number.MAX_SAFE_INTEGER)).filter(
    ({ position }) => position < bytes,
  );
  const known = new Map(wanted.map((entry) => [entry.position, entry]));
  const wrong = entries.findIndex((entry) => !isSame(entry, known.get(entry.position)));
  if (wrong !== -1) {
    const { base, position } = entries[wrong]!;
    return says("warning", `entry ${wrong} says offset ${base} at byte ${position}`, "what the segment has there");
  }
  if (isSealed && entries.length < wanted.length) {
    return says("note", `${entries.length} entries that can be right`, `${wanted.length} entries`);
  }
  return [];
}

function isSame(entry: IndexEntry, other: IndexEntry | undefined): boolean {
  return other !== undefined && entry.base === other.base && entry.timeMs === other.timeMs;
}
