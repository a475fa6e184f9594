/** Topics and how long their records are kept, as callers see them and as the wire has them. */
import type { TopicOutput } from "../wire/generated/log/v1/Topic.js";
import type { TopicSettings as WireSettings } from "../wire/generated/log/v1/TopicSettings.js";
import { expected, requireOptions } from "./misuse.js";
import { optionNames } from "./option-names.js";

/** How long records are kept. Whichever limit is passed first lets the oldest records go; without any, they are kept. */
export interface TopicSettings {
  /** Records older than this may go, in milliseconds. Undefined: no limit. */
  readonly retentionMs?: number | undefined;
  /** What the topic may take on disk, in bytes, beyond which its oldest records go. Undefined: no limit. */
  readonly retentionBytes?: number | undefined;
  /** How many offsets the topic reaches back. Undefined: no limit. */
  readonly retentionRecords?: number | undefined;
  /** Of records that have the same key, only the last one is kept for good. */
  readonly compact: boolean;
}

/** What to set. What is absent stays as it is, and has no limit in a new topic; `null` takes a limit off. */
export type TopicSettingsInput = { readonly [Name in Limit]?: number | null | undefined } & {
  readonly compact?: boolean | undefined;
};

/** One topic as it was when it was asked about. */
export interface TopicInfo {
  readonly tenant: string;
  readonly topic: string;
  /** 16 bytes; another one if the topic is deleted and made again. */
  readonly topicId: Buffer;
  /** First offset that is still there. */
  readonly startOffset: bigint;
  /** The first offset that cannot be read yet. */
  readonly highWaterMark: bigint;
  /** What it takes on disk. */
  readonly storedBytes: number;
  /** When it was made, in milliseconds since 1970. */
  readonly createdMs: number;
  /** When its last record was committed, in milliseconds since 1970; undefined if there was none. */
  readonly lastTimestampMs: number | undefined;
  readonly settings: TopicSettings;
}

const limits = ["retentionMs", "retentionBytes", "retentionRecords"] as const;
type Limit = (typeof limits)[number];

/** @throws TypeError for settings of other kinds or names; RangeError for a limit that is no whole number from 1 on */
export function settingsToWire(settings: TopicSettingsInput): WireSettings {
  requireOptions(settings, optionNames.settings, "settings");
  const wire: { [Name in keyof WireSettings]: WireSettings[Name] } = {};
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    if (name === "compact") wire.compact = flag(value);
    else if (isLimit(name)) wire[name] = value === null ? 0n : limit(name, value);
  }
  return wire;
}

export function topicFromWire(wire: TopicOutput): TopicInfo {
  const { tenant, topic, topicId, startOffset, highWaterMark, storedBytes, createdMs, lastTimestampMs } = wire;
  return {
    tenant,
    topic,
    topicId,
    startOffset,
    highWaterMark,
    storedBytes: Number(storedBytes),
    createdMs: Number(createdMs),
    lastTimestampMs: lastTimestampMs === 0n ? undefined : Number(lastTimestampMs),
    settings: settingsFromWire(wire.settings),
  };
}

function settingsFromWire(wire: TopicOutput["settings"]): TopicSettings {
  const limitOf = (name: Limit) => (wire?.[name] ? Number(wire[name]) : undefined);
  return {
    retentionMs: limitOf("retentionMs"),
    retentionBytes: limitOf("retentionBytes"),
    retentionRecords: limitOf("retentionRecords"),
    compact: wire?.compact ?? false,
  };
}

function isLimit(name: string): name is Limit {
  return (limits as readonly string[]).includes(name);
}

// 0 means "no limit" on the wire, which is the opposite of what it looks like.
function limit(name: Limit, value: unknown): bigint {
  if (typeof value !== "number") throw expected(`settings.${name}`, "a number or null", value);
  if (Number.isSafeInteger(value) && value >= 1) return BigInt(value);
  throw new RangeError(`settings.${name}: ${value} is not a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`);
}

function flag(value: unknown): boolean {
  if (typeof value !== "boolean") throw expected("settings.compact", "true or false", value);
  return value;
}
