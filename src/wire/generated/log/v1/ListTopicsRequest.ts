// Original file: proto/log/v1/topics.proto


export interface ListTopicsRequest {
  /**
   * Whose topics. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  /**
   * Only names that begin with this.
   */
  'prefix'?: (string);
  /**
   * Most topics in one answer, at most 1,000. 0: 100.
   */
  'pageSize'?: (number);
  /**
   * From the answer before, to go on behind it. Empty: from the start.
   */
  'pageToken'?: (string);
}

export interface ListTopicsRequestOutput {
  /**
   * Whose topics. Empty: the caller's own tenant.
   */
  'tenant': (string);
  /**
   * Only names that begin with this.
   */
  'prefix': (string);
  /**
   * Most topics in one answer, at most 1,000. 0: 100.
   */
  'pageSize': (number);
  /**
   * From the answer before, to go on behind it. Empty: from the start.
   */
  'pageToken': (string);
}
