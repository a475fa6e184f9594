import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { LogClosed, StorageFull } from "../errors.js";
import { Closers } from "../lifecycle.js";
import type { RecordBatch } from "../wire/records.js";
import { type CatalogEntry, createTopic, readCatalog, removeUnfinishedTopics } from "./catalog.js";
import { type TopicEnd, writeCheckpoint } from "./checkpoint.js";
import { Checkpointer } from "./checkpointer.js";
import { DataDirectory, layout } from "./data-directory.js";
import { isExhausted } from "./durable-files.js";
import { Flusher } from "./flusher.js";
import { FreeSpace } from "./free-space.js";
import { GroupCommit } from "./group-commit.js";
import { Journal } from "./journal.js";
import { blockBytes } from "./journal-format.js";
import { OpenFiles } from "./open-files.js";
import type { CommitLog, LogStore } from "./port.js";
import { type Recovery, type RecoveryReport, emptyEnd, recover } from "./recovery.js";
import { TopicLog } from "./topic-log.js";

/** Sizes of the file engine. The defaults are for production; tests make everything small. */
export interface FileStoreOptions {
  /** Size of a journal file, in bytes; at least 8 MiB, so that the largest request fits. */
  readonly journalFileBytes: number;
  /** How many journal files may hold what is not in a checkpoint yet. */
  readonly journalFiles: number;
  /** Largest segment, in bytes; at most 1 GiB. */
  readonly segmentBytes: number;
  /** Segments and indexes that are open at a time. */
  readonly openFiles: number;
  /** Memory for what is durable in the journal and not in its segment yet, in bytes. */
  readonly pendingBytes: number;
}

export const defaultFileStoreOptions: FileStoreOptions = {
  journalFileBytes: 32 * 1024 * 1024,
  journalFiles: 4,
  segmentBytes: 256 * 1024 * 1024,
  openFiles: 256,
  pendingBytes: 64 * 1024 * 1024,
};

/** What the store tells its owner. */
export interface FileStoreEvents {
  onRecovered(report: RecoveryReport): void;
  /** Called once: nothing is acknowledged from now on. */
  onFailure(error: unknown): void;
}

/** Every topic's log in one data directory: one journal makes it durable, one file per topic makes it readable. */
export class FileStore implements LogStore {
  readonly #tenantsDirectory: string;
  readonly #closers: Closers;
  readonly #files: OpenFiles;
  readonly #journal: Journal;
  readonly #flusher: Flusher;
  readonly #commits: GroupCommit;
  readonly #topics = new Map<string, TopicLog>();
  readonly #creating = new Map<string, Promise<TopicLog>>();
  #reported = false;
  #closed = false;
  readonly #events: FileStoreEvents;

