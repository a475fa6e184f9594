import { damage } from "./damage.js";
import { Disk, DiskFailed, type Steps } from "./disk.js";
import { Ledger, Violation, type Visible } from "./ledger.js";
import { Unreadable, maintain, seal, trim } from "./maintenance.js";
import { Random } from "./random.js";
import { readAll } from "./reading.js";
import { type Opening, createData, start } from "./recovery.js";
import { Refused } from "./replay.js";
import type { Rules } from "./rules.js";
import type { ModelStore } from "./store.js";
import type { ModelTopic } from "./topic.js";

const topicNames = ["a", "b", "c"];
const mostStarts = 4;

export interface Outcome {
  /** What happened that must never happen. */
  readonly violation: string | undefined;
  readonly starts: number;
  readonly attempted: number;
  readonly acked: number;
  /** Records that were found, by all starts together. */
  readonly found: number;
  /** A start has refused because of damage that was done to the disk. */
  readonly refused: boolean;
}

/**
 * One random history: topics are created, filled, trimmed, compacted and deleted while checkpoints are made, the disk fails,
 * the process is killed and the power cut; after each start, what is found is compared with what had been answered and read.
 */
export function runHistory(seed: number, rules: Rules): Outcome {
  return new History(seed, rules).run();
}

class History {
  readonly #random: Random;
  readonly #rules: Rules;
  readonly #ledger = new Ledger();
  readonly #disk: Disk;
  readonly #opening: Opening;
  readonly #hasDiskFailures: boolean;
  readonly #hasDamage: boolean;
  #isDamaged = false;
  #starts = 0;
  #topicNumber = 0;
  #nonce = 0;

  constructor(seed: number, rules: Rules) {
    this.#random = new Random(seed);
    this.#rules = rules;
    this.#disk = new Disk(this.#random);
    const nonces = (): number => ++this.#nonce;
    this.#opening = { disk: this.#disk, ledger: this.#ledger, random: this.#random, rules, nonces };
    this.#hasDiskFailures = this.#random.chance(0.5);
    this.#hasDamage = this.#random.chance(0.2);
  }

  run(): Outcome {
    let violation: string | undefined;
    let refused = false;
    try {
      refused = !this.#live();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = error.message;
    }
    return { violation, starts: this.#starts, ...this.#ledger.figures, refused };
  }

  /** False if a start has refused, as it should. */
  #live(): boolean {
    exhaust(createData(this.#opening));
    let store: ModelStore | undefined = exhaust(start(this.#opening, true)).store;
    for (;;) {
      if (store !== undefined) this.#serve(store);
      const isLast = this.#starts >= mostStarts;
      this.#crash();
      if (this.#hasDamage && !this.#isDamaged && this.#random.chance(0.4)) this.#damage();
      const before = this.#disk.changes;
      try {
        store = this.#start(isLast);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (!this.#isDamaged) throw new Violation(`refused to start: ${error.message}`);
        if (this.#disk.changes !== before) throw new Violation("refused to start and has changed something");
        return false;
      }
      if (isLast && store !== undefined) return true;
    }
  }

  /** Undefined if it was cut short. @throws Refused */
  #start(isLast: boolean): ModelStore | undefined {
    this.#starts++;
    let stepsLeft = !isLast && this.#random.chance(0.4) ? this.#random.below(40) : Infinity;
    if (!isLast) this.#planFailure(0.1);
    const steps = start(this.#opening, false);
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done === true) {
          this.#check(step.value.store, step.value.short);
          return step.value.store;
        }
        if (stepsLeft-- <= 0) return undefined;
        if (this.#random.chance(0.1)) this.#disk.writeBack();
        if (this.#random.chance(0.1)) this.#disk.evict();
      }
    } catch (error) {
      if (error instanceof DiskFailed) return undefined;
      throw error;
    }
  }

  #check(store: ModelStore, short: ReadonlySet<string>): void {
    const found = new Map<string, Visible>();
    for (const [id, topic] of store.topics) {
      const visible = readAll(topic, this.#rules);
      const isDamaged = visible.isDamaged || short.has(id);
      if (isDamaged && !this.#isDamaged) throw new Violation("a topic is damaged");
      found.set(id, { ...visible, isDamaged });
    }
    this.#ledger.found(found);
  }

  #serve(store: ModelStore): void {
    this.#planFailure(0.4);
    const running: Steps[] = [];
    const most = 20 + this.#random.below(160);
    for (let step = 0; step < most; step++) {
      if (running.length > 0 && this.#random.chance(0.75)) this.#advance(running);
      else {
        const begun = this.#begin(store);
        if (begun !== undefined && running.length < 6) running.push(begun);
      }
    }
  }

  #advance(running: Steps[]): void {
    const index = this.#random.below(running.length);
    try {
      if (running[index]!.next().done === true) running.splice(index, 1);
    } catch (error) {
      if (!(error instanceof DiskFailed) && !(error instanceof Unreadable)) throw error;
      running.splice(index, 1);
    }
  }

  /** Something that goes on beside the rest. */
  #begin(store: ModelStore): Steps | undefined {
    const topics = [...store.topics.values()];
    const topic = this.#random.pick(topics);
    if (topic === undefined || this.#random.chance(0.04)) return this.#create(store);
    const kind = this.#random.below(100);
    if (kind < 26) store.admit(topic);
    else if (kind < 50) return store.hasWaiting ? store.commit() : undefined;
    else if (kind < 58) return topic.flush();
    else if (kind < 66) return store.checkpoint();
    else if (kind < 70) seal(store, topic);
    else if (kind < 75) return this.#trim(topic);
    else if (kind < 84) return maintain(this.#disk, topic, this.#ledger, this.#rules);
    else if (kind < 86) return store.delete(topic);
    else if (kind < 91) this.#ledger.read(topic.id, readAll(topic, this.#rules));
    else if (kind < 96) this.#disk.writeBack();
    else if (kind < 98) this.#disk.evict();
    else if (this.#hasDiskFailures && this.#random.chance(0.3)) this.#disk.failWriteBack();
    return undefined;
  }

  #create(store: ModelStore): Steps {
    const name = this.#random.pick(topicNames)!;
    return store.create(name, `t${this.#topicNumber++}`, this.#random.chance(0.5));
  }

  #trim(topic: ModelTopic): Steps {
    const { startOffset, end } = topic;
    return trim(topic, startOffset + this.#random.below(end.next - startOffset + 1), this.#ledger);
  }

  #planFailure(probability: number): void {
    const fails = this.#hasDiskFailures && this.#random.chance(probability);
    this.#disk.syncsUntilFailure = fails ? this.#random.below(25) : undefined;
  }

  #crash(): void {
    this.#disk.syncsUntilFailure = undefined;
    if (this.#random.chance(0.5)) this.#disk.powerCut();
    else this.#disk.kill();
    if (this.#random.chance(0.2)) this.#disk.evict();
  }

  #damage(): void {
    // What is in the cache alone does not count: damage is done to what the disk has.
    this.#disk.powerCut();
    this.#isDamaged = true;
    try {
      damage(this.#disk, this.#random, this.#rules);
    } catch (error) {
      // A disk that is refused already needs no more damage, and is none that damage has caused.
      if (!(error instanceof Refused)) throw error;
      throw new Violation(`refused to start: ${error.message}`);
    }
  }
}

function exhaust<T>(steps: Steps<T>): T {
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value;
}
