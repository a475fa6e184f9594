import { setTimeout as delay } from "node:timers/promises";
import { isExhausted } from "./durable-files.js";
import type { FreeSpace } from "./free-space.js";
import type { TopicLog } from "./topic-log.js";

/** Small commits that come one after the other are written together, this much later. */
const coalesceMs = 10;
/** This much is not left waiting for company. */
const coalesceBytes = 4 * 1024 * 1024;
/** Of the thread pool, the journal and readers keep the rest. */
const concurrentWrites = 2;
const retryFullDiskMs = 500;

/** Writes commits to their segments behind the answer, out of bounded memory. */
export class Flusher {
  readonly #space: FreeSpace;
  readonly #maxPendingBytes: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #dirty = new Set<TopicLog>();
  readonly #awaitingRoom: (() => void)[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running = 0;
  #stopped = false;

  constructor(space: FreeSpace, maxPendingBytes: number, onFailure: (error: unknown) => void) {
    this.#space = space;
    this.#maxPendingBytes = maxPendingBytes;
    this.#onFailure = onFailure;
  }

  /** Notes that the log has `bytes` more to be written. */
  add(log: TopicLog, bytes: number): void {
    this.#pendingBytes += bytes;
    // What is left then is for the last checkpoint to write.
    if (this.#stopped) return;
    this.#dirty.add(log);
    if (this.#pendingBytes >= coalesceBytes) this.#startWriters();
    else this.#timer ??= setTimeout(() => this.#startWriters(), coalesceMs);
  }

  /** Resolves when memory has room for another group. */
  async room(): Promise<void> {
    while (this.#pendingBytes > this.#maxPendingBytes && !this.#stopped) {
      await new Promise<void>((resolve) => this.#awaitingRoom.push(resolve));
    }
  }

  /** Writes all that the log has pending; with a full disk, as soon as there is room. @throws when writing fails */
  async flush(log: TopicLog): Promise<void> {
    for (;;) {
      try {
        await log.flush((bytes) => this.#flushed(bytes));
        return;
      } catch (error) {
        // A full disk is nobody's failure: the journal has the records, and nothing more is taken meanwhile.
        if (!isExhausted(error) || this.#stopped) throw error;
        this.#space.reportFull();
        await delay(retryFullDiskMs);
      }
    }
  }

  /** Notes that `bytes` which the log had pending are never going to be written: it is deleted. */
  drop(log: TopicLog, bytes: number): void {
    this.#dirty.delete(log);
    this.#flushed(bytes);
  }

  /** Starts no more writes on its own, waits for no disk, and lets nobody wait any longer. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const resolve of this.#awaitingRoom.splice(0)) resolve();
  }

  #flushed(bytes: number): void {
    this.#pendingBytes -= bytes;
    for (const resolve of this.#awaitingRoom.splice(0)) resolve();
  }

  #startWriters(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#running < concurrentWrites && this.#dirty.size > this.#running) {
      this.#running++;
      void this.#writer().finally(() => {
        this.#running--;
        if (this.#dirty.size > 0 && !this.#stopped) this.#startWriters();
      });
    }
  }

  async #writer(): Promise<void> {
    for (const log of this.#dirty) {
      if (this.#stopped) return;
      this.#dirty.delete(log);
      try {
        await this.flush(log);
      } catch (error) {
        // With a full disk that is not waited for, the journal keeps the records.
        if (!isExhausted(error)) this.#onFailure(error);
      }
    }
  }
}
