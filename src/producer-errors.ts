/** Why a producer's batch is refused that numbers its batches. Open to every room. */
import { ServiceError } from "./errors.js";

/** A producer's batch does not begin where the one before it ended, or, where none is known of, not at 0. */
export class ProducerSequenceGap extends ServiceError {
  readonly reason = "PRODUCER_SEQUENCE_GAP";

  constructor(expected: bigint, actual: bigint) {
    super(`the producer's next sequence is ${expected}, not ${actual}`, {
      expected: `${expected}`,
      actual: `${actual}`,
    });
  }
}

/** A sequence that the producer has used already, with other records or another number of them. */
export class ProducerSequenceReused extends ServiceError {
  readonly reason = "PRODUCER_SEQUENCE_REUSED";

  /** @param expected the producer's next sequence */
  constructor(expected: bigint, actual: bigint) {
    super(`sequence ${actual} of the producer was used for other records; the next one is ${expected}`, {
      expected: `${expected}`,
      actual: `${actual}`,
    });
  }
}

/** The batch was stored, and so many of the producer have followed that its offset is not known any more. */
export class ProducerSequenceForgotten extends ServiceError {
  readonly reason = "PRODUCER_SEQUENCE_FORGOTTEN";

  /**
   * @param expected the producer's next sequence
   * @param oldest the first one that is still known
   */
  constructor(expected: bigint, actual: bigint, oldest: bigint) {
    super(`sequence ${actual} of the producer was stored; where is known only from sequence ${oldest} on`, {
      expected: `${expected}`,
      actual: `${actual}`,
      oldest: `${oldest}`,
    });
  }
}

/** A producer with the same id and a higher epoch has taken over. */
export class ProducerFenced extends ServiceError {
  readonly reason = "PRODUCER_FENCED";

  /** @param epoch the one that holds */
  constructor(epoch: number, actual: number) {
    super(`the producer's epoch is ${epoch}: ${actual} has ended`, { epoch: `${epoch}`, actual: `${actual}` });
  }
}
