import { type RecordBatch, framesThatFit, writeFrames } from "../wire/records.js";
import { commitHeaderBytes, maxCommitFramesBytes, sealCommit } from "./commit.js";
import { blockBytes, entryHeaderBytes, groupHeaderBytes, writeEntryHeader } from "./journal-format.js";
import type { DurableCommit } from "./pending-commits.js";
import type { NumberedBatch } from "./producer.js";
import { type SegmentSizes, segmentBytesOf } from "./segment-size.js";
import type { Slab, Slabs } from "./slabs.js";
import type { TopicLog } from "./topic-log.js";
import type { PlacedSection } from "./topic-producers.js";

/** A batch that has its offset. */
export interface PlacedBatch {
  readonly log: TopicLog;
  readonly batch: RecordBatch;
  readonly offset: bigint;
  /** The same batch, if a producer sent it. */
  readonly numbered: NumberedBatch | undefined;
  /** As sizeOf() gives it. */
  readonly bytes: number;
}

/** A group as the journal gets it, its header yet to be filled in. */
export interface EncodedGroup {
  readonly slab: Slab;
  /** Where it is in the slab. Behind its end there is room up to the next block. */
  readonly start: number;
  readonly end: number;
  readonly entries: number;
  /** Its commits by topic. */
  readonly commits: ReadonlyMap<TopicLog, readonly DurableCommit[]>;
  /** What it says of producers, by topic. */
  readonly sections: ReadonlyMap<TopicLog, PlacedSection>;
}

/** Records of one topic that go into one commit: stretches of consecutive batches. */
interface CommitPlan {
  readonly log: TopicLog;
  readonly base: bigint;
  readonly timeMs: number;
  readonly slices: { readonly batch: RecordBatch; readonly from: number; readonly to: number }[];
  count: number;
  framesBytes: number;
  segmentBase: bigint;
  position: number;
  /** What it says of producers, as bytes. */
  section: Buffer | undefined;
}

/**
 * Bytes that a batch keeps in memory; in the journal it takes no more than that.
 *
 * @param sectionBytes what its commit has to say of producers, at most
 */
export function sizeOf(batch: RecordBatch, sectionBytes = 0): number {
  const framesBytes = batch.source.length + 24 * batch.count;
  // A commit ends where the next record does not fit, so that two in a row are always more than a full one.
  const commits = 1 + Math.ceil((2 * framesBytes) / maxCommitFramesBytes);
  return framesBytes + commits * (entryHeaderBytes + commitHeaderBytes) + sectionBytes;
}

/** Builds one group of all batches, in their order within each topic, committed at `nowMs` or when the topic ended. */
export function encodeGroup(
  batches: readonly PlacedBatch[],
  nowMs: number,
  sizes: SegmentSizes,
  slabs: Slabs,
): EncodedGroup {
  const plans = planCommits(batches, nowMs);
  placeCommits(plans, sizes);
  const sections = addSections(plans, batches);
  let size = groupHeaderBytes;
  for (const plan of plans) size += entryHeaderBytes + commitBytesOf(plan);
  const slab = slabs.withRoomFor(size + blockBytes);
  const start = slab.filled;
  const commits = writeEntries(plans, slab, start + groupHeaderBytes);
  slab.filled = start + size;
  return { slab, start, end: slab.filled, entries: plans.length, commits, sections };
}

/** Fills commits with the batches of each topic, in order; a commit may hold several batches, a batch several commits. */
function planCommits(batches: readonly PlacedBatch[], now: number): CommitPlan[] {
  const plans: CommitPlan[] = [];
  const open = new Map<TopicLog, CommitPlan>();
  for (const { log, batch, offset } of batches) {
    for (let from = 0; from < batch.count;) {
      const timeMs = Math.max(now, log.end.timeMs);
      const base = offset + BigInt(from);
      const current = open.get(log);
      const space = maxCommitFramesBytes - (current?.framesBytes ?? 0);
      const { to, bytes } = framesThatFit(batch, from, Number(base), timeMs, space, current === undefined);
      if (current !== undefined && to > from) {
        current.slices.push({ batch, from, to });
        current.count += to - from;
        current.framesBytes += bytes;
      } else if (to > from) {
        const plan: CommitPlan = {
          log,
          base,
          timeMs,
          slices: [{ batch, from, to }],
          count: to - from,
          framesBytes: bytes,
          segmentBase: 0n,
          position: 0,
          section: undefined,
        };
        plans.push(plan);
        open.set(log, plan);
      }
      if (to < batch.count) open.delete(log);
      from = to;
    }
  }
  return plans;
}

