import type { TopicEnd } from "../log/checkpoint.js";
import type { Manifest } from "../log/manifest.js";

/** What one segment's file must hold, by `topic.json` and the checkpoint. */
export interface ExpectedSegment {
  readonly base: bigint;
  readonly generation: number;
  /** The offset behind its last one. */
  readonly next: bigint;
  /** How many bytes are promised; what is behind them is above the checkpoint. */
  readonly bytes: number;
  /** Sealed below the checkpoint: the file has these bytes and no more. */
  readonly isSealed: boolean;
}

/**
 * The segments that hold what is promised. Those above the checkpoint are not among them: the journal has their records,
 * and a start writes them again.
 *
 * @param end what the checkpoint says of the topic; undefined without a checkpoint: then `topic.json` alone speaks
 */
export function expectedSegments(manifest: Manifest, end: TopicEnd | undefined): ExpectedSegment[] {
  const expected: ExpectedSegment[] = [];
  for (const { base, generation = 0, sealed } of manifest.segments) {
    if (sealed === undefined || (end !== undefined && base >= end.segmentBase)) continue;
    expected.push({ base, generation, next: sealed.next, bytes: sealed.bytes, isSealed: true });
  }
  if (end !== undefined && end.position > 0) {
    const { segmentBase: base, next, position: bytes } = end;
    expected.push({ base, generation: 0, next, bytes, isSealed: false });
  }
  return expected;
}
