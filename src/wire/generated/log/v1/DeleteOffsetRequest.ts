// Original file: proto/log/v1/offsets.proto


export interface DeleteOffsetRequest {
  'group'?: (string);
  /**
   * Empty: "default".
   */
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
}

export interface DeleteOffsetRequestOutput {
  'group': (string);
  /**
   * Empty: "default".
   */
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
}
