import { type BatchProducer, producerLimits } from "./port.js";
import { type NumberedBatch, type Producer, withBatch } from "./producer.js";

/** By which a producer is known. */
export type ProducerName = Pick<BatchProducer, "principal" | "id">;

/**
 * The producers of one topic, as many as the limit says. One more pushes out the one that has stored nothing for longest,
 * of the principal that has most: none pushes out another principal's before it has as many itself.
 */
export class ProducerTable {
  /** By principal, and by id. */
  readonly #principals = new Map<string, Map<string, Producer>>();
  #size = 0;
  #nameBytes = 0;
  #batches = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of all names. */
  get nameBytes(): number {
    return this.#nameBytes;
  }

  /** Those that are known, of all producers. */
  get batches(): number {
    return this.#batches;
  }

  get({ principal, id }: ProducerName): Producer | undefined {
    return this.#principals.get(principal)?.get(id);
  }

  *all(): Generator<{ readonly principal: string; readonly id: string; readonly producer: Producer }> {
    for (const [principal, producers] of this.#principals) {
      for (const [id, producer] of producers) yield { principal, id, producer };
    }
  }

  /** Notes a batch. Calls come in the order of offsets. */
  note(batch: NumberedBatch): void {
    const { principal, id } = batch.producer;
    const known = this.get(batch.producer);
    const knownBatches = known?.batches ?? 0;
    const producer = withBatch(known, batch);
    if (producer === known) this.#batches += producer.batches - knownBatches;
    else this.set({ principal, id }, producer);
    if (this.#size > producerLimits.producers) this.#removeOne();
  }

  set({ principal, id }: ProducerName, producer: Producer): void {
    let producers = this.#principals.get(principal);
    if (producers === undefined) this.#principals.set(principal, (producers = new Map<string, Producer>()));
    const known = producers.get(id);
    producers.set(id, producer);
    this.#batches += producer.batches - (known?.batches ?? 0);
    if (known !== undefined) return;
    this.#size++;
    this.#nameBytes += principal.length + id.length;
  }

  #removeOne(): void {
    let most = 0;
    for (const producers of this.#principals.values()) most = Math.max(most, producers.size);
    let oldest = Infinity;
    let name: ProducerName | undefined;
    for (const [principal, producers] of this.#principals) {
      if (producers.size < most) continue;
      for (const [id, { lastOffset }] of producers) {
        if (lastOffset >= oldest) continue;
        oldest = lastOffset;
        name = { principal, id };
      }
    }
    const { principal, id } = name!;
    const producers = this.#principals.get(principal)!;
    this.#batches -= producers.get(id)!.batches;
    producers.delete(id);
    this.#size--;
    this.#nameBytes -= principal.length + id.length;
    if (producers.size === 0) this.#principals.delete(principal);
  }
}