  private constructor(
    directory: string,
    closers: Closers,
    parts: { journal: Journal; space: FreeSpace; files: OpenFiles; ends: ReadonlyMap<string, TopicEnd> },
    options: FileStoreOptions,
    events: FileStoreEvents,
  ) {
    const { journal, space, files, ends } = parts;
    const onFailure = (error: unknown): void => this.#fail(error);
    const flusher = new Flusher(space, options.pendingBytes, onFailure);
    this.#flusher = flusher;
    this.#tenantsDirectory = join(directory, layout.tenants);
    this.#closers = closers;
    this.#files = files;
    this.#journal = journal;
    this.#events = events;
    const checkpointer = new Checkpointer({
      directory: join(directory, layout.journal),
      journal,
      flusher,
      published: () => this.#commits.published,
      ends,
      onFailure,
    });
    this.#commits = new GroupCommit({
      journal,
      space,
      flusher,
      segmentBytes: options.segmentBytes,
      onPublished: (logs) => checkpointer.noteGroup(logs),
      release: () => checkpointer.demand(),
      onFailure,
    });
    closers.defer(async () => {
      this.#closed = true;
      await Promise.allSettled(this.#creating.values());
      for (const log of this.#topics.values()) log.close();
      // First, so that nobody waits for room on a full disk.
      flusher.stop();
      await this.#commits.close();
      // Nothing is lost without a last checkpoint: the journal has it all.
      await checkpointer.stop().catch((error: unknown) => {
        if (!isExhausted(error)) onFailure(error);
      });
    });
  }

  /**
   * Opens the data directory, made if need be, and recovers what a crash left.
   *
   * @throws OperatorError when another process has it, or when it cannot be what was written; nothing is changed then
   */
  static async open(path: string, options: FileStoreOptions, events: FileStoreEvents): Promise<FileStore> {
    if (options.journalFiles < 2)
      throw new TypeError("one journal file is written while another is freed: two at least");
    const closers = new Closers();
    try {
      const data = closers.add(await DataDirectory.open(path));
      const journalDirectory = join(path, layout.journal);
      const tenantsDirectory = join(path, layout.tenants);
      const { checkpoint, topics, report } = data.isNew
        ? await create(path, journalDirectory)
        : await recover(journalDirectory, await readCatalog(tenantsDirectory));
      await removeUnfinishedTopics(tenantsDirectory);
      const { journalFileBytes: fileBytes, journalFiles: maxFiles } = options;
      const journal = closers.add(
        await Journal.open(journalDirectory, checkpoint.sequence + 1n, { fileBytes, maxFiles }),
      );
      if (data.isNew) await data.markCreated();
      const space = await FreeSpace.open(path, fileBytes * maxFiles);
      const files = closers.add(new OpenFiles(options.openFiles));
      const store = new FileStore(path, closers, { journal, space, files, ends: checkpoint.ends }, options, events);
      for (const { entry, end, damage } of topics) {
        const log = store.#add(entry, end);
        if (damage !== undefined) log.markDamaged(damage);
      }
      events.onRecovered(report);
      return store;
    } catch (error) {
      await closers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get failure(): Error | undefined {
    return this.#journal.failure;
  }

  find(tenant: string, topic: string): CommitLog | undefined {
    return this.#topics.get(keyOf(tenant, topic));
  }

  async open(tenant: string, topic: string): Promise<CommitLog> {
    const key = keyOf(tenant, topic);
    const known = this.#topics.get(key) ?? this.#creating.get(key);
    if (known !== undefined) return known;
    if (this.#closed) throw new LogClosed();
    const created = this.#create(tenant, topic).finally(() => this.#creating.delete(key));
    this.#creating.set(key, created);
    return created;
  }

  admit(tenant: string, batch: RecordBatch): void {
    this.#commits.admit(tenant, batch);
  }

  /** Answers all that waits, makes a last checkpoint, and lets go of the data directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closers[Symbol.asyncDispose]();
  }

  async #create(tenant: string, topic: string): Promise<TopicLog> {
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    try {
      return this.#add(await createTopic(this.#tenantsDirectory, tenant, topic), emptyEnd);
    } catch (error) {
      throw isExhausted(error) ? new StorageFull() : error;
    }
  }

  #add({ directory, manifest }: CatalogEntry, end: TopicEnd): TopicLog {
    const log = new TopicLog(this.#files, this.#commits, directory, manifest, end);
    this.#topics.set(keyOf(manifest.tenant, manifest.topic), log);
    return log;
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

async function create(path: string, journalDirectory: string): Promise<Recovery> {
  await mkdir(journalDirectory, { recursive: true, mode: 0o700 });
  await mkdir(join(path, layout.tenants), { recursive: true, mode: 0o700 });
  // The journal's first file is made by whoever opens it; until format.json is there, this is done again.
  const checkpoint = { sequence: 0n, place: { file: 1n, position: blockBytes }, ends: new Map<string, TopicEnd>() };
  await writeCheckpoint(journalDirectory, checkpoint);
  const report = { groups: 0, commits: 0, milliseconds: 0, torn: undefined, cut: [], damaged: [] };
  return { checkpoint, topics: [], report };
}

function keyOf(tenant: string, topic: string): string {
  return `${tenant}/${topic}`;
}
