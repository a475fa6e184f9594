// Original file: proto/log/v1/topics.proto


/**
 * How long records are kept. Whichever limit is passed first lets the oldest records go; without any, they are kept.
 */
export interface TopicSettings {
  /**
   * Records older than this may go, in milliseconds. 0: no limit.
   */
  'retentionMs'?: (number | string | bigint);
  /**
   * What the topic may take on disk, in bytes, beyond which its oldest records go. 0: no limit.
   */
  'retentionBytes'?: (number | string | bigint);
  /**
   * How many offsets the topic reaches back. 0: no limit.
   */
  'retentionRecords'?: (number | string | bigint);
  /**
   * Of records that have the same key, only the last one is kept for good. Records without a key are all kept.
   */
  'compact'?: (boolean);
}

/**
 * How long records are kept. Whichever limit is passed first lets the oldest records go; without any, they are kept.
 */
export interface TopicSettingsOutput {
  /**
   * Records older than this may go, in milliseconds. 0: no limit.
   */
  'retentionMs': (bigint);
  /**
   * What the topic may take on disk, in bytes, beyond which its oldest records go. 0: no limit.
   */
  'retentionBytes': (bigint);
  /**
   * How many offsets the topic reaches back. 0: no limit.
   */
  'retentionRecords': (bigint);
  /**
   * Of records that have the same key, only the last one is kept for good. Records without a key are all kept.
   */
  'compact': (boolean);
}
