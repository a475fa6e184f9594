import { existsSync } from "node:fs";
import { join } from "node:path";
import { LogClosed, OperatorError, StorageFull, TopicExists, TopicNotFound, TopicStorageFailed } from "../errors.js";
import { Closers } from "../lifecycle.js";
import { makeDirectory } from "../make-directory.js";
import type { RecordBatch } from "../wire/records.js";
import { type CatalogEntry, readCatalog, removeLeftovers } from "./catalog.js";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { Checkpointer } from "./checkpointer.js";
import { type Clock, systemClock } from "./clock.js";
import { Creation } from "./creation.js";
import { DataDirectory, layout } from "./data-directory.js";
import { Deletion } from "./deletion.js";
import { isExhausted, isSystemError } from "./durable-files.js";
import type { FileStoreEvents, FileStoreOptions } from "./file-store-options.js";
import { Flusher } from "./flusher.js";
import { syncFoundNames } from "./found-names.js";
import { FreeSpace } from "./free-space.js";
import { GroupCommit } from "./group-commit.js";
import { Journal } from "./journal.js";
import { blockBytes } from "./journal-format.js";
import { LostTopics } from "./lost-topics.js";
import { Maintenance } from "./maintenance.js";
import { OpenFiles } from "./open-files.js";
import { removeOrphans } from "./orphans.js";
import { type CommitLog, type LogStore, type TopicSettings, type Usage, defaultTopicSettings } from "./port.js";
import type { RecoveredTopic } from "./recovering-topic.js";
import { type Recovery, emptyEnd, recover } from "./recovery.js";
import { RetentionClock } from "./retention-clock.js";
import { Slabs } from "./slabs.js";
import { StorageAccount } from "./storage-account.js";
import { TopicFiles } from "./topic-files.js";
import { TopicIndex } from "./topic-index.js";
import { TopicLog } from "./topic-log.js";

/** A group of the usual size fits. */
const maxSlabBytes = 1024 * 1024 + 2 * blockBytes;

interface Parts {
  readonly journal: Journal;
  readonly space: FreeSpace;
  readonly files: OpenFiles;
  readonly clock: Clock;
  readonly retentionClock: RetentionClock;
  readonly checkpoint: Checkpoint;
  readonly lost: LostTopics;
}

/** Every topic's log in one data directory: one journal makes it durable, one file per topic makes it readable. */
export class FileStore implements LogStore {
  readonly #creation: Creation;
  readonly #closers: Closers;
  readonly #clock: Clock;
  readonly #files: OpenFiles;
  readonly #journal: Journal;
  readonly #space: FreeSpace;
  readonly #flusher: Flusher;
  readonly #commits: GroupCommit;
  readonly #deletion: Deletion;
  readonly #maintenance: Maintenance;
  readonly #topics = new TopicIndex();
  readonly #lost: LostTopics;
  readonly #creating = new Map<string, Promise<TopicLog>>();
  readonly #deleting = new Map<string, Promise<void>>();
  #maintaining: Promise<void> | undefined;
  #reported = false;
  #closed = false;
  readonly #events: FileStoreEvents;

