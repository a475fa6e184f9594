import type { Appender } from "./appender.js";
import type { TopicEnd } from "./checkpoint.js";
import type { Appended, BatchProducer } from "./port.js";
import { type SentBatch, findBatch } from "./producer.js";
import { mostBytesOfOne } from "./producer-section.js";
import { ProducerTable } from "./producer-table.js";
import type { TopicCondition } from "./topic-condition.js";
import type { TopicFiles } from "./topic-files.js";
import { TopicProducers } from "./topic-producers.js";

/** The topic that they produce to. */
interface Topic {
  readonly files: TopicFiles;
  /** Where what is durable ends. */
  readonly end: TopicEnd;
}

/**
 * What a topic knows of its producers, once somebody needs it: found again where an earlier process has left it, or begun,
 * which `topic.json` has to say durably before the first batch of one is taken.
 */
export class KnownProducers {
  readonly #topic: Topic;
  readonly #condition: TopicCondition;
  readonly #appender: Pick<Appender, "betweenGroups">;
  #known: TopicProducers | undefined;
  #preparing: Promise<void> | undefined;

  constructor(topic: Topic, condition: TopicCondition, appender: Pick<Appender, "betweenGroups">) {
    this.#topic = topic;
    this.#condition = condition;
    this.#appender = appender;
  }

  /** Undefined if there are none, or nobody needed it since the start. */
  get known(): TopicProducers | undefined {
    return this.#known;
  }

  /** True if an append, with a producer or without one, has to wait for what is known of producers. */
  lacks(hasProducer: boolean): boolean {
    const isMarked = this.#topic.files.state.producers !== undefined;
    if (this.#known === undefined) return isMarked || hasProducer;
    return hasProducer && !isMarked;
  }

  /** True if the topic never had a producer, and is not about to. */
  get hasNone(): boolean {
    return this.#preparing === undefined && this.#topic.files.state.producers === undefined;
  }

  /** Resolves when it is known. Those who wait for the same go on in the order of their calls. */
  prepare(): Promise<void> {
    this.#preparing ??= (this.#topic.files.state.producers === undefined ? this.#begin() : this.#load()).finally(
      () => (this.#preparing = undefined),
    );
    return this.#preparing;
  }

  /** Reads what an earlier process has left, if that was not done. */
  async load(): Promise<void> {
    while (this.lacks(false)) {
      this.#condition.assertOpen();
      await this.prepare();
    }
  }

  /** The batch, if it was taken before. @throws the reason why it cannot be the producer's next one */
  find({ producer, count, checksum }: SentBatch): Promise<Appended> | undefined {
    if (this.#known !== undefined) return this.#known.find(producer, count, checksum);
    findBatch(undefined, producer, count, checksum);
    return undefined;
  }

  /** What a commit has to say of producers, at most, when it holds a batch of this one, in bytes. */
  mostBytesWith(producer: BatchProducer | undefined): number {
    return (producer === undefined ? 0 : mostBytesOfOne(producer)) + (this.#known?.tableBytes ?? 0);
  }

  async #load(): Promise<void> {
    const { files } = this.#topic;
    const mark = files.state.producers!;
    const active = files.segments.at(-1)!;
    const loaded = await files.work(() => TopicProducers.load(active, mark, this.#topic.end));
    // What a deletion takes away is not lost.
    this.#condition.assertOpen();
    this.#known = loaded;
  }

  /** Durably says that there are producers from now on: who begins anew after a crash then knows that it has to look. */
  async #begin(): Promise<void> {
    let from: bigint | undefined;
    // A group that is made already would begin a segment without saying what is known of producers.
    await this.#appender.betweenGroups(() => {
      this.#known = new TopicProducers(new ProducerTable(), this.#topic.end.position);
      from = this.#topic.end.next;
    });
    if (from === undefined) return;
    const producers = { from };
    try {
      await this.#condition.changed(this.#topic.files.change(() => ({ producers })));
    } catch (error) {
      this.#known = undefined;
      throw error;
    }
  }
}
