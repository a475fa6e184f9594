// Original file: proto/log/v1/topics.proto


export interface DescribeTopicRequest {
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
}

export interface DescribeTopicRequestOutput {
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
}
