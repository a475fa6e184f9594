import { OperatorError, type RecordCorrupt } from "../errors.js";
import type { Catalog } from "./catalog.js";
import { type Checkpoint, type TopicEnd, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { inParallel } from "./in-parallel.js";
import type { JournalPlace } from "./journal.js";
import type { JournalEntry, Sequence } from "./journal-format.js";
import { type CutFile, type RecoveredTopic, RecoveringTopic } from "./recovering-topic.js";
import { JournalDamaged, type TornTail, replay } from "./replay.js";

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
}

/** What the store goes on with. */
export interface Recovery {
  readonly checkpoint: Checkpoint;
  readonly topics: readonly RecoveredTopic[];
  readonly report: RecoveryReport;
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
 */
export async function recover(journalDirectory: string, catalog: Catalog, pendingBytes: number): Promise<Recovery> {
  const started = performance.now();
  const before = await readCheckpoint(journalDirectory);
  const topics = openTopics(before, catalog);
  const replayTo = (visit: (topic: RecoveringTopic, entry: JournalEntry) => Promise<void> | void): Promise<Replayed> =>
    replayInto(topics, catalog.deleted, journalDirectory, before, visit);
  // First without writing anything: what cannot be right must show while everything is still as it was found.
  const { sequence, place, groups, commits, torn } = await replayTo((topic, entry) => topic.take(entry));
  for (const topic of topics.values()) await topic.checkBeyond();

  // After a clean stop there is nothing to write.
  if (groups > 0) {
    const rewriting = new Rewriting(pendingBytes);
    const again = await replayTo((topic, entry) => rewriting.add(topic, entry));
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
  const ends = new Map([...topics].map(([topicId, topic]) => [topicId, topic.end]));
  const checkpoint = { sequence, place, ends };
  await writeCheckpoint(journalDirectory, checkpoint);
  const recovered = [...topics.values()].map((topic) => topic.result());
  const damaged = recovered.map(({ damage }) => damage).filter((damage) => damage !== undefined);
  const milliseconds = Math.round(performance.now() - started);
  return { checkpoint, topics: recovered, report: { groups, commits, milliseconds, torn, cut, damaged } };
}

function openTopics(checkpoint: Checkpoint, catalog: Catalog): Map<string, RecoveringTopic> {
  const topics = new Map<string, RecoveringTopic>();
  for (const found of catalog.topics) {
    const { topicId } = found.manifest;
    topics.set(topicId, new RecoveringTopic(found, checkpoint.ends.get(topicId) ?? emptyEnd));
  }
  for (const topicId of checkpoint.ends.keys()) {
    if (topics.has(topicId) || catalog.deleted.has(topicId)) continue;
    throw new OperatorError(`the directory of topic ${topicId} is missing; nothing was changed`);
  }
  return topics;
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
