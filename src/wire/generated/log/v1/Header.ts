// Original file: proto/log/v1/log.proto


/**
 * A name and a value beside a record's own. At most 64 a record, 16 KiB together.
 */
export interface Header {
  /**
   * UTF-8.
   */
  'name'?: (string);
  /**
   * Any bytes.
   */
  'value'?: (Buffer | Uint8Array | string);
}

/**
 * A name and a value beside a record's own. At most 64 a record, 16 KiB together.
 */
export interface HeaderOutput {
  /**
   * UTF-8.
   */
  'name': (string);
  /**
   * Any bytes.
   */
  'value': (Buffer);
}
