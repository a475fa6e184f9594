import { setTimeout as delay } from "node:timers/promises";
import { BacklogFull, LimitExceeded, LogClosed, StorageFull } from "../errors.js";
import type { RecordBatch } from "../wire/records.js";
import type { Appender } from "./appender.js";
import type { Clock } from "./clock.js";
import { isExhausted } from "./durable-files.js";
import type { Flusher } from "./flusher.js";
import type { FreeSpace } from "./free-space.js";
import { type EncodedGroup, type PlacedBatch, encodeGroup, sizeOf } from "./group-encoder.js";
import type { Journal, JournalPlace } from "./journal.js";
import { type Sequence, groupHeaderBytes } from "./journal-format.js";
import type { Appended } from "./port.js";
import type { NumberedBatch } from "./producer.js";
import { mostBytesOfOne } from "./producer-section.js";
import type { SegmentSizes } from "./segment-size.js";
import type { Slabs } from "./slabs.js";
import type { StoreObserver } from "./store-observer.js";
import type { TopicLog } from "./topic-log.js";

/** A group is at most this large, or one batch. */
const maxGroupBytes = 1024 * 1024;
/** What a tenant may have waiting in memory. */
const maxTenantBytes = 64 * 1024 * 1024;
const retryFullDiskMs = 500;
/** A sync that takes longer is worth waiting for with everything that there is. */
const quickSyncSeconds = 0.005;
/** Fewer batches than this are not worth a sync of their own. */
const fewBatches = 32;

interface Waiting extends PlacedBatch {
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

interface Queue {
  /** Those before `first` had their turn, and are not kept. */
  waiting: (Waiting | undefined)[];
  first: number;
  bytes: number;
}

/** What the journal holds, as far as readers can see it. */
export interface Published {
  readonly sequence: Sequence;
  readonly place: JournalPlace;
}

/**
 * Makes everything that waits durable together: one group, one write, one sync; then its topics' high-water marks move
 * and every caller is answered. Tenants take turns, so that one with much to say does not hold up the others.
 */
export class GroupCommit implements Appender {
  readonly #journal: Journal;
  readonly #space: FreeSpace;
  readonly #flusher: Flusher;
  readonly #clock: Clock;
  readonly #sizes: SegmentSizes;
  readonly #slabs: Slabs;
  readonly #onPublished: (logs: Iterable<TopicLog>) => void;
  readonly #release: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #observer: StoreObserver | undefined;
  /** Tenants with something waiting, in the order of their turns. */
  readonly #queues = new Map<string, Queue>();
  #waitingBytes = 0;
  #waitingBatches = 0;
  #running: Promise<void> | undefined;
  /** True while the places of a group's commits are decided and not yet taken. */
  #placed = false;
  readonly #betweenGroups: (() => void)[] = [];
  #published: Published;
  #closed = false;

  constructor(options: {
    journal: Journal;
    space: FreeSpace;
    flusher: Flusher;
    clock: Clock;
    sizes: SegmentSizes;
    slabs: Slabs;
    /** Called when a group has become visible. */
    onPublished: (logs: Iterable<TopicLog>) => void;
    /** Makes a checkpoint, so that a full journal can go on; resolves also if that failed. */
    release: () => Promise<void>;
    /** Called when nothing can be acknowledged any more. */
    onFailure: (error: unknown) => void;
    observer: StoreObserver | undefined;
  }) {
    this.#journal = options.journal;
    this.#space = options.space;
    this.#flusher = options.flusher;
    this.#clock = options.clock;
    this.#sizes = options.sizes;
    this.#slabs = options.slabs;
    this.#onPublished = options.onPublished;
    this.#release = options.release;
    this.#onFailure = options.onFailure;
    this.#observer = options.observer;
    this.#published = { sequence: options.journal.durable, place: options.journal.place };
  }

  /** The last group that readers see; the topics' ends are exactly at it. */
  get published(): Published {
    return this.#published;
  }

