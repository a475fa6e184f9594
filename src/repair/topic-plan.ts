import { statSync } from "node:fs";
import { join } from "node:path";
import type { TopicEnd } from "../log/checkpoint.js";
import { type Manifest, type ManifestSegment, manifestSegment } from "../log/manifest.js";
import { segmentFileName } from "../log/segment.js";
import type { OffsetSpan, TopicName } from "./findings.js";
import { type Run, gaps, merged, sortOut } from "./runs.js";
import { segmentOfName } from "./segment-names.js";
import { type SoundCommit, scanSegment } from "./segment-scan.js";
import type { SurveyedTopic } from "./survey.js";

/** Records that cannot be brought back. */
export interface Loss extends OffsetSpan {
  readonly path: string;
  /** Damaged bytes in that file. */
  readonly bytes: number;
}

/** A segment that is written anew from what is sound, to a file of its own, with gaps where something is lost. */
export interface Rewrite {
  readonly base: bigint;
  readonly generation: number;
  /** Behind the segment's last offset. */
  readonly next: bigint;
  readonly runs: readonly Run[];
}

/** What is to be done with one topic. */
export interface TopicPlan {
  readonly name: TopicName;
  readonly directory: string;
  /** As `topic.json` will be, but for the sizes of what is written anew. */
  readonly manifest: Manifest;
  /** False if `topic.json` stays as it is. */
  readonly changesManifest: boolean;
  readonly rewrites: readonly Rewrite[];
  /** Files that are kept aside and then removed. */
  readonly removed: readonly string[];
  readonly losses: readonly Loss[];
  /** Where the topic ends afterwards; undefined where that stays for the journal to say. */
  readonly end: TopicEnd | undefined;
}

/** What is known of a topic beside its own files. */
export interface TopicSources {
  readonly manifest: Manifest;
  /** What the checkpoint says. */
  readonly end: TopicEnd | undefined;
  /** Sound commits of it in the journal. */
  readonly journal: readonly Run[];
  /** Behind the highest offset that the journal knows to have been given. */
  readonly given: bigint;
  readonly onCommit: (commit: SoundCommit) => void;
}

/** The sealed segments of a topic, of which the damaged ones are written anew. Nothing above the checkpoint is looked at. */
export async function planSealed(topic: SurveyedTopic, sources: TopicSources): Promise<TopicPlan> {
  const { manifest, end } = sources;
  const plan = new SegmentPlans(topic, sources);
  const segments: ManifestSegment[] = [];
  for (const segment of manifest.segments) {
    const { base, sealed } = segment;
    const isJudged = sealed !== undefined && (end === undefined || base < end.segmentBase);
    segments.push(...(isJudged ? await plan.sealed({ ...segment, sealed }) : [segment]));
  }
  return plan.result({ ...manifest, segments }, undefined);
}

/** The whole topic, to its last offset: whatever of it is in the journal is brought to its segments as well. */
export async function planWhole(topic: SurveyedTopic, sources: TopicSources): Promise<TopicPlan> {
  const { manifest, end, given } = sources;
  const plan = new SegmentPlans(topic, sources);
  const segments: ManifestSegment[] = [];
  for (const segment of manifest.segments) {
    const { sealed } = segment;
    if (sealed !== undefined) segments.push(...(await plan.sealed({ ...segment, sealed })));
  }
  const sealedNext = manifest.segments.reduce((next, { sealed }) => (sealed === undefined ? next : sealed.next), 0n);
  const base = manifest.segments.find(({ sealed }) => sealed === undefined)?.base ?? sealedNext;
  const atLeast = [end?.next ?? 0n, given, sealedNext, manifest.startOffset, base].reduce((a, b) => (a > b ? a : b));
  const active = await plan.active(base, atLeast);
  return plan.result({ ...manifest, segments: [...segments, ...active.segments] }, active.end);
}

class SegmentPlans {
  readonly #topic: SurveyedTopic;
  readonly #sources: TopicSources;
  readonly #rewrites: Rewrite[] = [];
  readonly #removed: string[] = [];
  readonly #losses: Loss[] = [];

  constructor(topic: SurveyedTopic, sources: TopicSources) {
    this.#topic = topic;
    this.#sources = sources;
  }

