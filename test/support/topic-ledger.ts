import type { LogStore, TopicSettings } from "../../src/log/port.js";
import { type Checked, checkComplete, readDescribed } from "./described-records.js";

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
  /** Where batches end that may have been stored: none is there in part. */
  batchEnds: readonly bigint[];
  /** Where the start was said to be, and where it may be at most. */
  start: bigint;
  startAttempted: bigint;
  mayBeCompacted: boolean;
  /** The settings that it may have; any, if there are none. */
  settings: readonly TopicSettings[];
}

/** A topic as somebody finds it, every record of it read. */
export interface ObservedTopic extends Checked {
  readonly topic: string;
  readonly topicId: string;
  readonly settings: TopicSettings;
}

/** Reads all topics of a tenant. @throws when a record is not what it says to be, or cannot be read */
export async function observeTopics(store: LogStore, tenant: string): Promise<ObservedTopic[]> {
  const observed: ObservedTopic[] = [];
  for (const log of store.topics(tenant)) {
    const { topic, topicId, settings } = log;
    observed.push({ topic, topicId, settings, ...(await readDescribed(log)) });
  }
  return observed;
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
      batchEnds: [],
      start: 0n,
      startAttempted: 0n,
      mayBeCompacted: false,
      settings: [],
    };
    this.#lives.set(topic, [...(this.#lives.get(topic) ?? []), life]);
    return life;
  }

  /** As plain data. */
  toJSON(): unknown {
    return [...this.#lives];
  }

  /** Topics that are there for sure. */
  get topics(): string[] {
    return [...this.#lives.keys()].filter((topic) => {
      const life = this.current(topic)!;
      return life.created && !life.deleting;
    });
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

  /** What must be, and may be, in a picture of some moment between two. */
  static between(before: TopicLedger, after: TopicLedger): TopicLedger {
    const ledger = new TopicLedger();
    for (const [topic, lives] of after.#lives) {
      const known = before.#lives.get(topic) ?? [];
      for (const [index, life] of lives.entries()) {
        const { created = false, deleted = false, acknowledged = 0n, start = 0n } = known[index] ?? {};
        Object.assign(ledger.begin(topic), life, { created, deleted, acknowledged, start });
      }
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
    this.judge(await observeTopics(store, tenant));
  }

  /** The same of what somebody found. Returns how many records had been acknowledged, and are there or were trimmed. */
  judge(observed: readonly ObservedTopic[]): number {
    const found = new Map(observed.map((topic) => [topic.topic, topic]));
    for (const topic of found.keys()) if (!this.#lives.has(topic)) throw new Error(`nobody made ${topic}`);
    let acknowledged = 0n;
    for (const [topic, lives] of this.#lives) {
      const own = found.get(topic);
      if (own !== undefined) acknowledged += judgeLife(own, lives);
      else if (lives.some(({ created, deleting }) => created && !deleting)) throw new Error(`${topic} is gone`);
    }
    return Number(acknowledged);
  }
}

function judgeLife(observed: ObservedTopic, lives: readonly Life[]): bigint {
  const { topic, topicId, base, next } = observed;
  const life = lives.find(({ id }) => id === topicId) ?? lives.find(({ id }) => id === undefined);
  if (life === undefined) throw new Error(`${topic} has the id ${topicId}, which nobody gave it`);
  if (life.deleted) throw new Error(`${topic} is back with the id ${topicId}, which was deleted`);
  if (lives.some((other) => other !== life && other.created && !other.deleting)) {
    throw new Error(`${topic} has the id ${topicId} instead of another`);
  }
  checkComplete(observed, life.mayBeCompacted);
  if (next < life.acknowledged) throw new Error(`${topic} ends at ${next}, and ${life.acknowledged} is acknowledged`);
  if (next > life.attempted) throw new Error(`${topic} ends at ${next}, and nobody went past ${life.attempted}`);
  if (![life.acknowledged, life.attempted, ...life.batchEnds].includes(next)) {
    throw new Error(`${topic} ends at ${next}, within a batch`);
  }
  if (base < life.start) throw new Error(`${topic} begins with ${base}, which is before ${life.start}`);
  if (base > life.startAttempted) throw new Error(`${topic} begins with ${base}, which is past ${life.startAttempted}`);
  if (life.settings.length > 0 && !life.settings.some((settings) => textOf(settings) === textOf(observed.settings))) {
    throw new Error(`${topic} has settings that nobody gave it: ${textOf(observed.settings)}`);
  }
  return life.acknowledged;
}

function textOf({ retentionMs, retentionBytes, retentionRecords, compact }: TopicSettings): string {
  return JSON.stringify({ retentionMs, retentionBytes, retentionRecords, compact });
}
