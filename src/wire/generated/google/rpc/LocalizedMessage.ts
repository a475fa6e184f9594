// Original file: proto/google/rpc/error_details.proto


/**
 * The message for a person.
 */
export interface LocalizedMessage {
  /**
   * A language tag; aclog writes "en".
   */
  'locale'?: (string);
  'message'?: (string);
}

/**
 * The message for a person.
 */
export interface LocalizedMessageOutput {
  /**
   * A language tag; aclog writes "en".
   */
  'locale': (string);
  'message': (string);
}
