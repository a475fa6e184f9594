// Original file: proto/log/v1/topics.proto


export interface DeleteTopicResponse {
  /**
   * The id that the topic had, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

export interface DeleteTopicResponseOutput {
  /**
   * The id that the topic had, 16 bytes.
   */
  'topicId': (Buffer);
}