  /** What waits for its turn, in bytes. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  admit(tenant: string, batch: RecordBatch, sectionBytes = 0): void {
    if (this.#closed) throw new LogClosed();
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    const bytes = sizeOf(batch, sectionBytes);
    const most = this.#journal.maxGroupBytes - groupHeaderBytes;
    if (bytes > most) throw new LimitExceeded("records", "the largest batch of this server", most, bytes, "bytes");
    if ((this.#queues.get(tenant)?.bytes ?? 0) + bytes > maxTenantBytes) throw new BacklogFull(maxTenantBytes);
    if (!this.#space.hasRoomFor(this.#waitingBytes + bytes)) throw new StorageFull();
  }

  enqueue(log: TopicLog, batch: RecordBatch, offset: bigint, numbered: NumberedBatch | undefined): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(log.tenant) ?? { waiting: [], first: 0, bytes: 0 };
      this.#queues.set(log.tenant, queue);
      const bytes = sizeOf(batch, numbered && mostBytesOfOne(numbered.producer));
      queue.waiting.push({ log, batch, offset, numbered, bytes, resolve, reject });
      queue.bytes += bytes;
      this.#waitingBytes += bytes;
      this.#waitingBatches++;
      log.noteAdmitted(bytes);
      this.#space.take(bytes);
      this.#running ??= this.#run();
    });
  }

  /**
   * Runs a task that changes where the next commit of a topic goes, when no group is on its way whose commits have their
   * places already. Once the journal has failed it does nothing: it may hold that group all the same.
   */
  betweenGroups(task: () => void): Promise<void> {
    return new Promise((resolve) => {
      const run = (): void => {
        if (this.#journal.failure === undefined) task();
        resolve();
      };
      if (this.#placed) this.#betweenGroups.push(run);
      else run();
    });
  }

  /** Takes nothing more, and resolves when all that waits is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Requests that arrived in the same turn of the event loop are all here before the first group is made.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queues.size > 0) await this.#commit(this.#take());
    this.#running = undefined;
  }

  /** The next group: one batch of each tenant in turn, until it is full. */
  #take(): Waiting[] {
    const group: Waiting[] = [];
    const mostBatches = this.#batchesAtATime();
    const mostOfJournal = this.#journal.maxGroupBytes - groupHeaderBytes;
    const most = Math.min(maxGroupBytes, mostOfJournal);
    let bytes = 0;
    const tables = new Tables();
    for (let [entry] = this.#queues; entry !== undefined; [entry] = this.#queues) {
      const [tenant, queue] = entry;
      const next = queue.waiting[queue.first]!;
      const isFull = bytes + next.bytes > most || bytes + next.bytes + tables.with(next.log) > mostOfJournal;
      if (group.length > 0 && (isFull || group.length >= mostBatches)) break;
      group.push(next);
      bytes += next.bytes;
      queue.waiting[queue.first++] = undefined;
      queue.bytes -= next.bytes;
      this.#waitingBytes -= next.bytes;
      this.#waitingBatches--;
      // To the end of the line, or out of it.
      this.#queues.delete(tenant);
      if (queue.first < queue.waiting.length) this.#queues.set(tenant, queue);
    }
    // Once a group and not once a batch: shifting a long array moves all of it.
    for (const queue of this.#queues.values()) {
      if (queue.first > 1024 && queue.first * 2 > queue.waiting.length) {
        queue.waiting = queue.waiting.slice(queue.first);
        queue.first = 0;
      }
    }
    return group;
  }

  /**
   * Clients that are answered together send together again: were they all in one group, they and the disk would only ever
   * wait for each other. So on a quick disk one half goes first, and the other half follows while the first is answered.
   */
  #batchesAtATime(): number {
    if (this.#journal.syncSeconds > quickSyncSeconds) return Infinity;
    return Math.max(fewBatches, Math.ceil(this.#waitingBatches / 2));
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#flusher.room();
      this.#placed = true;
      const encoded = encodeGroup(group, this.#clock.wallMs(), this.#sizes, this.#slabs);
      const bytes = encoded.end - encoded.start;
      await this.#room(bytes);
      const sequence = await this.#journal.append(encoded.slab.bytes, encoded.start, encoded.end, encoded.entries);
      this.#publish(encoded, { sequence, place: this.#journal.place });
      for (const waiting of group) answer(waiting);
      const { syncSeconds } = this.#journal;
      this.#observer?.onGroup({ commits: encoded.entries, bytes, syncSeconds });
    } catch (error) {
      let failure: Error;
      // Closed with a full disk: who still waits was told nothing, and the journal is as good as before.
      if (this.#closed && (isExhausted(error) || error instanceof StorageFull)) failure = new StorageFull();
      else {
        this.#onFailure(error);
        failure = this.#journal.fail(error);
      }
      for (const waiting of group) refuse(waiting, failure);
      for (const { waiting, first } of this.#queues.values()) {
        for (const one of waiting.slice(first)) refuse(one!, failure);
      }
      this.#queues.clear();
      this.#waitingBytes = 0;
      this.#waitingBatches = 0;
    } finally {
      this.#placed = false;
      for (const run of this.#betweenGroups.splice(0)) run();
    }
  }

  async #room(groupBytes: number): Promise<void> {
    while (this.#journal.needsRelease(groupBytes)) {
      await this.#release();
      if (this.#journal.failure !== undefined) throw this.#journal.failure;
      // Only a full disk keeps the journal from being released without failing it.
      if (!this.#journal.needsRelease(groupBytes)) break;
      if (this.#closed) throw new StorageFull();
      await delay(retryFullDiskMs);
    }
    for (;;) {
      try {
        await this.#journal.makeRoom(groupBytes);
        return;
      } catch (error) {
        if (!isExhausted(error) || this.#closed) throw error;
        this.#space.reportFull();
        await delay(retryFullDiskMs);
      }
    }
  }

  #publish({ commits, sections }: EncodedGroup, published: Published): void {
    this.#published = published;
    for (const [log, own] of commits) {
      log.publish(own, sections.get(log));
      this.#flusher.add(log);
    }
    this.#onPublished(commits.keys());
  }
}

/** What the tables of producers take, at most, that the topics of a group may have to say. Few groups have any. */
class Tables {
  readonly #logs = new Set<TopicLog>();
  #bytes = 0;

  /** In bytes, with that of the log. */
  with(log: TopicLog): number {
    if (log.producers !== undefined && !this.#logs.has(log)) {
      this.#logs.add(log);
      this.#bytes += log.producers.tableBytes;
    }
    return this.#bytes;
  }
}

function answer({ log, offset, batch, bytes, resolve }: Waiting): void {
  log.noteAnswered(bytes);
  resolve({ offset, count: batch.count });
}

function refuse({ log, bytes, reject }: Waiting, failure: Error): void {
  log.noteAnswered(bytes);
  reject(failure);
}
