import { type FileHandle, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError, RecordCorrupt } from "../errors.js";
import type { Catalog, CatalogEntry } from "./catalog.js";
import { type Checkpoint, type TopicEnd, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { commitHeaderBytes, isIntact, readCommitHeader } from "./commit.js";
import { isMissing, readUpTo, syncDirectory, writeFully } from "./durable-files.js";
import type { JournalPlace } from "./journal.js";
import type { JournalEntry, Sequence } from "./journal-format.js";
import { type Manifest, type ManifestSegment, manifestSegment, writeManifest } from "./manifest.js";
import { OpenFiles } from "./open-files.js";
import { JournalDamaged, type TornTail, replay } from "./replay.js";
import { type SegmentEnd, segmentFileName } from "./segment.js";

/** What a start found, for the operator's log. */
export interface RecoveryReport {
  /** Groups above the checkpoint that were written to their segments again. */
  readonly groups: number;
  readonly commits: number;
  readonly milliseconds: number;
  /** What a crash had cut short, and nobody had been told about. */
  readonly torn: TornTail | undefined;
  /** Bytes beyond the last promised commit, by file. */
  readonly cut: readonly { readonly path: string; readonly bytes: number }[];
  readonly damaged: readonly RecordCorrupt[];
}

/** One topic as recovery leaves it. */
export interface RecoveredTopic {
  readonly entry: CatalogEntry;
  readonly end: TopicEnd;
  /** Set if its segments are shorter than the checkpoint says. */
  readonly damage: RecordCorrupt | undefined;
}

/** What the store goes on with. */
export interface Recovery {
  readonly checkpoint: Checkpoint;
  readonly topics: readonly RecoveredTopic[];
  readonly report: RecoveryReport;
}

export const emptyEnd: TopicEnd = { next: 0n, segmentBase: 0n, position: 0, timeMs: 0 };

/** Files that replay keeps open. */
const openFilesLimit = 128;

/**
 * Brings the segments up to everything that the journal holds, and makes a checkpoint of it. Everything above the
 * checkpoint is written again and never compared: what a read shows may be in the page cache alone. Killed half-way,
 * it does the same again.
 */
export async function recover(journalDirectory: string, catalog: Catalog): Promise<Recovery> {
  const started = performance.now();
  const before = await readCheckpoint(journalDirectory);
  // First without writing anything: what cannot be right must show while everything is still as it was found.
  const promised = await openTopics(before, catalog);
  const replayTo = (
    topics: ReadonlyMap<string, RecoveringTopic>,
    visit: (topic: RecoveringTopic, entry: JournalEntry) => Promise<void> | void,
  ): Promise<Replayed> => replayInto(topics, catalog.deleted, journalDirectory, before, visit);
  await replayTo(promised, (topic, entry) => topic.take(entry));
  for (const topic of promised.values()) await topic.checkBeyond();

  const topics = await openTopics(before, catalog);
  await using files = new OpenFiles(openFilesLimit);
  const replayed = await replayTo(topics, (topic, entry) => topic.write(files, entry));
  const { sequence, place, groups, commits, torn } = replayed;
  const cut: { path: string; bytes: number }[] = [];
  for (const topic of topics.values()) {
    const bytes = await topic.finish(files);
    if (bytes > 0) cut.push({ path: topic.activePath, bytes });
  }
  const ends = new Map([...topics].map(([topicId, topic]) => [topicId, topic.end]));
  const checkpoint = { sequence, place, ends };
  await writeCheckpoint(journalDirectory, checkpoint);
  const recovered = [...topics.values()].map((topic) => topic.result());
  const damaged = recovered.map(({ damage }) => damage).filter((damage) => damage !== undefined);
  const milliseconds = Math.round(performance.now() - started);
  return { checkpoint, topics: recovered, report: { groups, commits, milliseconds, torn, cut, damaged } };
}

async function openTopics(checkpoint: Checkpoint, catalog: Catalog): Promise<Map<string, RecoveringTopic>> {
  const topics = new Map<string, RecoveringTopic>();
  for (const entry of catalog.topics) {
    const { topicId } = entry.manifest;
    topics.set(topicId, await RecoveringTopic.open(entry, checkpoint.ends.get(topicId) ?? emptyEnd));
  }
  for (const topicId of checkpoint.ends.keys()) {
    if (topics.has(topicId) || catalog.deleted.has(topicId)) continue;
    throw new OperatorError(`the directory of topic ${topicId} is missing; nothing was changed`);
  }
  return topics;
}

interface Replayed {
  readonly sequence: Sequence;
  readonly place: JournalPlace;
  readonly groups: number;
  readonly commits: number;
  readonly torn: TornTail | undefined;
}

async function replayInto(
  topics: ReadonlyMap<string, RecoveringTopic>,
  deleted: ReadonlySet<string>,
  journalDirectory: string,
  before: Checkpoint,
  visit: (topic: RecoveringTopic, entry: JournalEntry) => Promise<void> | void,
): Promise<Replayed> {
  let { sequence, place } = before;
  let groups = 0;
  let commits = 0;
  const replayed = replay(journalDirectory, before.sequence, before.place);
  let step = await replayed.next();
  for (; step.done !== true; step = await replayed.next()) {
    for (const entry of step.value.entries) {
      const topic = topics.get(entry.topicId);
      if (topic === undefined && deleted.has(entry.topicId)) continue;
      if (topic === undefined) {
        throw new OperatorError(
          `the directory of topic ${entry.topicId} is missing, and the journal has records of it; nothing was changed`,
        );
      }
      await visit(topic, entry);
      commits++;
    }
    groups++;
    sequence = step.value.sequence;
    place = step.value.end;
  }
  return { sequence, place, groups, commits, torn: step.value };
}

class RecoveringTopic {
  readonly #entry: CatalogEntry;
  readonly #damage: RecordCorrupt | undefined;
  readonly #segments: { base: bigint; generation?: number; sealed?: SegmentEnd }[];
  readonly #written = new Set<string>();
  #end: TopicEnd;

  private constructor(entry: CatalogEntry, end: TopicEnd, damage: RecordCorrupt | undefined) {
    this.#entry = entry;
    this.#end = end;
    this.#damage = damage;
    // What the manifest says of later segments is from above the checkpoint: replay says it again.
    this.#segments = entry.manifest.segments
      .filter(({ base }) => base < end.segmentBase)
      .map((segment) => ({ ...segment }));
    if (end.next > 0n) this.#segments.push({ base: end.segmentBase });
  }

  static async open(entry: CatalogEntry, end: TopicEnd): Promise<RecoveringTopic> {
    const path = join(entry.directory, segmentFileName(end.segmentBase));
    const bytes = await sizeOf(path);
    const damage =
      bytes < end.position
        ? new RecordCorrupt(
            entry.manifest.topicId,
            `${path}: byte ${bytes}`,
            `the file should have ${end.position} bytes`,
          )
        : undefined;
    return new RecoveringTopic(entry, end, damage);
  }

  get end(): TopicEnd {
    return this.#end;
  }

  get activePath(): string {
    return this.#pathOf(this.#end.segmentBase);
  }

  /** Goes on behind a commit. @throws JournalDamaged if it is not the one that follows */
  take(entry: JournalEntry): void {
    const { segmentBase, position, commit, topicId } = entry;
    const header = readCommitHeader(commit, 0);
    const rolls = segmentBase !== this.#end.segmentBase;
    const follows = rolls ? position === 0 && segmentBase === this.#end.next : position === this.#end.position;
    if (header === undefined || header.topicId !== topicId || header.base !== this.#end.next || !follows) {
      const path = this.#pathOf(segmentBase);
      throw new JournalDamaged(path, position, `the journal's commit does not follow offset ${this.#end.next}`);
    }
    const active = this.#segments.at(-1);
    if (rolls && active !== undefined) active.sealed = { next: this.#end.next, bytes: this.#end.position };
    if (active?.base !== segmentBase) this.#segments.push({ base: segmentBase });
    this.#end = {
      next: header.last + 1n,
      segmentBase,
      position: position + commit.length,
      timeMs: header.timeMs,
    };
  }

  /** Writes a commit where its group says that it belongs. */
  async write(files: OpenFiles, entry: JournalEntry): Promise<void> {
    this.take(entry);
    const path = this.#pathOf(entry.segmentBase);
    await files.write(path, (file) => writeFully(file, entry.commit, entry.position));
    this.#written.add(path);
  }

  /**
   * Segments get nothing but what was durable in the journal. A whole commit behind all that the journal has is
   * therefore proof that the journal has lost it: cutting it off would hide that.
   *
   * @throws JournalDamaged
   */
  async checkBeyond(): Promise<void> {
    const { next, segmentBase, position } = this.#end;
    const { startOffset } = this.#entry.manifest;
    if (startOffset > next) {
      const problem = `offset ${startOffset - 1n} had been durable, and the journal does not have it`;
      throw new JournalDamaged(this.activePath, position, problem);
    }
    for (const [base, at] of [
      [segmentBase, position],
      ...(next === segmentBase ? [] : [[next, 0] as const]),
    ] as const) {
      const path = this.#pathOf(base);
      if (await holdsCommit(path, at, this.#entry.manifest.topicId, next)) {
        throw new JournalDamaged(path, at, `offset ${next} had been durable, and the journal does not have it`);
      }
    }
  }

  /** Cuts what is beyond the last promised commit, and makes everything durable. Returns how many bytes were cut. */
  async finish(files: OpenFiles): Promise<number> {
    const beyond = (await sizeOf(this.activePath)) - this.#end.position;
    if (beyond > 0) {
      await files.write(this.activePath, () => truncate(this.activePath, this.#end.position));
      this.#written.add(this.activePath);
    }
    for (const path of this.#written) await files.sync(path);
    if (this.#written.size > 0) await syncDirectory(this.#entry.directory);
    // It may also say more than was checkpointed: that a segment is sealed in which appends are to go on.
    const manifest = this.#manifest();
    if (!isSame(manifest.segments, this.#entry.manifest.segments)) {
      await writeManifest(this.#entry.directory, manifest);
    }
    return Math.max(0, beyond);
  }

  result(): RecoveredTopic {
    const entry = { directory: this.#entry.directory, manifest: this.#manifest() };
    return { entry, end: this.#end, damage: this.#damage };
  }

  #pathOf(segmentBase: bigint): string {
    return join(this.#entry.directory, segmentFileName(segmentBase));
  }

  #manifest(): Manifest {
    const segments = this.#segments.map(({ base, generation, sealed }) =>
      manifestSegment(base, generation ?? 0, sealed),
    );
    return { ...this.#entry.manifest, segments };
  }
}

function isSame(some: readonly ManifestSegment[], others: readonly ManifestSegment[]): boolean {
  return (
    some.length === others.length &&
    some.every((segment, index) => {
      const other = others[index]!;
      const { generation, sealed } = other;
      return (
        segment.base === other.base &&
        segment.generation === generation &&
        segment.sealed?.next === sealed?.next &&
        segment.sealed?.bytes === sealed?.bytes
      );
    })
  );
}

/** True if the file has at `position` an intact commit of the topic that begins with offset `base`. */
async function holdsCommit(path: string, position: number, topicId: string, base: bigint): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    const header = readCommitHeader(await readUpTo(file, position, commitHeaderBytes), 0);
    if (header?.topicId !== topicId || header.base !== base) return false;
    const bytes = header.headerBytes + header.framesBytes;
    if ((await file.stat()).size < position + bytes) return false;
    return isIntact(await readUpTo(file, position, bytes), 0, header);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
