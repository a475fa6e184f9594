// Original file: proto/log/v1/log.proto


/**
 * Names an attempt to produce, so that a retry is not stored twice.
 */
export interface Producer {
  /**
   * Chosen by the client, unique among its own producers.
   */
  'id'?: (Buffer | Uint8Array | string);
  /**
   * Raised by a producer that takes over from an earlier one with the same id.
   */
  'epoch'?: (number);
  /**
   * Counts this producer's records, from 0.
   */
  'sequence'?: (number | string | bigint);
}

/**
 * Names an attempt to produce, so that a retry is not stored twice.
 */
export interface ProducerOutput {
  /**
   * Chosen by the client, unique among its own producers.
   */
  'id': (Buffer);
  /**
   * Raised by a producer that takes over from an earlier one with the same id.
   */
  'epoch': (number);
  /**
   * Counts this producer's records, from 0.
   */
  'sequence': (bigint);
}
