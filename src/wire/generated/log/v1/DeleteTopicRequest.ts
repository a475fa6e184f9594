// Original file: proto/log/v1/topics.proto


export interface DeleteTopicRequest {
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Delete only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

export interface DeleteTopicRequestOutput {
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Delete only if the topic still has this id (16 bytes). Empty: whichever topic has the name now.
   */
  'topicId': (Buffer);
}
