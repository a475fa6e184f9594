import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { renameDeleted } from "./catalog.js";
import type { Checkpointer } from "./checkpointer.js";
import { syncDirectory } from "./durable-files.js";
import type { Flusher } from "./flusher.js";
import type { TopicLog } from "./topic-log.js";

/** Takes topics away: durably out of the catalog first, and their files when nothing speaks of them any more. */
export class Deletion {
  readonly #flusher: Flusher;
  readonly #checkpointer: Checkpointer;
  readonly #failure: () => Error | undefined;
  readonly #onTopicFailure: (log: TopicLog, error: unknown) => void;
  readonly #onLeftover: (log: TopicLog, error: unknown) => void;
  readonly #removing = new Set<Promise<void>>();

  constructor(options: {
    flusher: Flusher;
    checkpointer: Checkpointer;
    /** Why the journal takes nothing more, if so. */
    failure: () => Error | undefined;
    /** Called when nobody can tell whether a topic is deleted: the next start shows. */
    onTopicFailure: (log: TopicLog, error: unknown) => void;
    /** Called when files of a deleted topic could not be removed; the next start removes them. */
    onLeftover: (log: TopicLog, error: unknown) => void;
  }) {
    this.#flusher = options.flusher;
    this.#checkpointer = options.checkpointer;
    this.#failure = options.failure;
    this.#onTopicFailure = options.onTopicFailure;
    this.#onLeftover = options.onLeftover;
  }

  /**
   * Resolves when no crash brings the topic back. If it fails, the topic is as before, unless nobody knows whether it is
   * deleted: then every call is refused until the next start.
   */
  async delete(log: TopicLog): Promise<void> {
    await log.retire();
    let gone = "";
    await log.remove(async () => {
      // What was refused with it may be in the journal all the same, and the next start would look for its topic.
      const failure = this.#failure();
      if (failure !== undefined) throw failure;
      gone = await renameDeleted(log.files.directory);
      try {
        // Before anyone works on: a checkpoint must not speak of what was never written, should the old name come back.
        await syncDirectory(dirname(gone));
      } catch (error) {
        // It may come back under either name. What it had acknowledged is kept until that is known, and nothing is added.
        this.#onTopicFailure(log, error);
        log.condition.failWhole();
        this.#checkpointer.rescue(log);
        throw error;
      }
    });
    this.#flusher.drop(log);
    this.#checkpointer.drop(log, () => this.#remove(log, gone));
  }

  /** Resolves when the files of all topics that were dropped are gone. */
  async idle(): Promise<void> {
    await Promise.all(this.#removing);
  }

  #remove(log: TopicLog, directory: string): void {
    const removed = rm(directory, { recursive: true })
      .catch((error: unknown) => this.#onLeftover(log, error))
      .finally(() => this.#removing.delete(removed));
    this.#removing.add(removed);
  }
}
