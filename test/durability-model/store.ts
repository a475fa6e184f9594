import { type Disk, DiskFailed, ModelDirectory, type Steps } from "./disk.js";
import { type Entry, type Group, type ModelJournal, type Place, journalFileCells } from "./journal.js";
import type { Ledger } from "./ledger.js";
import type { Random } from "./random.js";
import { type Batch, type Commit, type End, type ModelRecord, emptyEnd } from "./records.js";
import type { Rules } from "./rules.js";
import { ModelTopic, manifestName, newManifest } from "./topic.js";

const segmentCells = 7;
const mostBatchesInGroup = 4;

/** What `checkpoint` says. */
export interface ModelCheckpoint {
  readonly sequence: number;
  readonly place: Place;
  readonly ends: ReadonlyMap<string, End>;
}

interface Waiting {
  readonly topic: ModelTopic;
  readonly batch: Batch;
  readonly commits: readonly { readonly commit: Commit; readonly isForging: boolean }[];
}

interface Directories {
  readonly journal: ModelDirectory;
  readonly topics: ModelDirectory;
}

/** The process while it serves: admission, groups, checkpoints, creation and deletion. */
export class ModelStore {
  readonly disk: Disk;
  readonly topics = new Map<string, ModelTopic>();
  readonly #directories: Directories;
  readonly #journal: ModelJournal;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #rules: Rules;
  readonly #ends: Map<string, End>;
  readonly #queue: Waiting[] = [];
  readonly #dirty = new Set<ModelTopic>();
  readonly #dropped = new Map<ModelTopic, string>();
  #published: { readonly sequence: number; readonly place: Place };
  #isCommitting = false;
  #isCheckpointing = false;
  readonly #names = new Set<string>();

  constructor(
    disk: Disk,
    directories: Directories,
    journal: ModelJournal,
    topics: readonly ModelTopic[],
    ledger: Ledger,
    random: Random,
    rules: Rules,
  ) {
    this.disk = disk;
    this.#directories = directories;
    this.#journal = journal;
    this.#ledger = ledger;
    this.#random = random;
    this.#rules = rules;
    this.#ends = new Map(topics.map((topic) => [topic.id, topic.checkpointed]));
    for (const topic of topics) {
      this.topics.set(topic.id, topic);
      this.#names.add(topic.name);
    }
    this.#published = { sequence: journal.durable, place: journal.place };
  }

  get hasWaiting(): boolean {
    return this.#queue.length > 0 && !this.#isCommitting;
  }

  /** Nothing is acknowledged any more. */
  get hasFailed(): boolean {
    return this.#journal.hasFailed;
  }

  fail(): void {
    this.#journal.hasFailed = true;
  }

  /** True while the places of a group's commits are decided and not yet taken. */
  get isPlaced(): boolean {
    return this.#isCommitting;
  }

