// Original file: proto/log/v1/offsets.proto


export interface ListOffsetsRequest {
  /**
   * Only this topic's. Empty: every topic's.
   */
  'topic'?: (string);
  /**
   * Only topics of this tenant. Empty: of the caller's own.
   */
  'tenant'?: (string);
  /**
   * Only this group's. Empty: every group's.
   */
  'group'?: (string);
  /**
   * Most positions in one answer, at most 1,000. 0: 100.
   */
  'pageSize'?: (number);
  /**
   * From the answer before, to go on behind it. Empty: from the start.
   */
  'pageToken'?: (string);
}

export interface ListOffsetsRequestOutput {
  /**
   * Only this topic's. Empty: every topic's.
   */
  'topic': (string);
  /**
   * Only topics of this tenant. Empty: of the caller's own.
   */
  'tenant': (string);
  /**
   * Only this group's. Empty: every group's.
   */
  'group': (string);
  /**
   * Most positions in one answer, at most 1,000. 0: 100.
   */
  'pageSize': (number);
  /**
   * From the answer before, to go on behind it. Empty: from the start.
   */
  'pageToken': (string);
}
