// Original file: proto/log/v1/log.proto

import type { Status as _google_rpc_Status, StatusOutput as _google_rpc_StatusOutput } from '../../google/rpc/Status.js';

/**
 * Where a batch is now.
 */
export interface ProduceResponse {
  /**
   * Offset of the first record.
   */
  'offset'?: (number | string | bigint);
  /**
   * How many records; the last one's offset is offset + count - 1.
   */
  'count'?: (number);
  /**
   * That of the request, if it had one.
   */
  'requestId'?: (number | string | bigint);
  /**
   * Set if the request was refused, which happens only on a stream with request ids; nothing of it was stored. Without
   * a request id: why the server takes no more requests on this stream.
   */
  'error'?: (_google_rpc_Status | null);
  /**
   * The id of the topic that holds the batch, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  '_requestId'?: "requestId";
}

/**
 * Where a batch is now.
 */
export interface ProduceResponseOutput {
  /**
   * Offset of the first record.
   */
  'offset': (bigint);
  /**
   * How many records; the last one's offset is offset + count - 1.
   */
  'count': (number);
  /**
   * That of the request, if it had one.
   */
  'requestId'?: (bigint);
  /**
   * Set if the request was refused, which happens only on a stream with request ids; nothing of it was stored. Without
   * a request id: why the server takes no more requests on this stream.
   */
  'error': (_google_rpc_StatusOutput | null);
  /**
   * The id of the topic that holds the batch, 16 bytes.
   */
  'topicId': (Buffer);
  '_requestId'?: "requestId";
}
