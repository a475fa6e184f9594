import type { Appended, BatchProducer } from "./port.js";
import { type NumberedBatch, type Producer, findBatch, withBatch } from "./producer.js";
import { ProducerTable } from "./producer-table.js";

/** A producer of which batches are on their way to the disk. */
interface Ahead {
  /** As it will be when they are there. */
  producer: Producer;
  batches: number;
}

/** What one topic knows of its producers: what is durable, and what is admitted and not durable yet. */
export class TopicProducers {
  readonly #table = new ProducerTable();
  readonly #ahead = new Map<string, Ahead>();
  /** By offset. */
  readonly #underWay = new Map<bigint, Promise<Appended>>();

  /**
   * Where a batch is, if it was taken before; undefined if it is the producer's next one.
   * @throws ProducerFenced, ProducerSequenceGap, ProducerSequenceReused, ProducerSequenceForgotten
   */
  find(producer: BatchProducer, count: number, checksum: number): Promise<Appended> | undefined {
    const known = this.#ahead.get(keyOf(producer))?.producer ?? this.#table.get(producer);
    const offset = findBatch(known, producer, count, checksum);
    if (offset === undefined) return undefined;
    return this.#underWay.get(offset) ?? Promise.resolve({ offset, count });
  }

  /** Notes a batch that was admitted. Calls come in the order of offsets. */
  noteAdmitted(batch: NumberedBatch, durable: Promise<Appended>): void {
    const key = keyOf(batch.producer);
    const ahead = this.#ahead.get(key);
    // What is durable stays as it is until the batch is.
    const known = ahead?.producer ?? this.#table.get(batch.producer)?.copy();
    this.#ahead.set(key, { producer: withBatch(known, batch), batches: (ahead?.batches ?? 0) + 1 });
    this.#underWay.set(batch.offset, durable);
  }

  /** Notes batches that are durable, in the order of offsets. */
  noteDurable(batches: readonly NumberedBatch[]): void {
    for (const batch of batches) {
      this.#table.note(batch);
      this.#underWay.delete(batch.offset);
      const key = keyOf(batch.producer);
      const ahead = this.#ahead.get(key)!;
      if (--ahead.batches === 0) this.#ahead.delete(key);
    }
  }
}

/** No principal has a space in its name. */
function keyOf({ principal, id }: BatchProducer): string {
  return `${principal} ${id}`;
}
