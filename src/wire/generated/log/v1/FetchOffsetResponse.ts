// Original file: proto/log/v1/offsets.proto


export interface FetchOffsetResponse {
  /**
   * Not set: nothing was stored for this topic, or for an earlier topic of the same name only.
   */
  'offset'?: (number | string | bigint);
  /**
   * The topic that has the name now, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  /**
   * When it was stored, in milliseconds since 1970.
   */
  'committedMs'?: (number | string | bigint);
  '_offset'?: "offset";
}

export interface FetchOffsetResponseOutput {
  /**
   * Not set: nothing was stored for this topic, or for an earlier topic of the same name only.
   */
  'offset'?: (bigint);
  /**
   * The topic that has the name now, 16 bytes.
   */
  'topicId': (Buffer);
  /**
   * When it was stored, in milliseconds since 1970.
   */
  'committedMs': (bigint);
  '_offset'?: "offset";
}
