// Original file: proto/google/rpc/error_details.proto


/**
 * Why, in a form that a program can branch on.
 */
export interface ErrorInfo {
  /**
   * A stable word such as PERMISSION_DENIED or OFFSET_OUT_OF_RANGE; docs/errors.md lists them all.
   */
  'reason'?: (string);
  /**
   * "aclog" for every error of ours.
   */
  'domain'?: (string);
  /**
   * Facts, such as the range that an offset is outside of.
   */
  'metadata'?: ({[key: string]: string});
}

/**
 * Why, in a form that a program can branch on.
 */
export interface ErrorInfoOutput {
  /**
   * A stable word such as PERMISSION_DENIED or OFFSET_OUT_OF_RANGE; docs/errors.md lists them all.
   */
  'reason': (string);
  /**
   * "aclog" for every error of ours.
   */
  'domain': (string);
  /**
   * Facts, such as the range that an offset is outside of.
   */
  'metadata': ({[key: string]: string});
}
