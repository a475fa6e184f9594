// Original file: proto/log/v1/offsets.proto


export interface CommitOffsetRequest {
  /**
   * 1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit.
   */
  'group'?: (string);
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * The offset to go on with: the one behind the last record that is done. Past the high-water mark: OUT_OF_RANGE.
   */
  'offset'?: (number | string | bigint);
  /**
   * The topic that was read, by its id (16 bytes): FAILED_PRECONDITION if the name has another topic now. Empty:
   * whichever topic has the name now.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

export interface CommitOffsetRequestOutput {
  /**
   * 1 to 200 of a-z 0-9 . _ -, beginning with a letter or digit.
   */
  'group': (string);
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * The offset to go on with: the one behind the last record that is done. Past the high-water mark: OUT_OF_RANGE.
   */
  'offset': (bigint);
  /**
   * The topic that was read, by its id (16 bytes): FAILED_PRECONDITION if the name has another topic now. Empty:
   * whichever topic has the name now.
   */
  'topicId': (Buffer);
}
