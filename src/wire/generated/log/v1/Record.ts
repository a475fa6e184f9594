// Original file: proto/log/v1/log.proto

import type { Header as _log_v1_Header, HeaderOutput as _log_v1_HeaderOutput } from '../../log/v1/Header.js';

/**
 * What is stored. A record with fields that are not listed here is refused: they would be stored unread.
 */
export interface Record {
  /**
   * The payload; any bytes, also none. Value, key and headers together are at most 1 MiB.
   */
  'value'?: (Buffer | Uint8Array | string);
  /**
   * Its position in the topic, dense from 0. Set by the server; what a client sends here is ignored.
   */
  'offset'?: (number | string | bigint);
  /**
   * What the record is about; any bytes, also none.
   */
  'key'?: (Buffer | Uint8Array | string);
  'headers'?: (_log_v1_Header)[];
  /**
   * When the server committed it, in milliseconds since 1970, never decreasing within a topic. Set by the server;
   * what a client sends here is ignored.
   */
  'timestampMs'?: (number | string | bigint);
}

/**
 * What is stored. A record with fields that are not listed here is refused: they would be stored unread.
 */
export interface RecordOutput {
  /**
   * The payload; any bytes, also none. Value, key and headers together are at most 1 MiB.
   */
  'value': (Buffer);
  /**
   * Its position in the topic, dense from 0. Set by the server; what a client sends here is ignored.
   */
  'offset': (bigint);
  /**
   * What the record is about; any bytes, also none.
   */
  'key': (Buffer);
  'headers': (_log_v1_HeaderOutput)[];
  /**
   * When the server committed it, in milliseconds since 1970, never decreasing within a topic. Set by the server;
   * what a client sends here is ignored.
   */
  'timestampMs': (bigint);
}
