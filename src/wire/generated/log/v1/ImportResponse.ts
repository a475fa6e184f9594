// Original file: proto/log/v1/log.proto


/**
 * What an Import has stored. Without a request, nothing: then everything is 0 and there is no topic id.
 */
export interface ImportResponse {
  /**
   * How many records.
   */
  'count'?: (number | string | bigint);
  /**
   * Offset of the first one. Others may have stored records in between.
   */
  'firstOffset'?: (number | string | bigint);
  /**
   * Offset of the last one.
   */
  'lastOffset'?: (number | string | bigint);
  /**
   * Bytes of the requests that brought them.
   */
  'bytes'?: (number | string | bigint);
  /**
   * From the first request to the last one being on disk.
   */
  'seconds'?: (number | string);
  /**
   * The id of the topic that holds them, 16 bytes.
   */
  'topicId'?: (Buffer | Uint8Array | string);
}

/**
 * What an Import has stored. Without a request, nothing: then everything is 0 and there is no topic id.
 */
export interface ImportResponseOutput {
  /**
   * How many records.
   */
  'count': (bigint);
  /**
   * Offset of the first one. Others may have stored records in between.
   */
  'firstOffset': (bigint);
  /**
   * Offset of the last one.
   */
  'lastOffset': (bigint);
  /**
   * Bytes of the requests that brought them.
   */
  'bytes': (bigint);
  /**
   * From the first request to the last one being on disk.
   */
  'seconds': (number);
  /**
   * The id of the topic that holds them, 16 bytes.
   */
  'topicId': (Buffer);
}
