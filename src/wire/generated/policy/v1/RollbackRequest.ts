// Original file: proto/policy/v1/policy.proto


export interface RollbackRequest {
  /**
   * The version to go back to.
   */
  'version'?: (string);
  /**
   * The version in force that whoever goes back has seen.
   */
  'basedOn'?: (string);
  /**
   * As in ActivateRequest.
   */
  'overwrite'?: (boolean);
}

export interface RollbackRequestOutput {
  /**
   * The version to go back to.
   */
  'version': (string);
  /**
   * The version in force that whoever goes back has seen.
   */
  'basedOn': (string);
  /**
   * As in ActivateRequest.
   */
  'overwrite': (boolean);
}
