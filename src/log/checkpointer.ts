import { unlink } from "node:fs/promises";
import { type Checkpoint, type TopicEnd, writeCheckpoint } from "./checkpoint.js";
import { isExhausted } from "./durable-files.js";
import type { Flusher } from "./flusher.js";
import type { Published } from "./group-commit.js";
import type { Journal } from "./journal.js";
import { rescuePath } from "./rescue.js";
import { rescueFromJournal } from "./rescue-from-journal.js";
import type { StoreObserver } from "./store-observer.js";
import type { TopicLog } from "./topic-log.js";

/** An idle server has nothing in doubt: so long after the last group comes a checkpoint. */
const idleMs = 1000;
const retryFullDiskMs = 500;
/** Topics that are deleted one after the other go with one checkpoint. */
const dropMs = 200;
/** Of the thread pool, the journal and readers keep the rest. */
const concurrentSyncs = 2;

/** Brings the segments up to the journal from time to time, so that the journal can be used again. */
export class Checkpointer {
  readonly #directory: string;
  readonly #journal: Journal;
  readonly #flusher: Flusher;
  readonly #published: () => Published;
  readonly #onFailure: (error: unknown) => void;
  readonly #onTopicFailure: (log: TopicLog, error: unknown) => void;
  readonly #observer: StoreObserver | undefined;
  /** Every topic's end as of the last checkpoint. */
  readonly #ends: Map<string, TopicEnd>;
  /** Of topics whose segments could not be written: where their rescue files end. */
  readonly #rescues: Map<string, bigint>;
  /** Rescue files that the next checkpoint does not speak of any more. */
  readonly #needless: string[] = [];
  /** Up to where the last checkpoint goes: what is behind it is in the journal. */
  #covered: Published;
  readonly #dirty = new Set<TopicLog>();
  /** Logs that are deleted, and whom to tell that no checkpoint needs them. */
  readonly #dropped = new Map<TopicLog, () => void>();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dropTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: {
    directory: string;
    journal: Journal;
    flusher: Flusher;
    published: () => Published;
    /** The last one. */
    checkpoint: Checkpoint;
    /** Called when what was acknowledged could neither be brought to its segments nor be rescued; it is safe in the journal. */
    onFailure: (error: unknown) => void;
    /** Called when a topic's segments could not be written or synced; the checkpoint rescues what they lack. */
    onTopicFailure: (log: TopicLog, error: unknown) => void;
    observer: StoreObserver | undefined;
  }) {
    this.#directory = options.directory;
    this.#journal = options.journal;
    this.#flusher = options.flusher;
    this.#published = options.published;
    this.#ends = new Map(options.checkpoint.ends);
    this.#rescues = new Map(options.checkpoint.rescues);
    this.#covered = options.checkpoint;
    this.#onFailure = options.onFailure;
    this.#onTopicFailure = options.onTopicFailure;
    this.#observer = options.observer;
  }

  /** Notes a group: these logs have more than the last checkpoint says. */
  noteGroup(logs: Iterable<TopicLog>): void {
    for (const log of logs) this.#dirty.add(log);
    if (this.#journal.fileCount > 1) this.start();
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.start(), idleMs);
    else this.#timer.refresh();
  }

  /** Notes that a topic ends somewhere else than the last checkpoint says, though nothing was appended. */
  noteSealed(log: TopicLog): void {
    this.#dirty.add(log);
  }

  /** Rescues soon what is not in the segments of a topic that failed, and holds memory until then. */
  rescue(log: TopicLog): void {
    this.#dirty.add(log);
    void this.demand();
  }

  /**
   * Leaves a deleted topic out from now on, and calls `onDropped` when neither the checkpoint nor what is above it in the
   * journal speaks of it any more. It comes soon, unless checkpoints fail.
   */
  drop(log: TopicLog, onDropped: () => void): void {
    this.#dirty.delete(log);
    this.#ends.delete(log.topicId);
    if (this.#rescues.delete(log.topicId)) this.#needless.push(rescuePath(this.#directory, log.topicId));
    this.#dropped.set(log, onDropped);
    if (!this.#stopped) this.#dropTimer ??= setTimeout(() => this.start(), dropMs);
  }

  /** Starts a checkpoint unless one is on its way. */
  start(): void {
    void this.#start();
  }

  /** Makes a checkpoint of what is there now, behind the one that may be on its way; resolves also if it fails. */
  async demand(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#start();
  }

  /** Makes the last checkpoint. @throws what kept it from being made */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#dropTimer);
    await this.#running;
    if (this.#dirty.size > 0 || this.#dropped.size > 0) await this.#run();
  }

  #start(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#running ??= this.#runOrRetry().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #runOrRetry(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (!isExhausted(error)) this.#onFailure(error);
      else if (!this.#stopped) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.start(), retryFullDiskMs);
      }
    }
  }

  async #run(): Promise<void> {
    const started = performance.now();
    // One moment: these ends are exactly what the groups up to this sequence make.
    const published = this.#published();
    const { sequence, place } = published;
    const logs = [...this.#dirty];
    const ends = logs.map((log) => [log, log.end] as const);
    const dropped = [...this.#dropped];
    let needless = 0;
    this.#dirty.clear();
    try {
      const brought = await this.#bringUp(logs);
      await this.#rescue(logs.filter((log) => !brought.has(log)));
      for (const [log, end] of ends) {
        if (brought.has(log) && !this.#dropped.has(log)) this.#ends.set(log.topicId, end);
      }
      needless = this.#needless.length;
      await writeCheckpoint(this.#directory, { sequence, place, ends: this.#ends, rescues: this.#rescues });
      this.#covered = published;
      for (const [log, end] of ends) if (brought.has(log)) log.checkpointed = end;
    } catch (error) {
      for (const log of logs) if (!this.#dropped.has(log)) this.#dirty.add(log);
      throw error;
    }
    // One that cannot be removed counts no more; the next start tries again.
    for (const path of this.#needless.splice(0, needless)) await unlink(path).catch(() => undefined);
    this.#tellDropped(dropped);
    await this.#journal.release(sequence);
    this.#observer?.onCheckpoint((performance.now() - started) / 1000);
  }

  /** Writes and syncs the segments; returns the logs of which all is there. What the others lack is to be rescued. */
  async #bringUp(logs: readonly TopicLog[]): Promise<ReadonlySet<TopicLog>> {
    const brought = new Set<TopicLog>();
    const queue = logs.values();
    const worker = async (): Promise<void> => {
      for (const log of queue) {
        try {
          await this.#flusher.flush(log);
          if (log.failure === undefined) await log.files.sync();
          // Not all may have been written before the failure.
          if (log.failure === undefined) brought.add(log);
        } catch (error) {
          if (isExhausted(error)) throw error;
          this.#onTopicFailure(log, error);
        }
      }
    };
    // Nobody is left behind: a worker that goes on beside the next checkpoint would write the same files.
    const workers = await Promise.allSettled(Array.from({ length: concurrentSyncs }, worker));
    for (const result of workers) if (result.status === "rejected") throw result.reason;
    return brought;
  }

  /** Puts what the journal has of topics that failed into files of their own, so that it needs to be there no longer. */
  async #rescue(failed: readonly TopicLog[]): Promise<void> {
    if (failed.length === 0) return;
    // From now on nothing is written to their segments: what is not pending is in the journal up to here.
    await Promise.all(failed.map((log) => log.settled()));
    const { sequence } = this.#published();
    const lacking = failed.filter((log) => {
      const rescued = this.#rescues.get(log.topicId) ?? log.checkpointed.next;
      return !this.#dropped.has(log) && log.end.next > rescued;
    });
    const topics = new Map(lacking.map(({ topicId }) => [topicId, this.#rescues.get(topicId)]));
    const rescues = await rescueFromJournal(this.#directory, this.#covered, sequence, topics);
    for (const log of lacking) {
      const rescue = rescues.get(log.topicId)!;
      if (this.#dropped.has(log)) this.#needless.push(rescue.path);
      else {
        this.#rescues.set(log.topicId, rescue.next);
        await log.fallBack(rescue);
        // Whoever waits for memory.
        this.#flusher.drop(log);
      }
    }
  }

  #tellDropped(dropped: readonly (readonly [TopicLog, () => void])[]): void {
    clearTimeout(this.#dropTimer);
    this.#dropTimer = undefined;
    for (const [log, onDropped] of dropped) {
      this.#dropped.delete(log);
      onDropped();
    }
    // Those that were deleted while this one was made.
    if (this.#dropped.size > 0 && !this.#stopped) this.#dropTimer = setTimeout(() => this.start(), dropMs);
  }
}
