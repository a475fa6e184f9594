// Original file: proto/policy/v1/policy.proto


export interface WhoRequest {
  /**
   * Or `*`, for every action.
   */
  'action'?: (string);
  'tenant'?: (string);
  /**
   * A name; or `prefix*` or `*`, for all that begin so and that neither a file nor a topic names.
   */
  'topic'?: (string);
}

export interface WhoRequestOutput {
  /**
   * Or `*`, for every action.
   */
  'action': (string);
  'tenant': (string);
  /**
   * A name; or `prefix*` or `*`, for all that begin so and that neither a file nor a topic names.
   */
  'topic': (string);
}
