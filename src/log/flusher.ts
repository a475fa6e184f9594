import { setTimeout as delay } from "node:timers/promises";
import { isExhausted } from "./durable-files.js";
import type { FreeSpace } from "./free-space.js";
import type { Slabs } from "./slabs.js";
import type { TopicLog } from "./topic-log.js";

/** A topic with so much is written at once: a larger write is no cheaper. */
const largeBytes = 1024 * 1024;
/** Of the thread pool, the journal and readers keep the rest. */
const concurrentWrites = 2;
const retryFullDiskMs = 500;

/**
 * Writes commits to their segments behind the answer, out of bounded memory. Small ones wait for company, until a
 * checkpoint writes them or half of the memory is used: how many writes there are then depends on the bytes, and not on how
 * many topics they belong to.
 */
export class Flusher {
  readonly #space: FreeSpace;
  readonly #slabs: Slabs;
  readonly #maxPendingBytes: number;
  readonly #onFailure: (log: TopicLog, error: unknown) => void;
  /** In the order in which they got something to be written, so that the oldest slabs are free first. */
  readonly #dirty = new Set<TopicLog>();
  /** Those of them that are written at once. */
  readonly #large = new Set<TopicLog>();
  readonly #awaitingRoom: (() => void)[] = [];
  #running = 0;
  #stopped = false;

  /** @param onFailure called when a log's segments cannot be written, for another reason than a full disk */
  constructor(
    space: FreeSpace,
    slabs: Slabs,
    maxPendingBytes: number,
    onFailure: (log: TopicLog, error: unknown) => void,
  ) {
    this.#space = space;
    this.#slabs = slabs;
    this.#maxPendingBytes = maxPendingBytes;
    this.#onFailure = onFailure;
  }

  /** Notes that the log has more to be written. */
  add(log: TopicLog): void {
    // What is left then is for the last checkpoint to write, or to be rescued.
    if (this.#stopped || log.failure !== undefined) return;
    this.#dirty.add(log);
    if (log.pendingBytes >= Math.min(largeBytes, this.#maxPendingBytes / 8)) this.#large.add(log);
    this.#startWriters();
  }

  /** Resolves when memory has room for another group. */
  async room(): Promise<void> {
    while (this.#slabs.usedBytes > this.#maxPendingBytes && !this.#stopped) {
      await new Promise<void>((resolve) => this.#awaitingRoom.push(resolve));
    }
  }

  /** Writes all that the log has pending; with a full disk, as soon as there is room. @throws when writing fails */
  async flush(log: TopicLog): Promise<void> {
    for (;;) {
      try {
        await log.flush(() => this.#letGoOn());
        if (log.pendingBytes === 0) this.drop(log);
        return;
      } catch (error) {
        // A full disk is nobody's failure: the journal has the records, and nothing more is taken meanwhile.
        if (!isExhausted(error) || this.#stopped) throw error;
        this.#space.reportFull();
        await delay(retryFullDiskMs);
      }
    }
  }

  /** Notes that the log has nothing to be written: all of it is, or is never going to be. */
  drop(log: TopicLog): void {
    this.#dirty.delete(log);
    this.#large.delete(log);
    this.#letGoOn();
  }

  /** Starts no more writes on its own, waits for no disk, and lets nobody wait any longer. */
  stop(): void {
    this.#stopped = true;
    this.#letGoOn();
  }

  #letGoOn(): void {
    for (const resolve of this.#awaitingRoom.splice(0)) resolve();
  }

  #startWriters(): void {
    while (this.#running < concurrentWrites && this.#next() !== undefined) {
      this.#running++;
      void this.#writer().finally(() => {
        this.#running--;
        this.#startWriters();
      });
    }
  }

  async #writer(): Promise<void> {
    for (let log = this.#next(); log !== undefined; log = this.#next()) {
      this.#dirty.delete(log);
      this.#large.delete(log);
      try {
        await this.flush(log);
      } catch (error) {
        // With a full disk that is not waited for, the journal keeps the records.
        if (!isExhausted(error)) this.#onFailure(log, error);
      }
    }
  }

  /** What is to be written now, if anything. */
  #next(): TopicLog | undefined {
    if (this.#stopped) return undefined;
    const [large] = this.#large;
    if (large !== undefined || this.#slabs.usedBytes <= this.#maxPendingBytes / 2) return large;
    const [oldest] = this.#dirty;
    return oldest;
  }
}
