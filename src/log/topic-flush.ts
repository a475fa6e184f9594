import type { PendingCommits } from "./pending-commits.js";
import type { TopicCondition } from "./topic-condition.js";
import type { TopicFiles } from "./topic-files.js";

/** One for all: most topics never have anything under way. */
const nothing: Promise<unknown> = Promise.resolve();

/** Brings what is durable to one topic's segments, until they cannot be written. */
export class TopicFlush {
  readonly #files: TopicFiles;
  readonly #pending: PendingCommits;
  readonly #condition: TopicCondition;
  #flushing = nothing;

  constructor(files: TopicFiles, pending: PendingCommits, condition: TopicCondition) {
    this.#files = files;
    this.#pending = pending;
    this.#condition = condition;
  }

  /** Writes what is pending, and calls `onFlushed` each time a part is. Calls follow one another. */
  run(onFlushed: () => void): Promise<void> {
    const flushed = this.#flushing.then(async () => {
      await this.#files.work(() => this.#writePending(onFlushed));
    });
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  /** Resolves when nothing is written any more, once the topic has failed. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  async #writePending(onFlushed: () => void): Promise<void> {
    for (let run = this.#pending.firstRun; run !== undefined; run = this.#pending.firstRun) {
      if (this.#hasFailed()) return;
      const { segmentBase, commits } = run;
      const segment = this.#files.segments.findLast(({ base }) => base === segmentBase)!;
      await segment.write(commits);
      // Meanwhile a sync may have failed.
      if (this.#hasFailed()) return;
      // Only now: until the bytes are in the file, readers find them here.
      this.#pending.remove(commits.length);
      onFlushed();
    }
  }

  #hasFailed(): boolean {
    return this.#condition.failure !== undefined;
  }
}
