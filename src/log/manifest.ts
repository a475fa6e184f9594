import { constants, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../errors.js";
import { isChecked, readCheckedJson, writeCheckedJson } from "./checked-json.js";
import { isExhausted, isMissing, replaceFile } from "./durable-files.js";
import { type TopicSettings, defaultTopicSettings } from "./port.js";
import type { SegmentEnd } from "./segment.js";

/** `topic.json`: what a topic is called, how it is kept, and which files it consists of (docs/format.md). */
export interface Manifest {
  readonly tenant: string;
  readonly topic: string;
  readonly topicId: string;
  /** Milliseconds since 1970; 0 if it was created before that was written down. */
  readonly createdMs: number;
  readonly settings: TopicSettings;
  /** First offset that is still there. Never moves back. */
  readonly startOffset: bigint;
  /** Before this offset, no two records have the same key. */
  readonly compactedTo: bigint;
  /** Set while the times of new records say nothing, because the wall clock has to catch up with those before. */
  readonly ageMark: AgeMark | undefined;
  /** Set once a producer has stored something. */
  readonly producers: ProducersMark | undefined;
  /** In offset order, with gaps where compaction left nothing; the last one is active. */
  readonly segments: readonly ManifestSegment[];
}

/** Records before `offset` had been there at the lived time `livedMs` (retention-clock.ts). */
export interface AgeMark {
  readonly offset: bigint;
  readonly livedMs: number;
}

/** What was known of producers when the topic ended at `from`; what came then is in the commits behind it. */
export interface ProducersMark {
  readonly from: bigint;
  /** A section with a table (producer-section.ts), as base64; not there: nothing, or the segment that is active knows all of it. */
  readonly table?: string;
}

export interface ManifestSegment {
  readonly base: bigint;
  /** How many times it was written anew by compaction; not there: never. */
  readonly generation?: number;
  readonly sealed?: SegmentEnd;
}

export const manifestName = "topic.json";
/** Nobody may write to a pipe that somebody has put there: it is not waited for. */
const atOnce = constants.O_RDONLY | constants.O_NONBLOCK;
const offset = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const positive = z.number().int().positive();
const schema = z.strictObject({
  version: z.literal(1),
  tenant: z.string(),
  topic: z.string(),
  topicId: z.string().regex(/^[0-9a-f]{32}$/),
  createdMs: z.number().int().nonnegative().default(0),
  settings: z
    .strictObject({
      retentionMs: positive.optional(),
      retentionBytes: positive.optional(),
      retentionRecords: positive.optional(),
      compact: z.boolean(),
    })
    .default({ compact: false }),
  startOffset: offset,
  compactedTo: offset.default(0n),
  ageMark: z.strictObject({ offset, livedMs: z.number() }).optional(),
  producers: z.strictObject({ from: offset, table: z.string().optional() }).optional(),
  segments: z
    .array(
      z.strictObject({
        base: offset,
        generation: positive.optional(),
        sealed: z.strictObject({ next: offset, bytes: z.number().int().nonnegative() }).optional(),
      }),
    )
    .refine((segments) => segments.slice(0, -1).every(({ sealed }) => sealed !== undefined))
    .refine((segments) => segments.slice(1).every(({ base }, index) => base >= (segments[index]!.sealed?.next ?? 0n))),
});

/** Durably replaces `topic.json`. Offsets are written as text: JSON's numbers are not exact. */
export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  await replaceFile(join(directory, manifestName), writeCheckedJson({ version: 1, ...manifest }));
}

/** A `topic.json` that is missing, cannot be read or is not what was written: nobody knows which topic it is of. */
export class ManifestDamaged extends OperatorError {}

/** @throws ManifestDamaged, and OperatorError when it is of another format */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestName);
  let text: string;
  try {
    text = await readFile(path, { encoding: "utf8", flag: atOnce });
  } catch (error) {
    throw unreadable(path, error);
  }
  return parseManifest(path, text);
}

/** As `readManifest`, at once: of thousands, one after the other, that is much quicker. */
export function readManifestSync(directory: string): Manifest {
  const path = join(directory, manifestName);
  let text: string;
  try {
    // Told the encoding, Node 20 would end the process where the file cannot be closed.
    if (!statSync(path).isFile()) throw damaged(path, "it is no file", undefined);
    text = readFileSync(path).toString();
  } catch (error) {
    if (error instanceof ManifestDamaged) throw error;
    throw unreadable(path, error);
  }
  return parseManifest(path, text);
}

function parseManifest(path: string, text: string): Manifest {
  let json: unknown;
  try {
    json = readCheckedJson(text);
  } catch (error) {
    throw damaged(path, "it is damaged", error);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    // What is as it was written, and says something else, is from another aclog.
    if (isChecked(text))
      throw new OperatorError(`${path} is of another format; nothing was changed`, [], { cause: parsed.error });
    throw damaged(path, "it is damaged or of another format", parsed.error);
  }
  const read = parsed.data;
  const { tenant, topic, topicId, createdMs, settings, startOffset, compactedTo, ageMark, producers } = read;
  return {
    tenant,
    topic,
    topicId,
    createdMs,
    settings: Object.freeze({ ...defaultTopicSettings, ...settings }),
    startOffset,
    compactedTo,
    ageMark,
    producers: producers && marked(producers.from, producers.table),
    segments: read.segments.map(({ base, generation, sealed }) => manifestSegment(base, generation ?? 0, sealed)),
  };
}

function marked(from: bigint, table: string | undefined): ProducersMark {
  return { from, ...(table === undefined ? {} : { table }) };
}

function unreadable(path: string, cause: unknown): OperatorError {
  if (isMissing(cause)) return damaged(path, "it is missing", cause);
  const problem = `it cannot be read: ${(cause as Error).message}`;
  // That passes, and the topic is as sound as it was.
  if (isExhausted(cause)) return new OperatorError(`${path}: ${problem}; nothing was changed`, [], { cause });
  return damaged(path, problem, cause);
}

function damaged(path: string, problem: string, cause: unknown): ManifestDamaged {
  return new ManifestDamaged(`${path}: ${problem}`, [], { cause });
}

export function manifestSegment(base: bigint, generation: number, sealed: SegmentEnd | undefined): ManifestSegment {
  return { base, ...(generation > 0 ? { generation } : {}), ...(sealed === undefined ? {} : { sealed }) };
}
