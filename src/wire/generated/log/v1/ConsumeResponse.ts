// Original file: proto/log/v1/log.proto

import type { Record as _log_v1_Record, RecordOutput as _log_v1_RecordOutput } from '../../log/v1/Record.js';

/**
 * Records, in offset order.
 */
export interface ConsumeResponse {
  'records'?: (_log_v1_Record)[];
  /**
   * The id of the topic that was read, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  /**
   * The first offset that cannot be read yet.
   */
  'highWaterMark'?: (number | string | bigint);
}

/**
 * Records, in offset order.
 */
export interface ConsumeResponseOutput {
  'records': (_log_v1_RecordOutput)[];
  /**
   * The id of the topic that was read, 16 bytes.
   */
  'topicId': (Buffer);
  /**
   * The first offset that cannot be read yet.
   */
  'highWaterMark': (bigint);
}
