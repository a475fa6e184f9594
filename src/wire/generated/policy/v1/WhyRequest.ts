// Original file: proto/policy/v1/policy.proto


/**
 * Either `decision`, or the other four.
 */
export interface WhyRequest {
  /**
   * The id that came with a refusal.
   */
  'decision'?: (string);
  'principal'?: (string);
  'action'?: (string);
  /**
   * Whose topic.
   */
  'tenant'?: (string);
  'topic'?: (string);
}

/**
 * Either `decision`, or the other four.
 */
export interface WhyRequestOutput {
  /**
   * The id that came with a refusal.
   */
  'decision': (string);
  'principal': (string);
  'action': (string);
  /**
   * Whose topic.
   */
  'tenant': (string);
  'topic': (string);
}
