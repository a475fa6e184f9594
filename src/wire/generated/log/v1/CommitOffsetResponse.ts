// Original file: proto/log/v1/offsets.proto


export interface CommitOffsetResponse {
  /**
   * What the position is bound to, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

export interface CommitOffsetResponseOutput {
  /**
   * What the position is bound to, 16 bytes.
   */
  'topicId': (Buffer);
}
