// Original file: proto/policy/v1/policy.proto


export interface FilesRequest {
  /**
   * Empty: the one in force.
   */
  'version'?: (string);
}

export interface FilesRequestOutput {
  /**
   * Empty: the one in force.
   */
  'version': (string);
}
