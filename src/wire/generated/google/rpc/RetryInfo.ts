// Original file: proto/google/rpc/error_details.proto

import type { Duration as _google_protobuf_Duration, DurationOutput as _google_protobuf_DurationOutput } from '../../google/protobuf/Duration.js';

/**
 * When trying again may help.
 */
export interface RetryInfo {
  /**
   * How long to wait first.
   */
  'retryDelay'?: (_google_protobuf_Duration | null);
}

/**
 * When trying again may help.
 */
export interface RetryInfoOutput {
  /**
   * How long to wait first.
   */
  'retryDelay': (_google_protobuf_DurationOutput | null);
}
