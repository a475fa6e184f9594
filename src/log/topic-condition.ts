import { type LogClosed, type RecordCorrupt, StorageFull, TopicNotFound, TopicStorageFailed } from "../errors.js";
import { isExhausted, isSystemError } from "./durable-files.js";
import type { Waiters } from "./waiters.js";

/**
 * What a topic refuses, and why: appends, once a start found it damaged or its segments could not be written; every call, once
 * it is closed, deleted, or nobody knows whether it is deleted.
 */
export class TopicCondition {
  readonly #topicId: string;
  readonly #waiters: Waiters;
  #damage: RecordCorrupt | undefined;
  /** Set once segments could not be written: nothing is written to them any more. */
  #failure: TopicStorageFailed | undefined;
  /** Why every call is refused. */
  #refusal: LogClosed | TopicNotFound | TopicStorageFailed | undefined;
  #longWork: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  /** @param waiters who are told when every call is refused */
  constructor(topicId: string, waiters: Waiters) {
    this.#topicId = topicId;
    this.#waiters = waiters;
  }

  get isDamaged(): boolean {
    return this.#damage !== undefined;
  }

  /** Why it takes nothing until a restart, if its segments could not be written. */
  get failure(): TopicStorageFailed | undefined {
    return this.#failure;
  }

  /** True once every call is refused. */
  get isRefusing(): boolean {
    return this.#refusal !== undefined;
  }

  /** Refuses appends from now on: what the topic had acknowledged is not all there. */
  markDamaged(damage: RecordCorrupt): void {
    this.#damage = damage;
  }

  /** Refuses appends from now on, and ends long work; false if it did so before. Reads go on. */
  fail(): boolean {
    if (this.#failure !== undefined) return false;
    this.#failure = new TopicStorageFailed(this.#topicId);
    this.#longWork?.controller.abort();
    return true;
  }

  /** Refuses every call from now on: nobody knows whether the topic is deleted. */
  failWhole(): void {
    this.fail();
    this.#refusal = undefined;
    this.refuse(this.#failure!);
  }

  /** Refuses every call from now on, unless that was so before; wakes who waits, and ends long work. */
  refuse(refusal: LogClosed | TopicNotFound | TopicStorageFailed): void {
    this.#refusal ??= refusal;
    this.#waiters.fail(this.#refusal);
    this.#longWork?.controller.abort();
  }

  /** Takes calls again that were refused because the topic was about to be deleted: it is not. */
  restore(): void {
    if (this.#refusal instanceof TopicNotFound) this.#refusal = undefined;
  }

  /** @throws the reason why every call is refused */
  assertOpen(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  /** @throws the reason why nothing is appended at all */
  assertTakes(): void {
    this.assertOpen();
    if (this.#damage !== undefined) throw this.#damage;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Runs work on the files that may take long; its signal aborts when they are not to be written any more. One at a time. */
  async runLong(task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.isRefusing) return;
    const controller = new AbortController();
    const running = task(controller.signal);
    this.#longWork = { controller, done: running.catch(() => undefined) };
    await running.finally(() => (this.#longWork = undefined));
  }

  /** Resolves when no long work goes on. */
  async withoutLongWork(): Promise<void> {
    await this.#longWork?.done;
  }

  /** What a caller is told of an error that the disk gave. */
  typed(error: unknown): unknown {
    if (isExhausted(error)) return new StorageFull();
    return isSystemError(error) ? new TopicStorageFailed(this.#topicId, error) : error;
  }

  /** What a change of the files gives. @throws StorageFull where there is no room for it */
  async changed<T>(change: Promise<T>): Promise<T> {
    return change.catch((error: unknown) => {
      throw this.typed(error);
    });
  }
}