  result(manifest: Manifest, end: TopicEnd | undefined): TopicPlan {
    const { name, directory, manifest: before } = this.#topic;
    const changesManifest = before === undefined || !isSame(before, manifest);
    const [rewrites, removed, losses] = [this.#rewrites, this.#removed, this.#losses];
    return { name, directory, manifest, changesManifest, rewrites, removed, losses, end };
  }

  /** What `topic.json` is to say of a sealed segment: as before, of a higher generation, or nothing. */
  async sealed(segment: ManifestSegment & Pick<Required<ManifestSegment>, "sealed">): Promise<ManifestSegment[]> {
    const { base, generation = 0, sealed } = segment;
    const { next, bytes } = sealed;
    const path = this.#path(base, generation);
    const { runs, damages } = await this.#sortOut(path, base, generation, next, bytes);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const isShort = generation === 0 && (runs.at(-1)?.last ?? base - 1n) + 1n !== next;
    if (damages.length === 0 && size === bytes && !isShort) return [segment];
    // What compaction took must not come back: only what was never compacted is completed from the journal.
    const others = generation > 0 ? [] : this.#sources.journal.filter((run) => run.base >= base && run.last < next);
    const kept = merged([...runs, ...others]);
    const ends =
      isShort && damages.length === 0 ? [{ offset: (runs.at(-1)?.last ?? base - 1n) + 1n, from: size, to: size }] : [];
    for (const { position, end, offset } of damages) ends.push({ offset, from: position, to: end });
    for (const { offset, from, to } of ends) {
      const behind = runs.find((run) => run.position >= to)?.base ?? next;
      this.#lose(path, to - from, gaps(kept, { from: offset, to: behind }));
    }
    if (size > 0 || has(this.#topic, path)) this.#removed.push(path);
    if (kept.length === 0) return [];
    this.#rewrites.push({ base, generation: generation + 1, next, runs: kept });
    return [manifestSegment(base, generation + 1, sealed)];
  }

  /** The segment that is appended to, with all that the journal has behind it. */
  async active(
    base: bigint,
    atLeast: bigint,
  ): Promise<{ readonly segments: readonly ManifestSegment[]; readonly end: TopicEnd }> {
    const paths = this.#topic.files
      .filter((file) => {
        const segment = segmentOfName(file);
        return segment !== undefined && !segment.isIndex && segment.generation === 0 && segment.base >= base;
      })
      .sort();
    const runs: Run[] = [];
    let damagedBytes = 0;
    for (const file of paths) {
      const path = join(this.#topic.directory, file);
      const sorted = await this.#sortOut(path, segmentOfName(file)!.base, 0, undefined, undefined);
      runs.push(...sorted.runs);
      damagedBytes += sorted.damages.reduce((sum, { position, end }) => sum + end - position, 0);
    }
    const inFiles = runs.length;
    const kept = merged([...runs, ...this.#sources.journal.filter((run) => run.base >= base)]);
    const cursor = (kept.at(-1)?.last ?? base - 1n) + 1n;
    const next = cursor > atLeast ? cursor : atLeast;
    const timeMs = Math.max(this.#sources.end?.timeMs ?? 0, kept.at(-1)?.timeMs ?? 0);
    const lost = gaps(kept, { from: base, to: next });
    const [first] = paths;
    const isInPlace =
      paths.length <= 1 && inFiles <= 1 && damagedBytes === 0 && lost.length === 0 && kept.length === inFiles;
    if (isInPlace && (first === undefined || first === segmentFileName(base))) {
      return { segments: [{ base }], end: { next, segmentBase: base, position: kept[0]?.bytes ?? 0, timeMs } };
    }
    this.#lose(this.#path(base, 0), damagedBytes, lost);
    this.#removed.push(...paths.map((file) => join(this.#topic.directory, file)));
    const end = { next, segmentBase: next, position: 0, timeMs };
    if (kept.length === 0) return { segments: [{ base: next }], end };
    this.#rewrites.push({ base, generation: 1, next, runs: kept });
    return { segments: [manifestSegment(base, 1, { next, bytes: 0 }), { base: next }], end };
  }

  #path(base: bigint, generation: number): string {
    return join(this.#topic.directory, segmentFileName(base, generation));
  }

  #sortOut(path: string, base: bigint, generation: number, next: bigint | undefined, bytes: number | undefined) {
    const { topicId } = this.#topic.name;
    return sortOut(path, scanSegment({ path, topicId, base, generation, next, bytes }), this.#sources.onCommit);
  }

  /** What lies before the topic's start is nobody's loss. */
  #lose(path: string, bytes: number, spans: readonly OffsetSpan[]): void {
    const { startOffset } = this.#sources.manifest;
    for (const { from, to } of spans) {
      if (to > startOffset) this.#losses.push({ path, bytes, from: from > startOffset ? from : startOffset, to });
    }
  }
}

function has({ directory, files }: SurveyedTopic, path: string): boolean {
  return files.some((file) => join(directory, file) === path);
}

function isSame(before: Manifest, after: Manifest): boolean {
  const text = (manifest: Manifest): string =>
    JSON.stringify(manifest, (_key, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
  return text(before) === text(after);
}
