// Original file: proto/admin/v1/admin.proto


export interface OpenCalls {
  /**
   * Such as `/log.v1.Log/ConsumeStream`.
   */
  'method'?: (string);
  'count'?: (number);
}

export interface OpenCallsOutput {
  /**
   * Such as `/log.v1.Log/ConsumeStream`.
   */
  'method': (string);
  'count': (number);
}
