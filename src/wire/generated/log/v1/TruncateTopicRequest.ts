// Original file: proto/log/v1/topics.proto


export interface TruncateTopicRequest {
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Truncate only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  /**
   * The first offset to keep. Past the high-water mark: OUT_OF_RANGE. Before the start: nothing changes.
   */
  'beforeOffset'?: (number | string | bigint);
}

export interface TruncateTopicRequestOutput {
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Truncate only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId': (Buffer);
  /**
   * The first offset to keep. Past the high-water mark: OUT_OF_RANGE. Before the start: nothing changes.
   */
  'beforeOffset': (bigint);
}
