import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError, type RecordCorrupt } from "../errors.js";
import type { Catalog, RemovedTopic } from "./catalog.js";
import { type Checkpoint, type TopicEnd, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { HeldTopic } from "./held-topic.js";
import { inParallel } from "./in-parallel.js";
import type { JournalPlace } from "./journal.js";
import type { JournalEntry, Sequence } from "./journal-format.js";
import type { LostTopic } from "./lost-topics.js";
import { type Manifest, manifestName } from "./manifest.js";
import { type CutFile, type RecoveredTopic, RecoveringTopic } from "./recovering-topic.js";
import { JournalDamaged, type TornTail, confirmGroup, replay } from "./replay.js";
import { type Rescue, RescueWriter, isRescueName, readRescue, rescuePath } from "./rescue.js";

/** What a start found, for the operator's log. */
export interface RecoveryReport {
  /** Groups above the checkpoint that were written to their segments again. */
  readonly groups: number;
  readonly commits: number;
  readonly milliseconds: number;
  /** What a crash had cut short, and nobody had been told about. */
  readonly torn: TornTail | undefined;
  /** Bytes beyond the last promised commit, by file. */
  readonly cut: readonly CutFile[];
  readonly damaged: readonly RecordCorrupt[];
  /** Topics whose segments could not be read or written: they take nothing, and lose nothing. */
  readonly failed: readonly FailedTopic[];
  /** Topics that cannot be read at all, and are left as they are. */
  readonly lost: readonly LostTopic[];
  /** Topics that were deleted before, whose files were still there. */
  readonly removed: readonly RemovedTopic[];
}

/** A topic that takes nothing until the next start, and why. */
export interface FailedTopic {
  readonly tenant: string;
  readonly topic: string;
  readonly topicId: string;
  /** What the disk said. */
  readonly error: unknown;
}

/** What the store goes on with. */
export interface Recovery {
  readonly checkpoint: Checkpoint;
  readonly topics: readonly RecoveredTopic[];
  readonly report: Omit<RecoveryReport, "removed">;
}

export const emptyEnd: TopicEnd = { next: 0n, segmentBase: 0n, position: 0, timeMs: 0 };

/** Segments that are written at a time: nobody else needs the thread pool yet, and their syncs share the disk's. */
const concurrentTopics = 16;

/**
 * Brings the segments up to everything that the journal holds, and makes a checkpoint of it. Everything above the
 * checkpoint is written again and never compared: what a read shows may be in the page cache alone. Killed half-way,
 * it does the same again.
 *
 * @param pendingBytes of the journal's commits, how much is held in memory at a time
 * @param unsynced by its directory, what the disk said of a topic that is not to be written
 */
export async function recover(
  journalDirectory: string,
  catalog: Catalog,
  pendingBytes: number,
  unsynced: ReadonlyMap<string, unknown>,
): Promise<Recovery> {
  const started = performance.now();
  const before = await readCheckpoint(journalDirectory);
  const { topics, held, lost, heldFor } = openTopics(journalDirectory, before, catalog, unsynced);
  // What rescue files have was in the journal before.
  const replayTo = async (visit: Visit, visitRescued = visit): Promise<Replayed> => {
    for (const [topicId, next] of before.rescues) {
      const topic = topics.get(topicId) ?? held.get(topicId);
      if (topic === undefined) continue;
      for (const entry of await readRescue(journalDirectory, topicId, next)) await visitRescued(topic, entry);
    }
    const topicOf = (topicId: string): RecoveringTopic | HeldTopic | undefined => {
      const topic = topics.get(topicId) ?? held.get(topicId);
      return topic === undefined && !catalog.deleted.has(topicId)
        ? heldFor(topicId, "the journal has records of it")
        : topic;
    };
    return replayInto(topicOf, journalDirectory, before, visit);
  };
  // First without writing anything: what cannot be right must show while everything is still as it was found.
  const { sequence, place, groups, commits, torn, lastAt } = await replayTo(
    (topic, entry) => topic.take(entry),
    (topic, entry) => topic.takeRescued(entry),
  );
  for (const topic of topics.values()) await topic.checkBeyond();

  // After a clean stop there is nothing to write.
  if (groups > 0 || before.rescues.size > 0) {
    // A kill, or a failed sync, may have left it in the page cache alone. Once segments have what it says, it must stay.
    if (groups > 0) await confirmGroup(journalDirectory, lastAt, place);
    const rewriting = new Rewriting(pendingBytes);
    const again = await replayTo((topic, entry) =>
      topic instanceof RecoveringTopic ? rewriting.add(topic, entry) : undefined,
    );
    await rewriting.write();
    if (again.sequence !== sequence) {
      const problem = `group ${again.sequence + 1n} could be read once, and not once more`;
      throw new JournalDamaged(journalDirectory, 0, problem);
    }
  }
  const cut: CutFile[] = [];
  await inParallel(topics.values(), concurrentTopics, async (topic) => {
    const file = await topic.finish();
    if (file !== undefined) cut.push(file);
  });
  const failing = [...topics.values()].filter(({ failure }) => failure !== undefined);
  const rescued = await rescueFailed([...failing, ...held.values()], journalDirectory, replayTo);
  const recovered = [...topics].map(([topicId, topic]) => topic.result(rescued.get(topicId)));
  const ends = new Map(recovered.map(({ entry, checkpointed }) => [entry.manifest.topicId, checkpointed]));
  for (const { topicId, checkpointed, hasNew } of held.values()) {
    if (hasNew || before.ends.has(topicId)) ends.set(topicId, checkpointed);
  }
  const rescues = new Map([...rescued].map(([topicId, { next }]) => [topicId, next]));
  const checkpoint = { sequence, place, ends, rescues };
  await writeCheckpoint(journalDirectory, checkpoint);
  await removeRescues(journalDirectory, rescues);
  const failed = recovered
    .filter(({ failure, damage }) => failure !== undefined && failure !== damage)
    .map(({ entry: { manifest }, failure: error }) => ({ ...nameOf(manifest), error }));
  const damaged = recovered.map(({ damage }) => damage).filter((damage) => damage !== undefined);
  const milliseconds = Math.round(performance.now() - started);
  const report = { groups, commits, milliseconds, torn, cut, damaged, failed, lost };
  return { checkpoint, topics: recovered, report };
}

function nameOf({ tenant, topic, topicId }: Manifest): Pick<Manifest, "tenant" | "topic" | "topicId"> {
  return { tenant, topic, topicId };
}

/** Keeps what the segments lack of topics that failed, or could not be looked at: the journal will not have it any more. */
async function rescueFailed(
  topics: readonly (RecoveringTopic | HeldTopic)[],
  journalDirectory: string,
  replayTo: (visit: Visit) => Promise<Replayed>,
): Promise<ReadonlyMap<string, Rescue>> {
  const writers = new Map<string, RescueWriter>();
  const rescues = new Map<string, Rescue>();
  const failed = topics.filter(({ hasNew }) => hasNew);
  if (failed.length === 0) return rescues;
  try {
    for (const { topicId } of failed) writers.set(topicId, await RescueWriter.create(journalDirectory, topicId));
    await replayTo((topic, entry) => writers.get(topic.topicId)?.add(entry));
    for (const [topicId, writer] of writers) rescues.set(topicId, await writer.finish());
    return rescues;
  } catch (error) {
    for (const writer of writers.values()) await writer.discard();
    throw error;
  }
}

/** Removes those that the checkpoint does not speak of; what cannot be removed counts no more all the same. */
async function removeRescues(journalDirectory: string, kept: ReadonlyMap<string, bigint>): Promise<void> {
  const paths = new Set([...kept.keys()].map((topicId) => rescuePath(journalDirectory, topicId)));
  for (const name of await readdir(journalDirectory)) {
    const path = join(journalDirectory, name);
    if (isRescueName(name) && !paths.has(path)) await unlink(path).catch(() => undefined);
  }
}

interface OpenedTopics {
  readonly topics: ReadonlyMap<string, RecoveringTopic>;
  /** Grows while the journal is read. */
  readonly held: ReadonlyMap<string, HeldTopic>;
  readonly lost: readonly LostTopic[];
  /** For a topic of which there is no directory, and that is not deleted. @throws OperatorError unless it may be where nobody can look */
  readonly heldFor: (topicId: string, why?: string) => HeldTopic;
}

function openTopics(
  journalDirectory: string,
  checkpoint: Checkpoint,
  catalog: Catalog,
  unsynced: ReadonlyMap<string, unknown>,
): OpenedTopics {
  const endOf = (topicId: string): TopicEnd => checkpoint.ends.get(topicId) ?? emptyEnd;
  const topics = new Map<string, RecoveringTopic>();
  const held = new Map<string, HeldTopic>();
  const lost = [...catalog.lost];
  const hold = (topicId: string): HeldTopic => {
    const topic = new HeldTopic(journalDirectory, topicId, endOf(topicId));
    held.set(topicId, topic);
    return topic;
  };
  const heldFor = (topicId: string, why?: string): HeldTopic => {
    if (catalog.lost.some((each) => each.topicId === undefined)) return hold(topicId);
    const problem = `the directory of topic ${topicId} is missing${why === undefined ? "" : `, and ${why}`}`;
    throw new OperatorError(`${problem}; nothing was changed`);
  };
  const sound = new Set(catalog.topics.map(({ manifest }) => manifest.topicId));
  for (const { topicId } of catalog.lost) if (topicId !== undefined && !sound.has(topicId)) hold(topicId);
  for (const found of catalog.topics) {
    const { directory, manifest } = found;
    const { tenant, topic, topicId } = manifest;
    const problem = olderThan(manifest, endOf(topicId));
    if (problem === undefined) topics.set(topicId, new RecoveringTopic(found, endOf(topicId), unsynced.get(directory)));
    else {
      lost.push({ tenant, topic, topicId, path: join(directory, manifestName), problem });
      hold(topicId);
    }
  }
  for (const topicId of [...checkpoint.ends.keys(), ...checkpoint.rescues.keys()]) {
    if (!topics.has(topicId) && !held.has(topicId) && !catalog.deleted.has(topicId)) heldFor(topicId);
  }
  return { topics, held, lost, heldFor };
}

/** Which segments an older `topic.json` does not name, nobody knows: it would hide them. */
function olderThan({ segments }: Manifest, { segmentBase, next }: TopicEnd): string | undefined {
  const isNamed = segments.some(({ base }) => base === segmentBase);
  if (isNamed || next === 0n || segments.length === 0) return undefined;
  return `it is older than the checkpoint: it has no segment ${segmentBase}`;
}

/** Commits on their way to the segments: gathered, so that each file is opened and synced once for many of them. */
class Rewriting {
  readonly #maxBytes: number;
  #bytes = 0;
  readonly #topics = new Set<RecoveringTopic>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async add(topic: RecoveringTopic, entry: JournalEntry): Promise<void> {
    topic.add(entry);
    this.#topics.add(topic);
    this.#bytes += entry.commit.length;
    if (this.#bytes >= this.#maxBytes) await this.write();
  }

  /** Resolves when all that was added is on disk. */
  async write(): Promise<void> {
    await inParallel(this.#topics, concurrentTopics, (topic) => topic.write());
    this.#topics.clear();
    this.#bytes = 0;
  }
}

type Visit = (topic: RecoveringTopic | HeldTopic, entry: JournalEntry) => Promise<void> | void;

interface Replayed {
  readonly sequence: Sequence;
  readonly place: JournalPlace;
  readonly groups: number;
  readonly commits: number;
  readonly torn: TornTail | undefined;
  /** Where the last group begins, in the file of `place`. */
  readonly lastAt: number;
}

async function replayInto(
  topicOf: (topicId: string) => RecoveringTopic | HeldTopic | undefined,
  journalDirectory: string,
  before: Checkpoint,
  visit: Visit,
): Promise<Replayed> {
  let { sequence, place } = before;
  let groups = 0;
  let commits = 0;
  let lastAt = 0;
  const replayed = replay(journalDirectory, before.sequence, before.place);
  let step = await replayed.next();
  for (; step.done !== true; step = await replayed.next()) {
    for (const entry of step.value.entries) {
      const topic = topicOf(entry.topicId);
      // It is deleted.
      if (topic === undefined) continue;
      await visit(topic, entry);
      commits++;
    }
    groups++;
    sequence = step.value.sequence;
    place = step.value.end;
    lastAt = step.value.position;
  }
  return { sequence, place, groups, commits, torn: step.value, lastAt };
}
