import type { Disk, Steps } from "./disk.js";
import type { Ledger } from "./ledger.js";
import { type Commit, type ModelRecord, cellsOf, commitAt } from "./records.js";
import type { Rules } from "./rules.js";
import type { ModelStore } from "./store.js";
import { type ModelManifest, type ModelSegment, type ModelTopic, manifestName, segmentName } from "./topic.js";

type Sealed = ModelSegment & { sealed: NonNullable<ModelSegment["sealed"]> };

/** Raises the topic's start. */
export function* trim(topic: ModelTopic, offset: number, ledger: Ledger): Steps {
  if (topic.isRefusing || offset > topic.end.next || offset <= topic.startOffset) return;
  ledger.trims(topic.id, offset);
  yield* topic.change(offset);
  if (!topic.isGone) ledger.trimmed(topic.id, offset);
}

/** Seals the active segment, as only sealed ones are removed or written anew. */
export function seal(store: ModelStore, topic: ModelTopic): void {
  if (topic.isRefusing || store.isPlaced || store.hasFailed) return;
  topic.seal();
  store.noteSealed(topic);
}

/** Gives back what can be given back of a topic. */
export function* maintain(disk: Disk, topic: ModelTopic, ledger: Ledger, rules: Rules): Steps {
  if (topic.isMaintained || topic.isRefusing) return;
  topic.isMaintained = true;
  try {
    yield* removeWhole(topic, rules);
    if (topic.compact && topic.givenUp !== topic.segments) yield* compact(disk, topic, ledger, rules);
  } finally {
    topic.isMaintained = false;
  }
}

/** Removes segments of which nothing is kept. */
function* removeWhole(topic: ModelTopic, rules: Rules): Steps {
  const gone = sealedOf(topic, rules).filter(({ sealed }) => sealed.next <= topic.startOffset);
  if (gone.length > 0) yield* topic.replaceSegments(new Map(gone.map((segment) => [segment, undefined])));
}

/** Writes sealed segments anew without the records that have a later one of their key. */
function* compact(disk: Disk, topic: ModelTopic, ledger: Ledger, rules: Rules): Steps {
  const sealed = sealedOf(topic, rules);
  const last = new Map<number, number>();
  for (const segment of sealed) {
    for (const commit of commitsOf(topic, segment)) {
      for (const { key, offset } of commit.records) if (key > 0) last.set(key, offset);
    }
  }
  const stays = ({ key, offset }: ModelRecord): boolean =>
    offset >= topic.startOffset && (key === 0 || last.get(key)! <= offset);
  for (const segment of sealed) {
    if (topic.isRefusing) return;
    const commits = [...commitsOf(topic, segment)];
    const left = commits.map((commit) => ({ ...commit, records: commit.records.filter(stays) }));
    if (left.every(({ records }, index) => records.length === commits[index]!.records.length)) continue;
    ledger.compacts(topic.id);
    const kept = left.filter(({ records }) => records.length > 0).map(sparse);
    yield* topic.work(() => rewrite(disk, topic, segment, kept, rules));
  }
}

function* rewrite(disk: Disk, topic: ModelTopic, segment: Sealed, kept: readonly Commit[], rules: Rules): Steps {
  const generation = segment.generation + 1;
  let next: ModelSegment | undefined;
  if (kept.length > 0) {
    yield;
    const file = disk.open(topic.directory, segmentName(segment.base, generation));
    disk.truncate(file, 0);
    const cells = kept.flatMap(cellsOf);
    yield* disk.write(file, 0, cells);
    if (rules.generationSyncedBeforeManifest) {
      yield* disk.sync(file);
      yield* disk.syncDirectory(topic.directory);
    }
    const sealed = { next: segment.sealed.next, cells: cells.length };
    next = { base: segment.base, generation, sealed, written: cells.length, isNewFile: false };
  }
  try {
    yield* topic.replaceSegments(new Map([[segment, next]]));
  } catch (error) {
    const manifest = topic.directory.file(manifestName)?.cache[0] as ModelManifest | undefined;
    const isNamed = manifest?.segments.some((named) => named.base === segment.base && named.generation === generation);
    if (isNamed === true && rules.namedGenerationStays) topic.givenUp = topic.segments;
    else disk.remove(topic.directory, segmentName(segment.base, generation));
    throw error;
  }
}

/** Those that recovery never writes to: sealed, and wholly below the last checkpoint. */
function sealedOf(topic: ModelTopic, rules: Rules): Sealed[] {
  return topic.segments.filter(
    (segment): segment is Sealed =>
      segment.sealed !== undefined &&
      (segment.base < topic.checkpointed.base || !rules.maintainOnlyBelowCheckpoint) &&
      segment.written >= segment.sealed.cells,
  );
}

/** Whole commits of a segment; none behind one that cannot be read. */
function* commitsOf(topic: ModelTopic, segment: Sealed): Generator<Commit> {
  const cells = topic.fileOf(segment)?.cache ?? [];
  for (let at = 0; at < segment.sealed.cells;) {
    const commit = commitAt(cells, at);
    if (commit === undefined || commit.isDamaged === true) throw new Unreadable();
    yield commit;
    at += commit.cells;
  }
}

/** A segment that is to be written anew is damaged: it stays as it is. */
export class Unreadable extends Error {}

function sparse(commit: Commit): Commit {
  return { ...commit, base: commit.records[0]!.offset, last: commit.records.at(-1)!.offset };
}