  private constructor(
    directory: string,
    closers: Closers,
    parts: Parts,
    options: FileStoreOptions,
    events: FileStoreEvents,
  ) {
    const { journal, space, files, clock, retentionClock, checkpoint } = parts;
    this.#lost = parts.lost;
    const onFailure = (error: unknown): void => this.#fail(error);
    const onTopicFailure = (log: TopicLog, error: unknown): void => this.#failTopic(log, error);
    const slabs = new Slabs(Math.floor(Math.min(maxSlabBytes, options.pendingBytes / 8)));
    const flusher = new Flusher(space, slabs, options.pendingBytes, (log, error) => {
      onTopicFailure(log, error);
      checkpointer.rescue(log);
    });
    this.#flusher = flusher;
    this.#creation = new Creation(join(directory, layout.tenants));
    this.#closers = closers;
    this.#clock = clock;
    this.#files = files;
    this.#journal = journal;
    this.#space = space;
    this.#events = events;
    const checkpointer: Checkpointer = new Checkpointer({
      directory: join(directory, layout.journal),
      journal,
      flusher,
      published: () => this.#commits.published,
      checkpoint,
      onFailure,
      onTopicFailure,
      observer: events.observer,
    });
    this.#commits = new GroupCommit({
      journal,
      space,
      flusher,
      clock,
      sizes: options,
      slabs,
      onPublished: (logs) => checkpointer.noteGroup(logs),
      release: () => checkpointer.demand(),
      onFailure,
      observer: events.observer,
    });
    this.#deletion = new Deletion({
      flusher,
      checkpointer,
      failure: () => journal.failure,
      onTopicFailure,
      onLeftover: ({ tenant, topic }, error) => events.onMaintenanceProblem({ tenant, topic, error }),
    });
    this.#maintenance = new Maintenance({
      commits: this.#commits,
      checkpointer,
      clock: retentionClock,
      reclaim: options,
      onProblem: (problem) => events.onMaintenanceProblem(problem),
    });
    closers.defer(() => this.#close(checkpointer));
  }

  /**
   * Opens the data directory, made if need be, and recovers what a crash left.
   *
   * @throws OperatorError when another process has it, or when it cannot be what was written; nothing is changed then
   */
  static async open(
    path: string,
    options: FileStoreOptions,
    events: FileStoreEvents,
    clock: Clock = systemClock,
  ): Promise<FileStore> {
    if (options.journalFiles < 2)
      throw new TypeError("one journal file is written while another is freed: two at least");
    const closers = new Closers();
    try {
      const data = closers.add(await DataDirectory.open(path));
      const journalDirectory = join(path, layout.journal);
      const tenantsDirectory = join(path, layout.tenants);
      const retentionClock = closers.add(
        await RetentionClock.open(join(path, layout.clock), clock, data.isNew, (jump) => events.onClockJump(jump)),
      );
      const { checkpoint, topics, report } = data.isNew
        ? await create(path, journalDirectory)
        : await recoverFound(path, journalDirectory, options.pendingBytes);
      const removed = await removeLeftovers(tenantsDirectory);
      await removeOrphans(topics);
      const { journalFileBytes: fileBytes, journalFiles: maxFiles } = options;
      const journal = closers.add(
        await Journal.open(journalDirectory, checkpoint.sequence + 1n, { fileBytes, maxFiles }),
      );
      await retentionClock.start();
      await data.markCurrent();
      const space = await FreeSpace.open(path, fileBytes * maxFiles);
      const files = closers.add(new OpenFiles(options.openFiles));
      const lost = new LostTopics(report.lost);
      const parts = { journal, space, files, clock, retentionClock, checkpoint, lost };
      const store = new FileStore(path, closers, parts, options, events);
      for (const topic of topics) await store.#restore(topic);
      events.onRecovered({ ...report, removed });
      for (const failed of report.failed) events.onTopicFailure(failed);
      return store;
    } catch (error) {
      await closers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get failure(): Error | undefined {
    return this.#journal.failure;
  }

  /** Nothing is stored until there is room on the disk. */
  get isFull(): boolean {
    return !this.#space.hasRoomFor(0);
  }

  /** What waits to be written, in bytes, and how many readers wait for a record to come. */
  get waiting(): { readonly bytes: number; readonly readers: number } {
    let readers = 0;
    for (const log of this.#topics.all()) readers += log.waitingReaders;
    return { bytes: this.#commits.waitingBytes, readers };
  }

  find(tenant: string, topic: string): CommitLog | undefined {
    const log = this.#topics.get(tenant, topic);
    if (log === undefined) this.#lost.refuse(tenant, topic);
    return log;
  }

  async open(tenant: string, topic: string, settings: TopicSettings = defaultTopicSettings): Promise<CommitLog> {
    const key = keyOf(tenant, topic);
    for (;;) {
      const known = this.#topics.get(tenant, topic) ?? this.#creating.get(key);
      if (known !== undefined) return known;
      if (this.#closed) throw new LogClosed();
      this.#lost.refuse(tenant, topic);
      const deleting = this.#deleting.get(key);
      if (deleting === undefined) return this.#create(tenant, topic, settings);
      await this.#counted(tenant, topic, deleting);
    }
  }

  async create(tenant: string, topic: string, settings: TopicSettings): Promise<CommitLog> {
    const key = keyOf(tenant, topic);
    for (;;) {
      if (this.#closed) throw new LogClosed();
      if (this.#topics.get(tenant, topic) !== undefined || this.#creating.has(key)) {
        throw new TopicExists(tenant, topic);
      }
      this.#lost.refuse(tenant, topic);
      const deleting = this.#deleting.get(key);
      if (deleting === undefined) return this.#create(tenant, topic, settings);
      await this.#counted(tenant, topic, deleting);
    }
  }

  async delete(log: CommitLog): Promise<void> {
    if (this.#closed) throw new LogClosed();
    const { tenant, topic } = log;
    const known = this.#topics.get(tenant, topic);
    if (known === undefined || known !== log) throw new TopicNotFound(tenant, topic);
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    this.#topics.remove(known);
    const key = keyOf(tenant, topic);
    const deleted = this.#deletion.delete(known).catch((error: unknown) => {
      this.#topics.add(known);
      throw typed(error, known.topicId);
    });
    const over = deleted.catch(() => undefined).finally(() => this.#deleting.delete(key));
    this.#deleting.set(key, over);
    await deleted;
  }

  topics(tenant: string): readonly CommitLog[] {
    return this.#topics.of(tenant);
  }

  usage(tenant: string): Usage {
    return this.#topics.usage(tenant);
  }

  async maintain(isTight: (tenant: string) => boolean = () => false): Promise<void> {
    if (this.#closed) throw new LogClosed();
    if (this.#journal.failure !== undefined) return;
    this.#maintaining ??= this.#maintenance
      .run(this.#topics.all(), isTight)
      .finally(() => (this.#maintaining = undefined));
    await this.#maintaining;
  }

  admit(tenant: string, batch: RecordBatch): void {
    this.#commits.admit(tenant, batch);
  }

  /** Answers all that waits, makes a last checkpoint, and lets go of the data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    // At once: what is admitted from now on could come behind the last answer.
    this.#closed = true;
    this.#maintenance.stop();
    for (const log of this.#topics.all()) log.close();
    await this.#closers[Symbol.asyncDispose]();
  }

  /** Waits, and counts the topic as one that is being created: whoever asks for usage meanwhile must see it coming. */
  async #counted(tenant: string, topic: string, waiting: Promise<unknown>): Promise<void> {
    const uncount = this.#topics.expect(tenant, topic);
    try {
      await waiting;
    } finally {
      uncount();
    }
  }

  #create(tenant: string, topic: string, settings: TopicSettings): Promise<TopicLog> {
    const key = keyOf(tenant, topic);
    const uncount = this.#topics.expect(tenant, topic);
    const created = this.#createNow(tenant, topic, settings).finally(() => {
      uncount();
      this.#creating.delete(key);
    });
    this.#creating.set(key, created);
    return created;
  }

  async #createNow(tenant: string, topic: string, settings: TopicSettings): Promise<TopicLog> {
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    const createdMs = this.#clock.wallMs();
    try {
      return this.#add(await this.#creation.create({ tenant, topic, createdMs, settings }));
    } catch (error) {
      throw typed(error, undefined);
    }
  }

  async #restore({ entry, end, checkpointed, damage, failure, rescue }: RecoveredTopic): Promise<void> {
    const log = this.#add(entry, end, checkpointed);
    if (damage !== undefined) log.condition.markDamaged(damage);
    if (failure !== undefined) log.fail();
    if (rescue !== undefined) await log.fallBack(rescue);
  }

  #add({ directory, manifest }: CatalogEntry, end = emptyEnd, checkpointed = end): TopicLog {
    const files = new TopicFiles(this.#files, directory, manifest, checkpointed.position);
    const account = new StorageAccount(this.#topics.accountOf(manifest.tenant));
    const log = new TopicLog(files, this.#commits, account, end);
    log.checkpointed = checkpointed;
    this.#topics.add(log);
    return log;
  }

  #failTopic(log: TopicLog, error: unknown): void {
    if (!log.fail()) return;
    this.#flusher.drop(log);
    const { tenant, topic, topicId } = log;
    this.#events.onTopicFailure({ tenant, topic, topicId, error });
  }

  async #close(checkpointer: Checkpointer): Promise<void> {
    await Promise.allSettled(this.#creating.values());
    // First, so that nobody waits for room on a full disk.
    this.#flusher.stop();
    await this.#commits.close();
    await Promise.all(this.#deleting.values());
    // Those that were created meanwhile, or could not be deleted.
    for (const log of this.#topics.all()) log.close();
    await this.#maintaining?.catch(() => undefined);
    // Nothing is lost without a last checkpoint: the journal has it all.
    await checkpointer.stop().catch((error: unknown) => {
      if (!isExhausted(error)) this.#fail(error);
    });
    await this.#deletion.idle();
    for (const log of this.#topics.all()) await log.files.idle();
  }

  #fail(error: unknown): void {
    this.#journal.fail(error);
    // Whoever waits for memory would wait for ever if it is a segment that cannot be written.
    this.#flusher.stop();
    if (this.#reported) return;
    this.#reported = true;
    this.#events.onFailure(error);
  }
}

async function recoverFound(path: string, journalDirectory: string, pendingBytes: number): Promise<Recovery> {
  const tenants = join(path, layout.tenants);
  if (!existsSync(tenants)) {
    const { ends } = await readCheckpoint(journalDirectory);
    const loss = `${tenants} is missing, although the checkpoint names ${ends.size} topics`;
    throw new OperatorError(`${loss}; nothing was changed`);
  }
  const catalog = readCatalog(tenants);
  const failed = await syncFoundNames(path, catalog);
  return recover(journalDirectory, catalog, pendingBytes, failed);
}

async function create(path: string, journalDirectory: string): Promise<Recovery> {
  await makeDirectory(journalDirectory, 0o700);
  await makeDirectory(join(path, layout.tenants), 0o700);
  // The journal's first file is made by whoever opens it; until format.json is there, this is done again.
  const place = { file: 1n, position: blockBytes };
  const checkpoint: Checkpoint = { sequence: 0n, place, ends: new Map(), rescues: new Map() };
  await writeCheckpoint(journalDirectory, checkpoint);
  const report = {
    groups: 0,
    commits: 0,
    milliseconds: 0,
    torn: undefined,
    cut: [],
    damaged: [],
    failed: [],
    lost: [],
  };
  return { checkpoint, topics: [], report };
}

/** What a caller is told of an error that the disk gave. */
function typed(error: unknown, topicId: string | undefined): unknown {
  if (isExhausted(error)) return new StorageFull();
  return isSystemError(error) ? new TopicStorageFailed(topicId, error) : error;
}

function keyOf(tenant: string, topic: string): string {
  return `${tenant}/${topic}`;
}
