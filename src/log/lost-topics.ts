import { RecordCorrupt } from "../errors.js";

/** A topic of which a start can tell that it is there, and not what is in it: all of it is refused, and left as it is. */
export interface LostTopic {
  readonly tenant: string;
  /** What it is called; undefined where nobody can tell: it may be any topic of the tenant that is not found. */
  readonly topic: string | undefined;
  /** 32 hex digits; undefined where none of the tenant's topics can be looked at. */
  readonly topicId: string | undefined;
  /** What is damaged. */
  readonly path: string;
  readonly problem: string;
}

/**
 * Keeps lost topics from being taken for topics that do not exist: a reader would be told that there is nothing, and a producer
 * would begin a second topic of that name with offset 0.
 */
export class LostTopics {
  readonly #lost = new Map<string, LostTopic[]>();

  constructor(lost: readonly LostTopic[]) {
    for (const each of lost) this.#lost.set(each.tenant, [...(this.#lost.get(each.tenant) ?? []), each]);
  }

  /** @throws RecordCorrupt where a topic of that name, of which nothing else is known, is lost or may be */
  refuse(tenant: string, topic: string): void {
    const lost = this.#lost.get(tenant)?.find((each) => each.topic === undefined || each.topic === topic);
    if (lost === undefined) return;
    throw new RecordCorrupt(lost.topicId, `${lost.path}: byte 0`, lost.problem);
  }
}
