// Original file: proto/log/v1/topics.proto

import type { TopicSettings as _log_v1_TopicSettings, TopicSettingsOutput as _log_v1_TopicSettingsOutput } from '../../log/v1/TopicSettings.js';

/**
 * One topic as it is now.
 */
export interface Topic {
  'tenant'?: (string);
  'topic'?: (string);
  /**
   * 16 bytes; another one if the topic is deleted and made again.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  /**
   * First offset that is still there.
   */
  'startOffset'?: (number | string | bigint);
  /**
   * The first offset that cannot be read yet.
   */
  'highWaterMark'?: (number | string | bigint);
  /**
   * What it takes on disk.
   */
  'storedBytes'?: (number | string | bigint);
  /**
   * When it was made, in milliseconds since 1970.
   */
  'createdMs'?: (number | string | bigint);
  /**
   * When its last record was committed, in milliseconds since 1970; 0 if there was none.
   */
  'lastTimestampMs'?: (number | string | bigint);
  'settings'?: (_log_v1_TopicSettings | null);
}

/**
 * One topic as it is now.
 */
export interface TopicOutput {
  'tenant': (string);
  'topic': (string);
  /**
   * 16 bytes; another one if the topic is deleted and made again.
   */
  'topicId': (Buffer);
  /**
   * First offset that is still there.
   */
  'startOffset': (bigint);
  /**
   * The first offset that cannot be read yet.
   */
  'highWaterMark': (bigint);
  /**
   * What it takes on disk.
   */
  'storedBytes': (bigint);
  /**
   * When it was made, in milliseconds since 1970.
   */
  'createdMs': (bigint);
  /**
   * When its last record was committed, in milliseconds since 1970; 0 if there was none.
   */
  'lastTimestampMs': (bigint);
  'settings': (_log_v1_TopicSettingsOutput | null);
}
