import {
  ProducerFenced,
  ProducerSequenceForgotten,
  ProducerSequenceGap,
  ProducerSequenceReused,
} from "../producer-errors.js";
import { type BatchProducer, producerLimits } from "./port.js";

/** One batch of a producer, as far as it must be known to be recognised. */
export interface KnownBatch {
  readonly count: number;
  /** As `checksumOf` gives it. */
  readonly checksum: number;
  /** Of its first record. */
  readonly offset: bigint;
}

/** A batch of a producer that has its offset. */
export interface NumberedBatch extends KnownBatch {
  readonly producer: BatchProducer;
}

/** One that has none yet. */
export type SentBatch = Omit<NumberedBatch, "offset">;

/** What fits in the lower half of a number that is kept exactly. */
const twoTo32 = 2 ** 32;
const leastBatches = 2;

/**
 * What is known of one producer: the sequence that its next batch has, and where its last ones are. There may be very
 * many of them, so a batch takes 16 bytes: its offset, and count and checksum in one number.
 */
export class Producer {
  readonly epoch: number;
  #next: bigint;
  /** Two numbers for each batch; a ring, once it has grown to its full size. */
  #ring = new Float64Array(2 * leastBatches);
  /** Of the oldest batch. */
  #first = 0;
  #batches = 0;

  /** @param next the sequence of its next batch */
  constructor(epoch: number, next: bigint) {
    this.epoch = epoch;
    this.#next = next;
  }

  get next(): bigint {
    return this.#next;
  }

  get batches(): number {
    return this.#batches;
  }

  /** Of its last batch; it has one. */
  get lastOffset(): number {
    return this.#ring[this.#at(this.#batches - 1)]!;
  }

  /** Notes the next batch; beyond the limit, the oldest one is known no more. */
  note({ count, checksum, offset }: KnownBatch): void {
    if (this.#batches === producerLimits.batches) {
      this.#first = (this.#first + 1) % producerLimits.batches;
      this.#batches--;
    } else if (2 * this.#batches === this.#ring.length) {
      const grown = new Float64Array(Math.min(2 * this.#ring.length, 2 * producerLimits.batches));
      grown.set(this.#ring);
      this.#ring = grown;
    }
    const at = this.#at(this.#batches++);
    this.#ring[at] = Number(offset);
    this.#ring[at + 1] = count * twoTo32 + checksum;
    this.#next += BigInt(count);
  }

  /** Those that are known, the oldest one first. */
  *known(): Generator<KnownBatch> {
    for (let index = 0; index < this.#batches; index++) yield this.#batch(index);
  }

  /**
   * The offset of a batch that is known; undefined if it is the next one.
   * @throws ProducerSequenceGap, ProducerSequenceReused, ProducerSequenceForgotten
   */
  find(sequence: bigint, count: number, checksum: number): bigint | undefined {
    if (sequence === this.#next) return undefined;
    if (sequence > this.#next) throw new ProducerSequenceGap(this.#next, sequence);
    let behind = this.#next;
    for (let index = this.#batches - 1; index >= 0 && behind > sequence; index--) {
      const batch = this.#batch(index);
      behind -= BigInt(batch.count);
      if (behind === sequence && batch.count === count && batch.checksum === checksum) return batch.offset;
    }
    if (behind > sequence) throw new ProducerSequenceForgotten(this.#next, sequence, behind);
    throw new ProducerSequenceReused(this.#next, sequence);
  }

  copy(): Producer {
    const copy = new Producer(this.epoch, this.#next);
    copy.#ring = this.#ring.slice();
    copy.#first = this.#first;
    copy.#batches = this.#batches;
    return copy;
  }

  #at(index: number): number {
    return 2 * ((this.#first + index) % producerLimits.batches);
  }

  #batch(index: number): KnownBatch {
    const at = this.#at(index);
    const packed = this.#ring[at + 1]!;
    const count = Math.floor(packed / twoTo32);
    return { count, checksum: packed - count * twoTo32, offset: BigInt(this.#ring[at]!) };
  }
}

/**
 * The offset that a batch has already; undefined if it is the producer's next one, which is then to be noted.
 *
 * @param known what is known of the producer
 * @throws ProducerFenced, ProducerSequenceGap, ProducerSequenceReused, ProducerSequenceForgotten
 */
export function findBatch(
  known: Producer | undefined,
  { epoch, sequence }: BatchProducer,
  count: number,
  checksum: number,
): bigint | undefined {
  if (known === undefined || epoch > known.epoch) {
    if (sequence !== 0n) throw new ProducerSequenceGap(0n, sequence);
    return undefined;
  }
  if (epoch < known.epoch) throw new ProducerFenced(known.epoch, epoch);
  return known.find(sequence, count, checksum);
}

/**
 * The producer behind the batch: the one that is known, if the batch is its next one, or a new one. Batches in between are
 * missing where a repair could not save them.
 */
export function withBatch(known: Producer | undefined, batch: NumberedBatch): Producer {
  const { epoch, sequence } = batch.producer;
  const producer = known?.epoch === epoch && known.next === sequence ? known : new Producer(epoch, sequence);
  producer.note(batch);
  return producer;
}
