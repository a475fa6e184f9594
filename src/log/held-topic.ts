import type { TopicEnd } from "./checkpoint.js";
import { readCommitHeader } from "./commit.js";
import type { JournalEntry } from "./journal-format.js";
import { JournalDamaged } from "./replay.js";

/**
 * A topic on its way through a recovery that cannot look at its files. Nothing of them is touched; what the journal has of it is
 * judged, and goes to its rescue file: a start that can look at them brings it home.
 */
export class HeldTopic {
  readonly topicId: string;
  /** Where its segments end, as the checkpoint says. */
  readonly checkpointed: TopicEnd;
  readonly #journalDirectory: string;
  #next: bigint;
  /** What is before it came from a rescue file. */
  #rescuedTo = 0n;

  constructor(journalDirectory: string, topicId: string, checkpointed: TopicEnd) {
    this.#journalDirectory = journalDirectory;
    this.topicId = topicId;
    this.checkpointed = checkpointed;
    this.#next = checkpointed.next;
  }

  /** True if there is something behind the checkpoint. */
  get hasNew(): boolean {
    return this.#next > this.checkpointed.next;
  }

  /** The same with a commit from the rescue file. */
  takeRescued(entry: JournalEntry): void {
    this.take(entry);
    this.#rescuedTo = this.#next;
  }

  /** Goes on behind a commit. @throws JournalDamaged if it is not the one that follows */
  take({ commit, topicId, position }: JournalEntry): void {
    const header = readCommitHeader(commit, 0);
    // The journal may still have it as well.
    if (header?.topicId === topicId && header.last < this.#rescuedTo) return;
    if (header?.topicId !== topicId || header.base !== this.#next) {
      const problem = `a commit of topic ${topicId} does not follow offset ${this.#next}`;
      throw new JournalDamaged(this.#journalDirectory, position, problem);
    }
    this.#next = header.last + 1n;
  }
}
