import type { TopicSettings } from "./port.js";

/** Sizes of the file engine that decide where one segment ends and the next begins. */
export interface SegmentSizes {
  /** Largest segment, in bytes; at most 1 GiB. */
  readonly segmentBytes: number;
  /**
   * The same for topics that are compacted, since only what is sealed can be, and for those with a limit in bytes, whose
   * first segment is written anew whenever the limit is passed; these may be larger where they would be too many.
   */
  readonly compactedSegmentBytes: number;
}

/** However little a topic may take, smaller segments would cost more than they give back. */
const leastBytes = 64 * 1024;
/** Space is given back a segment at a time: of what a topic may take, one is a small part. */
const leastSegmentsPerLimit = 8;
/** Each is named in `topic.json`, which is written as a whole. */
const mostSegmentsPerLimit = 512;

/** The largest segment of a topic with these settings, in bytes. */
export function segmentBytesOf({ compact, retentionBytes }: TopicSettings, sizes: SegmentSizes): number {
  const bytes = compact ? Math.min(sizes.segmentBytes, sizes.compactedSegmentBytes) : sizes.segmentBytes;
  if (retentionBytes === undefined) return bytes;
  const most = Math.max(sizes.compactedSegmentBytes, Math.ceil(retentionBytes / mostSegmentsPerLimit));
  return Math.min(bytes, Math.max(leastBytes, Math.min(most, Math.ceil(retentionBytes / leastSegmentsPerLimit))));
}
