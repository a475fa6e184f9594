// Original file: proto/log/v1/log.proto

import type { Record as _log_v1_Record, RecordOutput as _log_v1_RecordOutput } from '../../log/v1/Record.js';
import type { Producer as _log_v1_Producer, ProducerOutput as _log_v1_ProducerOutput } from '../../log/v1/Producer.js';

/**
 * An atomic batch: all of its records are stored, side by side, or none, also after a crash.
 */
export interface ProduceRequest {
  /**
   * At least one. One record here is, byte for byte, what a single `Record record = 1` would be.
   */
  'records'?: (_log_v1_Record)[];
  /**
   * Empty: "default", which always exists. Produce to a missing topic creates it if the caller may `create` it.
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Append only if the batch gets exactly this offset, else FAILED_PRECONDITION with the actual next offset. Not looked at
   * for a producer's batch that is stored already.
   */
  'expectedOffset'?: (number | string | bigint);
  /**
   * Set: a batch that is sent again is not stored again.
   */
  'producer'?: (_log_v1_Producer | null);
  /**
   * On a ProduceStream: comes back in the answer. Either every message of a stream has one, or none.
   */
  'requestId'?: (number | string | bigint);
  /**
   * Append only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  '_expectedOffset'?: "expectedOffset";
  '_requestId'?: "requestId";
}

/**
 * An atomic batch: all of its records are stored, side by side, or none, also after a crash.
 */
export interface ProduceRequestOutput {
  /**
   * At least one. One record here is, byte for byte, what a single `Record record = 1` would be.
   */
  'records': (_log_v1_RecordOutput)[];
  /**
   * Empty: "default", which always exists. Produce to a missing topic creates it if the caller may `create` it.
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Append only if the batch gets exactly this offset, else FAILED_PRECONDITION with the actual next offset. Not looked at
   * for a producer's batch that is stored already.
   */
  'expectedOffset'?: (bigint);
  /**
   * Set: a batch that is sent again is not stored again.
   */
  'producer': (_log_v1_ProducerOutput | null);
  /**
   * On a ProduceStream: comes back in the answer. Either every message of a stream has one, or none.
   */
  'requestId'?: (bigint);
  /**
   * Append only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId': (Buffer);
  '_expectedOffset'?: "expectedOffset";
  '_requestId'?: "requestId";
}
