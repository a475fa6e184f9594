/** What callers ask for, as the wire has it. */
import type { ConsumeRequest } from "../wire/generated/log/v1/ConsumeRequest.js";
import { expected, requireOptions, requireText } from "./misuse.js";
import { optionNames } from "./option-names.js";

/** An offset, the first record that is still there, behind the last one, or the first record of a time or later. */
export type StartingPoint = bigint | "earliest" | "latest" | { readonly time: Date };

/** Which topic; of the caller's own tenant and called `default` unless told otherwise. */
export interface TopicOptions {
  readonly topic?: string | undefined;
  readonly tenant?: string | undefined;
  /** Fail with FAILED_PRECONDITION unless the topic still has this id, 16 bytes. */
  readonly topicId?: Buffer | undefined;
}

/** What a single response may hold. */
export interface ReadOptions extends TopicOptions {
  /** Default "earliest". */
  readonly from?: StartingPoint | undefined;
  /** Most records in one response. Default 1,000. */
  readonly maxRecords?: number | undefined;
  /** Most bytes of records in one response; the first one always comes whole. Default 256 KiB. */
  readonly maxBytes?: number | undefined;
}

/** @throws TypeError for a starting point that is none; RangeError for an offset that is no uint64, a count that is no uint32, or a date that is none */
export function consumeRequest(options: ReadOptions & { readonly maxWaitMs?: number | undefined }): ConsumeRequest {
  return {
    ...named(options),
    ...start(options.from ?? "earliest"),
    maxRecords: uint32("maxRecords", options.maxRecords ?? 1000),
    maxBytes: uint32("maxBytes", options.maxBytes ?? 256 * 1024),
    maxWaitMs: uint32("maxWaitMs", options.maxWaitMs ?? 0),
  };
}

/** Which topic, as the wire has it: empty names for those that are meant by default. */
export interface NamedTopic {
  readonly topic: string;
  readonly tenant: string;
  readonly topicId?: Buffer;
}

/** @throws TypeError for names or an id that are none */
export function named(options: TopicOptions): NamedTopic {
  const { topic = "", tenant = "", topicId } = options;
  if (topicId !== undefined && !Buffer.isBuffer(topicId)) throw expected("topicId", "a Buffer", topicId);
  requireText("topic", topic);
  requireText("tenant", tenant);
  return topicId === undefined ? { topic, tenant } : { topic, tenant, topicId };
}

function start(from: StartingPoint): Pick<ConsumeRequest, "start" | "offset" | "startTimeMs"> {
  if (from === "earliest") return { start: "EARLIEST" };
  if (from === "latest") return { start: "LATEST" };
  if (typeof from === "bigint") return { start: "OFFSET", offset: uint64("from", from) };
  const time: unknown = (from as Partial<typeof from> | null)?.time;
  if (!(time instanceof Date)) {
    throw expected("from", '"earliest", "latest", an offset as a bigint, or { time: a Date }', from);
  }
  requireOptions(from, optionNames.from, "from");
  if (Number.isNaN(time.getTime())) throw new RangeError("from.time: the date is not valid");
  return { start: "TIME", startTimeMs: BigInt(time.getTime()) };
}

// The codec would send -1 and 1.9 as something else without a word.
export function uint64(name: string, value: bigint): bigint {
  if (typeof value !== "bigint") throw expected(name, "a bigint", value);
  if (value < 0n || value >= 1n << 64n) throw new RangeError(`${name}: ${value} is not an offset`);
  return value;
}

export function uint32(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32) {
    throw new RangeError(`${name}: ${value} is not a whole number from 0 to ${2 ** 32 - 1}`);
  }
  return value;
}
