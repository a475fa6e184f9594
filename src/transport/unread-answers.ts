import { AnswersUnread } from "../errors.js";
import type { Consumed } from "../service/index.js";
import { framesBytes } from "./consume-response.js";

/** What callers of one tenant may leave unread at a time, in bytes: answers that are on their way take memory. */
const maxUnreadBytes = 128 * 1024 * 1024;

/** What an entry of a list takes, at most: its names, an id and some numbers. */
const entryBytes = 512;

/** How much of their answers each tenant's callers have not taken yet. Streams have a window of their own. */
export class UnreadAnswers {
  readonly #bytes = new Map<string, number>();

  /** Counts an answer, until what it returns is called, once. @throws AnswersUnread when there is too much already */
  add(tenant: string, bytes: number): () => void {
    const before = this.#bytes.get(tenant) ?? 0;
    if (before > 0 && before + bytes > maxUnreadBytes) throw new AnswersUnread(tenant, maxUnreadBytes);
    this.#bytes.set(tenant, before + bytes);
    return () => {
      const left = this.#bytes.get(tenant)! - bytes;
      if (left === 0) this.#bytes.delete(tenant);
      else this.#bytes.set(tenant, left);
    };
  }
}

/** What the answer to a unary call takes until it is read, in bytes. Zero for all but records and lists: the others are small. */
export function answerBytes(answer: Answer): number {
  const entries = answer.topics ?? answer.offsets;
  return framesBytes(answer) + (entries === undefined ? 0 : entries.length * entryBytes);
}

type Answer = Partial<Consumed> & { readonly topics?: readonly unknown[]; readonly offsets?: readonly unknown[] };
