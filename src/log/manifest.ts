import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../errors.js";
import { replaceFile } from "./durable-files.js";
import type { SegmentEnd } from "./segment.js";

/** `topic.json`: what a topic is called and which files it consists of (docs/format.md). */
export interface Manifest {
  readonly tenant: string;
  readonly topic: string;
  readonly topicId: string;
  /** First offset that is still there. */
  readonly startOffset: bigint;
  /** In offset order; the last one is active. */
  readonly segments: readonly ManifestSegment[];
}

export interface ManifestSegment {
  readonly base: bigint;
  readonly sealed?: SegmentEnd;
}

const manifestName = "topic.json";
const offset = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt);
const schema = z.strictObject({
  version: z.literal(1),
  tenant: z.string(),
  topic: z.string(),
  topicId: z.string().regex(/^[0-9a-f]{32}$/),
  startOffset: offset,
  segments: z.array(
    z.strictObject({
      base: offset,
      sealed: z.strictObject({ next: offset, bytes: z.number().int().nonnegative() }).optional(),
    }),
  ),
});

/** Durably replaces `topic.json`. Offsets are written as text: JSON's numbers are not exact. */
export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const asText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}` : value);
  await replaceFile(join(directory, manifestName), `${JSON.stringify({ version: 1, ...manifest }, asText, 2)}\n`);
}

/** @throws OperatorError when it is missing, damaged or of another format */
export async function readManifest(directory: string): Promise<Manifest> {
  const path = join(directory, manifestName);
  try {
    const { tenant, topic, topicId, startOffset, segments } = schema.parse(JSON.parse(await readFile(path, "utf8")));
    return {
      tenant,
      topic,
      topicId,
      startOffset,
      segments: segments.map(({ base, sealed }) => (sealed === undefined ? { base } : { base, sealed })),
    };
  } catch (error) {
    throw new OperatorError(`${path} is missing, damaged or of another format; nothing was changed`, [], {
      cause: error,
    });
  }
}
