import type { TopicEnd } from "../log/checkpoint.js";
import { commitHeaderBytes } from "../log/commit.js";
import type { ProducersMark } from "../log/manifest.js";
import { OpenFiles } from "../log/open-files.js";
import { Segment } from "../log/segment.js";
import { TopicProducers } from "../log/topic-producers.js";
import type { SoundCommit } from "./segment-scan.js";

/** True if the commit says something of producers. */
export function speaksOfProducers({ header }: SoundCommit): boolean {
  return header.headerBytes > commitHeaderBytes;
}

/**
 * What is known of a topic's producers where it goes on in a new segment, from the one before, which was written anew.
 * What is not known any more begins anew: the topic would take nothing from a producer ever again.
 *
 * @param segment the one before; undefined if nothing of it is left
 */
export async function markBehind(
  directory: string,
  topicId: string,
  segment: { readonly base: bigint; readonly generation: number; readonly bytes: number } | undefined,
  mark: ProducersMark,
  end: TopicEnd,
): Promise<ProducersMark> {
  if (segment === undefined) return mark.from === end.next ? mark : { from: end.next };
  const { base, generation, bytes } = segment;
  await using files = new OpenFiles(2);
  const written = new Segment(files, directory, topicId, base, { bytes, sealed: undefined, generation });
  const known = await TopicProducers.load(written, mark, { ...end, segmentBase: base, position: bytes });
  return known.isLost ? { from: end.next } : known.markAt(end.next);
}
