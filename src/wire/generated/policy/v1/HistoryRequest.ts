// Original file: proto/policy/v1/policy.proto


export interface HistoryRequest {
  /**
   * The most entries in one answer, at most 1,000. 0: 100.
   */
  'pageSize'?: (number);
}

export interface HistoryRequestOutput {
  /**
   * The most entries in one answer, at most 1,000. 0: 100.
   */
  'pageSize': (number);
}
