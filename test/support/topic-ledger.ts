import type { CommitLog, LogStore } from "../../src/log/port.js";
import { checkDescribed } from "./described-records.js";

/** One topic id's life, as far as whoever uses it was told. */
export interface Life {
  /** Unknown as long as nobody was told. */
  id: string | undefined;
  created: boolean;
  deleting: boolean;
  deleted: boolean;
  /** What is acknowledged ends here, and what may have been stored ends there. */
  acknowledged: bigint;
  attempted: bigint;
  /** Where the start was said to be, and where it may be at most. */
  start: bigint;
  startAttempted: bigint;
  mayBeCompacted: boolean;
}

/** What callers were told of the topics of one tenant, and what therefore must be, or may be, after a crash. */
export class TopicLedger {
  readonly #lives = new Map<string, Life[]>();

  /** Begins a topic's life, before it is created. */
  begin(topic: string): Life {
    const life: Life = {
      id: undefined,
      created: false,
      deleting: false,
      deleted: false,
      acknowledged: 0n,
      attempted: 0n,
      start: 0n,
      startAttempted: 0n,
      mayBeCompacted: false,
    };
    this.#lives.set(topic, [...(this.#lives.get(topic) ?? []), life]);
    return life;
  }

  /** As plain data. */
  toJSON(): unknown {
    return [...this.#lives];
  }

  /** The life that may still go on. */
  current(topic: string): Life | undefined {
    return this.#lives.get(topic)?.at(-1);
  }

  /** What is known once somebody has looked. */
  static of(store: LogStore, tenant: string, before: TopicLedger): TopicLedger {
    const ledger = new TopicLedger();
    for (const log of store.topics(tenant)) {
      const { base, next } = log.range();
      const known = before.#lives.get(log.topic)?.some(({ mayBeCompacted }) => mayBeCompacted) ?? false;
      Object.assign(ledger.begin(log.topic), {
        id: log.topicId,
        created: true,
        acknowledged: next,
        attempted: next,
        start: base,
        startAttempted: base,
        mayBeCompacted: known,
      });
    }
    return ledger;
  }

  /** As it is now, whatever is noted later. */
  snapshot(): TopicLedger {
    const copy = new TopicLedger();
    for (const [topic, lives] of this.#lives) {
      copy.#lives.set(
        topic,
        lives.map((life) => ({ ...life })),
      );
    }
    return copy;
  }

  /** @throws unless the store has what was promised, and nothing that cannot be */
  async check(store: LogStore, tenant: string): Promise<void> {
    for (const log of store.topics(tenant)) {
      if (!this.#lives.has(log.topic)) throw new Error(`nobody made ${log.topic}`);
    }
    for (const [topic, lives] of this.#lives) {
      const log = store.find(tenant, topic);
      if (log === undefined) {
        if (lives.some(({ created, deleting }) => created && !deleting)) throw new Error(`${topic} is gone`);
      } else await checkLife(log, lives);
    }
  }
}

async function checkLife(log: CommitLog, lives: readonly Life[]): Promise<void> {
  const { topic, topicId } = log;
  const life = lives.find(({ id }) => id === topicId) ?? lives.find(({ id }) => id === undefined);
  if (life === undefined) throw new Error(`${topic} has the id ${topicId}, which nobody gave it`);
  if (life.deleted) throw new Error(`${topic} is back with the id ${topicId}, which was deleted`);
  if (lives.some((other) => other !== life && other.created && !other.deleting)) {
    throw new Error(`${topic} has the id ${topicId} instead of another`);
  }
  const { base, next } = await checkDescribed(log, life.mayBeCompacted);
  if (next < life.acknowledged) throw new Error(`${topic} ends at ${next}, and ${life.acknowledged} is acknowledged`);
  if (next > life.attempted) throw new Error(`${topic} ends at ${next}, and nobody went past ${life.attempted}`);
  if (base < life.start) throw new Error(`${topic} begins with ${base}, which is before ${life.start}`);
  if (base > life.startAttempted) throw new Error(`${topic} begins with ${base}, which is past ${life.startAttempted}`);
}
