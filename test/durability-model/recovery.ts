import type { Disk, ModelDirectory, Steps } from "./disk.js";
import { ModelJournal } from "./journal.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";
import { emptyEnd } from "./records.js";
import { RecoveringModelTopic } from "./recovering-topic.js";
import { Refused, type Replayed, replay } from "./replay.js";
import type { Rules } from "./rules.js";
import { type ModelCheckpoint, ModelStore, removeDirectory, writeCheckpoint } from "./store.js";
import { type ModelManifest, ModelTopic, manifestName } from "./topic.js";

export interface Started {
  readonly store: ModelStore;
  /** Topics whose segments are shorter than the checkpoint says. */
  readonly short: ReadonlySet<string>;
}

export interface Opening {
  readonly disk: Disk;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly rules: Rules;
  readonly nonces: () => number;
}

/** Makes a data directory, all of it on disk. */
export function* createData({ disk, rules }: Opening): Steps {
  const journal = disk.makeDirectory(disk.root, "journal");
  disk.makeDirectory(disk.root, "topics");
  const checkpoint: ModelCheckpoint = { sequence: 0, place: { file: 1, position: 1 }, ends: new Map() };
  yield* writeCheckpoint(disk, journal, checkpoint, rules);
  yield* disk.syncDirectory(journal);
  yield* disk.syncDirectory(disk.root);
}

/** What a start does, as recovery.ts and file-store.ts do it. @throws Refused, and has changed nothing */
export function* start(opening: Opening, isNew: boolean): Steps<Started> {
  const { disk, rules, ledger, random } = opening;
  const journalDirectory = disk.root.directory("journal")!;
  const topicsDirectory = disk.root.directory("topics")!;
  let checkpoint = readCheckpoint(journalDirectory);
  let recovering = new Map<string, RecoveringModelTopic>();
  if (!isNew) {
    recovering = openTopics(disk, topicsDirectory, checkpoint, rules);
    checkpoint = yield* recover(opening, checkpoint, recovering, journalDirectory, topicsDirectory);
  }
  const journal = new ModelJournal(disk, journalDirectory, checkpoint.sequence + 1, rules, opening.nonces);
  yield* journal.open();
  const topics = [...recovering.values()].map(
    ({ directory, manifest, end }) => new ModelTopic(disk, directory, manifest, end, rules),
  );
  const short = new Set([...recovering].filter(([, { isShort }]) => isShort).map(([id]) => id));
  const directories = { journal: journalDirectory, topics: topicsDirectory };
  return { store: new ModelStore(disk, directories, journal, topics, ledger, random, rules), short };
}

function* recover(
  { disk, rules }: Opening,
  before: ModelCheckpoint,
  topics: ReadonlyMap<string, RecoveringModelTopic>,
  journal: ModelDirectory,
  topicsDirectory: ModelDirectory,
): Steps<ModelCheckpoint> {
  const deleted = new Set(topicsDirectory.names.filter((name) => name.endsWith(".deleted")).map(stem));
  const replayed = replay(journal, before.sequence, before.place, rules);
  const entries = replayed.groups
    .flatMap((group) => group.entries)
    .filter(({ topicId }) => topics.has(topicId) || !deleted.has(topicId));
  for (const entry of entries) {
    const topic = topics.get(entry.topicId);
    if (topic === undefined) throw new Refused(`the directory of topic ${entry.topicId} is missing`);
    if (!rules.judgeBeforeWriting) yield* topic.write(entry);
    topic.take(entry);
  }
  for (const topic of topics.values()) topic.checkBeyond();
  if (rules.lastGroupMadeDurable && replayed.inDoubt !== undefined) yield* makeDurable(disk, replayed.inDoubt);
  if (rules.judgeBeforeWriting) for (const entry of entries) yield* topics.get(entry.topicId)!.write(entry);
  for (const topic of topics.values()) yield* topic.finish();
  const isNew = [...topics.keys()].some((id) => !before.ends.has(id));
  if (isNew && rules.foundTopicSynced) yield* disk.syncDirectory(topicsDirectory);
  if (leftoversIn(topicsDirectory).length > 0 && rules.leftoversAfterSync) yield* disk.syncDirectory(topicsDirectory);
  const { sequence, place } = replayed;
  const ends = new Map([...topics].map(([id, { end }]) => [id, end]));
  const checkpoint: ModelCheckpoint = { sequence, place, ends };
  if (rules.checkpointAfterRecovery) yield* writeCheckpoint(disk, journal, checkpoint, rules);
  yield* removeLeftovers(disk, topicsDirectory);
  for (const topic of topics.values()) yield* removeOrphans(disk, topic, rules);
  return checkpoint;
}

/** Writes the group again, and syncs it: what a read shows may be in the page cache alone. */
function* makeDurable(disk: Disk, { file, from, to }: NonNullable<Replayed["inDoubt"]>): Steps {
  yield* disk.write(file, from, file.cache.slice(from, to));
  yield* disk.sync(file);
}

function readCheckpoint(journal: ModelDirectory): ModelCheckpoint {
  const checkpoint = journal.file("checkpoint")?.cache[0] as ModelCheckpoint | undefined;
  if (checkpoint === undefined) throw new Refused("the checkpoint is missing or damaged");
  return checkpoint;
}

function openTopics(
  disk: Disk,
  directory: ModelDirectory,
  checkpoint: ModelCheckpoint,
  rules: Rules,
): Map<string, RecoveringModelTopic> {
  const topics = new Map<string, RecoveringModelTopic>();
  const names = new Set<string>();
  for (const id of directory.names) {
    if (id.endsWith(".creating") || id.endsWith(".deleted")) continue;
    const own = directory.directory(id)!;
    const manifest = own.file(manifestName)?.cache[0] as ModelManifest | undefined;
    if (manifest === undefined || !isValid(manifest)) throw new Refused(`${manifestName} of ${id} is damaged`);
    if (names.has(manifest.name)) throw new Refused(`two topics say that they are ${manifest.name}`);
    names.add(manifest.name);
    topics.set(id, new RecoveringModelTopic(disk, own, manifest, checkpoint.ends.get(id) ?? emptyEnd, rules));
  }
  for (const id of checkpoint.ends.keys()) {
    if (!topics.has(id) && !directory.names.includes(`${id}.deleted`)) throw new Refused(`topic ${id} is missing`);
  }
  return topics;
}

function isValid({ segments }: ModelManifest): boolean {
  return segments.slice(1).every(({ base }, index) => {
    const { sealed } = segments[index]!;
    return sealed !== undefined && base >= sealed.next;
  });
}

function leftoversIn(topics: ModelDirectory): string[] {
  return topics.names.filter((name) => name.endsWith(".creating") || name.endsWith(".deleted"));
}

function* removeLeftovers(disk: Disk, topics: ModelDirectory): Steps {
  for (const name of leftoversIn(topics)) yield* removeDirectory(disk, topics, name);
}

function* removeOrphans(disk: Disk, topic: RecoveringModelTopic, rules: Rules): Steps {
  const { orphans, directory } = topic;
  if (orphans.length > 0 && rules.orphansAfterSync) yield* disk.syncDirectory(directory);
  for (const name of orphans) {
    yield;
    disk.remove(directory, name);
  }
}

function stem(name: string): string {
  return name.slice(0, name.indexOf("."));
}
