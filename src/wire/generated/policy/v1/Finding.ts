// Original file: proto/policy/v1/policy.proto


/**
 * What is wrong, or worth a look, in a file of a policy.
 */
export interface Finding {
  /**
   * The file.
   */
  'source'?: (string);
  /**
   * Counts from 1; 0: none.
   */
  'line'?: (number);
  /**
   * Counts from 1; 0: none.
   */
  'column'?: (number);
  'problem'?: (string);
}

/**
 * What is wrong, or worth a look, in a file of a policy.
 */
export interface FindingOutput {
  /**
   * The file.
   */
  'source': (string);
  /**
   * Counts from 1; 0: none.
   */
  'line': (number);
  /**
   * Counts from 1; 0: none.
   */
  'column': (number);
  'problem': (string);
}