/** Gives each commit its place behind the one before it, in a new segment where the active one is full. */
function placeCommits(plans: readonly CommitPlan[], sizes: SegmentSizes): void {
  const ends = new Map<TopicLog, { segmentBase: bigint; position: number }>();
  for (const plan of plans) {
    const end = ends.get(plan.log) ?? plan.log.end;
    const bytes = commitHeaderBytes + plan.framesBytes;
    const fits = end.position + bytes <= segmentBytesOf(plan.log.settings, sizes);
    // The very first commit of a topic begins its first segment, which nothing has made yet.
    plan.segmentBase = fits || end.position === 0 ? end.segmentBase : plan.base;
    plan.position = plan.segmentBase === end.segmentBase ? end.position : 0;
    ends.set(plan.log, { segmentBase: plan.segmentBase, position: plan.position + bytes });
  }
}

/**
 * Puts what a group says of a topic's producers into the topic's last commit: the place of a commit does not depend on what
 * the commits before it say. A table comes along where a segment begins, and every now and then within one.
 */
function addSections(plans: readonly CommitPlan[], batches: readonly PlacedBatch[]): Map<TopicLog, PlacedSection> {
  const sections = new Map<TopicLog, PlacedSection>();
  const last = new Map<TopicLog, { readonly plan: CommitPlan; readonly begins: boolean }>();
  for (const plan of plans) {
    if (plan.log.producers === undefined) continue;
    last.set(plan.log, { plan, begins: plan.position === 0 || last.get(plan.log)?.begins === true });
  }
  if (last.size === 0) return sections;
  const numbered = numberedIn(batches);
  for (const [log, { plan, begins }] of last) {
    const section = log.producers?.sectionOf(numbered.get(log) ?? [], plan.position, begins);
    if (section === undefined) continue;
    plan.section = section.bytes;
    sections.set(log, section);
  }
  return sections;
}

function numberedIn(batches: readonly PlacedBatch[]): Map<TopicLog, NumberedBatch[]> {
  const found = new Map<TopicLog, NumberedBatch[]>();
  for (const { log, numbered } of batches) {
    if (numbered === undefined) continue;
    const own = found.get(log);
    if (own === undefined) found.set(log, [numbered]);
    else own.push(numbered);
  }
  return found;
}

function commitBytesOf({ framesBytes, section }: CommitPlan): number {
  return commitHeaderBytes + (section?.length ?? 0) + framesBytes;
}

function writeEntries(plans: readonly CommitPlan[], slab: Slab, position: number): Map<TopicLog, DurableCommit[]> {
  const { bytes } = slab;
  const commits = new Map<TopicLog, DurableCommit[]>();
  let at = position;
  for (const plan of plans) {
    const { log, base, count, timeMs, framesBytes, segmentBase, position, section } = plan;
    const topicId = log.topicIdBytes;
    const start = writeEntryHeader(bytes, at, { topicId, segmentBase, position, commitBytes: commitBytesOf(plan) });
    at = start + commitHeaderBytes;
    if (section !== undefined) at += section.copy(bytes, at);
    const headerBytes = at - start;
    let offset = Number(base);
    for (const { batch, from, to } of plan.slices) {
      at = writeFrames(batch, from, to, offset, timeMs, bytes, at);
      offset += to - from;
    }
    const producersBytes = headerBytes - commitHeaderBytes;
    sealCommit(bytes, start, { topicId, base, count, timeMs, framesBytes, producersBytes });
    slab.hold();
    const commit = { segmentBase, position, base, count, timeMs, headerBytes, bytes: bytes.subarray(start, at), slab };
    const own = commits.get(log);
    if (own === undefined) commits.set(log, [commit]);
    else own.push(commit);
  }
  return commits;
}
