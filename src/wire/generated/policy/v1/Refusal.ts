// Original file: proto/policy/v1/policy.proto


/**
 * A refusal, as the server's log has it.
 */
export interface Refusal {
  /**
   * The decision's id.
   */
  'id'?: (string);
  /**
   * In milliseconds since 1970.
   */
  'timeMs'?: (number | string | bigint);
  'policyVersion'?: (string);
  'principal'?: (string);
  /**
   * `/log.v1.Log/Produce`
   */
  'method'?: (string);
  'action'?: (string);
  'tenant'?: (string);
  'topic'?: (string);
  /**
   * In words.
   */
  'reason'?: (string);
  /**
   * The rule that denied it, with its place; empty where no rule allowed it.
   */
  'rule'?: (string);
}

/**
 * A refusal, as the server's log has it.
 */
export interface RefusalOutput {
  /**
   * The decision's id.
   */
  'id': (string);
  /**
   * In milliseconds since 1970.
   */
  'timeMs': (bigint);
  'policyVersion': (string);
  'principal': (string);
  /**
   * `/log.v1.Log/Produce`
   */
  'method': (string);
  'action': (string);
  'tenant': (string);
  'topic': (string);
  /**
   * In words.
   */
  'reason': (string);
  /**
   * The rule that denied it, with its place; empty where no rule allowed it.
   */
  'rule': (string);
}
