// Original file: proto/log/v1/topics.proto


/**
 * Settings that are not set here stay as they are.
 */
export interface UpdateTopicRequest {
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Change only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  /**
   * As in TopicSettings; 0 takes the limit off.
   */
  'retentionMs'?: (number | string | bigint);
  'retentionBytes'?: (number | string | bigint);
  'retentionRecords'?: (number | string | bigint);
  'compact'?: (boolean);
  '_retentionMs'?: "retentionMs";
  '_retentionBytes'?: "retentionBytes";
  '_retentionRecords'?: "retentionRecords";
  '_compact'?: "compact";
}

/**
 * Settings that are not set here stay as they are.
 */
export interface UpdateTopicRequestOutput {
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Change only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId': (Buffer);
  /**
   * As in TopicSettings; 0 takes the limit off.
   */
  'retentionMs'?: (bigint);
  'retentionBytes'?: (bigint);
  'retentionRecords'?: (bigint);
  'compact'?: (boolean);
  '_retentionMs'?: "retentionMs";
  '_retentionBytes'?: "retentionBytes";
  '_retentionRecords'?: "retentionRecords";
  '_compact'?: "compact";
}
