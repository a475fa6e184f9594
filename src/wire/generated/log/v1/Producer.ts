// Original file: proto/log/v1/log.proto


/**
 * Says which of a producer's batches this is, so that a retry is not stored twice: the same batch again is answered with
 * the offset that it has, also after a restart of the server. A topic knows its producers by the caller's principal and
 * `id`: another principal's producer with the same id is another producer. It knows the last 64 batches of each, and 1,024
 * producers; beyond that the one goes that has stored nothing for longest, of the principal that has most.
 */
export interface Producer {
  /**
   * Chosen by the client, 1 to 64 bytes, unique among its principal's own producers.
   */
  'id'?: (Buffer | Uint8Array | string);
  /**
   * Raised by a producer that takes over from an earlier one with the same id: it begins at sequence 0 again, and whoever
   * still sends the lower epoch is refused with PRODUCER_FENCED.
   */
  'epoch'?: (number);
  /**
   * The number of the batch's first record among all that this producer has sent to the topic in this epoch: 0 in the
   * first batch, and in each other one the sequence of the one before and its number of records. Anything else is refused
   * with FAILED_PRECONDITION: PRODUCER_SEQUENCE_GAP, PRODUCER_SEQUENCE_REUSED or PRODUCER_SEQUENCE_FORGOTTEN.
   */
  'sequence'?: (number | string | bigint);
}

/**
 * Says which of a producer's batches this is, so that a retry is not stored twice: the same batch again is answered with
 * the offset that it has, also after a restart of the server. A topic knows its producers by the caller's principal and
 * `id`: another principal's producer with the same id is another producer. It knows the last 64 batches of each, and 1,024
 * producers; beyond that the one goes that has stored nothing for longest, of the principal that has most.
 */
export interface ProducerOutput {
  /**
   * Chosen by the client, 1 to 64 bytes, unique among its principal's own producers.
   */
  'id': (Buffer);
  /**
   * Raised by a producer that takes over from an earlier one with the same id: it begins at sequence 0 again, and whoever
   * still sends the lower epoch is refused with PRODUCER_FENCED.
   */
  'epoch': (number);
  /**
   * The number of the batch's first record among all that this producer has sent to the topic in this epoch: 0 in the
   * first batch, and in each other one the sequence of the one before and its number of records. Anything else is refused
   * with FAILED_PRECONDITION: PRODUCER_SEQUENCE_GAP, PRODUCER_SEQUENCE_REUSED or PRODUCER_SEQUENCE_FORGOTTEN.
   */
  'sequence': (bigint);
}
