// Original file: proto/log/v1/offsets.proto


/**
 * Where one group is in one topic.
 */
export interface CommittedOffset {
  'group'?: (string);
  'tenant'?: (string);
  'topic'?: (string);
  /**
   * 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
  'offset'?: (number | string | bigint);
  /**
   * Offsets that are still to be read: from the position, or from the start of the topic if that is later, to the
   * high-water mark.
   */
  'lag'?: (number | string | bigint);
  /**
   * When it was stored, in milliseconds since 1970.
   */
  'committedMs'?: (number | string | bigint);
}

/**
 * Where one group is in one topic.
 */
export interface CommittedOffsetOutput {
  'group': (string);
  'tenant': (string);
  'topic': (string);
  /**
   * 16 bytes.
   */
  'topicId': (Buffer);
  'offset': (bigint);
  /**
   * Offsets that are still to be read: from the position, or from the start of the topic if that is later, to the
   * high-water mark.
   */
  'lag': (bigint);
  /**
   * When it was stored, in milliseconds since 1970.
   */
  'committedMs': (bigint);
}