  /** Gives a batch its offset. */
  admit(topic: ModelTopic): void {
    if (topic.isRefusing || this.hasFailed) return;
    const records: ModelRecord[] = [];
    const batch: Batch = { topicId: topic.id, records };
    const count = 1 + this.#random.below(3);
    for (let index = 0; index < count; index++) {
      records.push({ batch, key: this.#random.below(3), offset: topic.nextOffset++ });
    }
    const split = count > 1 && this.#random.chance(0.4) ? 1 : count;
    const parts = split === count ? [records] : [records.slice(0, split), records.slice(split)];
    const commits = parts.map((part) => ({ commit: this.#commitOf(topic, part), isForging: this.#random.chance(0.2) }));
    this.#ledger.attempts(batch);
    topic.unanswered++;
    this.#queue.push({ topic, batch, commits });
  }

  /** Makes a part of what waits durable together. */
  *commit(): Steps {
    if (!this.hasWaiting || this.hasFailed) return;
    this.#isCommitting = true;
    const taken = this.#take();
    try {
      const entries = this.#place(taken);
      const groups = this.#rules.batchInOneGroup ? [entries] : entries.map((entry) => [entry]);
      for (const group of groups) yield* this.#commitGroup(group);
      for (const { topic, batch } of taken) {
        this.#ledger.acknowledged(batch);
        topic.unanswered--;
      }
    } catch (error) {
      if (!(error instanceof DiskFailed)) throw error;
      if (this.#rules.journalFailureIsFinal) this.fail();
      // Whoever waits is refused, and who comes later goes on where the topic ends.
      for (const { topic } of [...taken, ...this.#queue.splice(0)]) {
        topic.unanswered--;
        topic.nextOffset = topic.end.next;
      }
    }
    this.#isCommitting = false;
  }

  *checkpoint(): Steps {
    if (this.#isCheckpointing) return;
    this.#isCheckpointing = true;
    const logs = [...this.#dirty];
    try {
      yield* this.#runCheckpoint(logs);
    } catch (error) {
      if (!(error instanceof DiskFailed)) throw error;
      for (const topic of logs) this.#dirty.add(topic);
      this.fail();
    }
    this.#isCheckpointing = false;
  }

  *create(name: string, topicId: string, compact: boolean): Steps {
    if (this.#names.has(name) || this.hasFailed) return;
    this.#names.add(name);
    this.#ledger.creates(topicId, name, compact);
    const { topics } = this.#directories;
    const manifest = newManifest(topicId, name, compact);
    const temporary = `${topicId}.creating`;
    try {
      yield;
      const directory = this.disk.makeDirectory(topics, temporary);
      const isSynced = this.#rules.manifestSynced;
      yield* this.disk.replace(directory, manifestName, manifest, { file: isSynced, name: isSynced });
      yield;
      this.disk.rename(topics, temporary, topicId);
      if (this.#rules.topicNameSynced) yield* this.disk.syncDirectory(topics);
      this.topics.set(topicId, new ModelTopic(this.disk, directory, manifest, emptyEnd, this.#rules));
      this.#ledger.created(topicId);
    } catch (error) {
      if (!(error instanceof DiskFailed)) throw error;
      yield* this.#discard(temporary, topicId);
      this.#names.delete(name);
    }
  }

  *delete(topic: ModelTopic): Steps {
    if (this.hasFailed || topic.isRefusing) return;
    topic.isRefusing = true;
    this.#ledger.deletes(topic.id);
    while (topic.unanswered > 0 && this.#rules.retireBeforeDeletion) yield;
    // What was refused may be in the journal all the same.
    if (this.#journal.hasFailed && this.#rules.noDeletionAfterFailure) return;
    const gone = `${topic.id}.deleted`;
    try {
      yield* topic.finish(() => this.#renameDeleted(topic, gone));
    } catch (error) {
      if (!(error instanceof DiskFailed)) throw error;
      this.fail();
      return;
    }
    topic.pending = [];
    this.#dirty.delete(topic);
    this.#ends.delete(topic.id);
    this.topics.delete(topic.id);
    this.#names.delete(topic.name);
    this.#ledger.deleted(topic.id);
    if (this.#rules.removalAfterCheckpoint) this.#dropped.set(topic, gone);
    else yield* this.#removeDirectory(gone);
  }

  /** Notes that a topic ends somewhere else, though nothing was appended. */
  noteSealed(topic: ModelTopic): void {
    this.#dirty.add(topic);
  }

  *#renameDeleted(topic: ModelTopic, gone: string): Steps {
    yield;
    this.disk.rename(this.#directories.topics, topic.id, gone);
    if (this.#rules.renameBeforeNameIsFree) yield* this.disk.syncDirectory(this.#directories.topics);
  }

  #commitOf(topic: ModelTopic, records: readonly ModelRecord[]): Commit {
    const base = records[0]!.offset;
    const cells = 1 + this.#random.below(2);
    return { topicId: topic.id, base, last: base + records.length - 1, records, cells };
  }

  #take(): Waiting[] {
    let cells = 1;
    const taken: Waiting[] = [];
    const most = 1 + this.#random.below(mostBatchesInGroup);
    for (let next = this.#queue[0]; next !== undefined && taken.length < most; next = this.#queue[0]) {
      cells += next.commits.reduce((sum, { commit }) => sum + commit.cells, 0);
      if (taken.length > 0 && cells > journalFileCells - 2) break;
      taken.push(next);
      this.#queue.shift();
    }
    return taken;
  }

  /** Gives each commit its place behind the one before it, in a new segment where the active one is full. */
  #place(taken: readonly Waiting[]): (Entry & { readonly topic: ModelTopic })[] {
    const ends = new Map<ModelTopic, { base: number; position: number }>();
    return taken.flatMap(({ topic, commits }) =>
      commits.map(({ commit, isForging }) => {
        const end = ends.get(topic) ?? topic.end;
        const fits = end.position + commit.cells <= segmentCells || end.position === 0;
        const segmentBase = fits ? end.base : commit.base;
        const position = segmentBase === end.base ? end.position : 0;
        ends.set(topic, { base: segmentBase, position: position + commit.cells });
        const entry = { topicId: topic.id, segmentBase, position, commit };
        return { ...entry, topic, forged: isForging ? this.#forge(entry) : undefined };
      }),
    );
  }

  /** Bytes in a record that look like a group that is yet to come. */
  #forge(entry: Entry): Group {
    const sequence = this.#journal.nextSequence + this.#random.below(12);
    const base = entry.commit.base + this.#random.below(8);
    const records = [{ batch: { topicId: entry.topicId, records: [] }, key: 0, offset: base }];
    const commit: Commit = { topicId: entry.topicId, base, last: base, records, cells: 1 };
    return { isEnd: false, sequence, durable: sequence - 1, nonce: 0, entries: [{ ...entry, commit }] };
  }

  *#commitGroup(entries: readonly (Entry & { readonly topic: ModelTopic })[]): Steps {
    const cells = 1 + entries.reduce((sum, { commit }) => sum + commit.cells, 0);
    while (this.#journal.needsRelease(cells)) {
      if (this.hasFailed) throw new DiskFailed("the store has failed");
      yield* this.checkpoint();
      yield;
    }
    if (!this.#journal.fits(cells)) yield* this.#journal.rotate(this.#journal.nextSequence);
    if (!this.#rules.syncBeforePublish) this.#publish(entries);
    const sequence = yield* this.#journal.append(entries);
    if (this.#rules.syncBeforePublish) this.#publish(entries);
    this.#published = { sequence, place: this.#journal.place };
  }

  #publish(entries: readonly (Entry & { readonly topic: ModelTopic })[]): void {
    for (const { topic, commit, segmentBase, position } of entries) {
      topic.publish(commit, segmentBase, position);
      this.#dirty.add(topic);
    }
  }

  *#runCheckpoint(logs: readonly ModelTopic[]): Steps {
    const { sequence, place } = this.#published;
    const ends = logs.map((topic) => [topic, topic.end] as const);
    const dropped = [...this.#dropped];
    this.#dirty.clear();
    if (!this.#rules.checkpointBeforeRecycle) yield* this.#journal.release(sequence);
    for (const topic of logs) {
      if (this.#rules.flushBeforeCheckpoint) yield* topic.flush();
      yield* topic.sync();
    }
    for (const [topic, end] of ends) {
      if (this.topics.has(topic.id)) this.#ends.set(topic.id, this.#rules.endsOfOneMoment ? end : topic.end);
    }
    const checkpoint: ModelCheckpoint = { sequence, place, ends: new Map(this.#ends) };
    yield* writeCheckpoint(this.disk, this.#directories.journal, checkpoint, this.#rules);
    for (const [topic, end] of ends) topic.checkpointed = end;
    for (const [topic, directory] of dropped) {
      this.#dropped.delete(topic);
      yield* this.#removeDirectory(directory);
    }
    if (this.#rules.checkpointBeforeRecycle) yield* this.#journal.release(sequence);
  }

  /** Takes away what was made of a topic that could not be created. */
  *#discard(temporary: string, made: string): Steps {
    const { topics } = this.#directories;
    if (topics.directory(made) !== undefined && this.#rules.discardByName) {
      yield;
      this.disk.rename(topics, made, temporary);
      try {
        yield* this.disk.syncDirectory(topics);
      } catch {
        return;
      }
    }
    for (const name of [temporary, made]) yield* this.#removeDirectory(name);
  }

  *#removeDirectory(name: string): Steps {
    yield* removeDirectory(this.disk, this.#directories.topics, name);
  }
}

export function* writeCheckpoint(
  disk: Disk,
  journal: ModelDirectory,
  checkpoint: ModelCheckpoint,
  rules: Rules,
): Steps {
  const syncs = { file: rules.checkpointFileSynced, name: rules.checkpointNameSynced };
  yield* disk.replace(journal, "checkpoint", checkpoint, syncs);
}

export function* removeDirectory(disk: Disk, parent: ModelDirectory, name: string): Steps {
  const directory = parent.directory(name);
  if (directory === undefined) return;
  for (const file of directory.names) {
    yield;
    disk.remove(directory, file);
  }
  yield;
  disk.remove(parent, name);
}
