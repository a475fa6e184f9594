import type { TopicSettings } from "./port.js";

/** Sizes of the file engine that decide where one segment ends and the next begins. */
export interface SegmentSizes {
  /** Largest segment, in bytes; at most 1 GiB. */
  readonly segmentBytes: number;
  /** The same for topics that are compacted: only what is sealed can be. */
  readonly compactedSegmentBytes: number;
}

/** However little a topic may take, smaller segments would cost more than they give back. */
const leastBytes = 64 * 1024;
/** Space is given back a segment at a time: of what a topic may take, one is a small part. */
const segmentsPerLimit = 8;

/** The largest segment of a topic with these settings, in bytes. */
export function segmentBytesOf({ compact, retentionBytes }: TopicSettings, sizes: SegmentSizes): number {
  const bytes = compact ? Math.min(sizes.segmentBytes, sizes.compactedSegmentBytes) : sizes.segmentBytes;
  if (retentionBytes === undefined) return bytes;
  return Math.min(bytes, Math.max(leastBytes, Math.ceil(retentionBytes / segmentsPerLimit)));
}
