// Original file: proto/google/rpc/error_details.proto


/**
 * One limit and how it was passed.
 */
export interface _google_rpc_QuotaFailure_Violation {
  /**
   * Whose limit it is.
   */
  'subject'?: (string);
  /**
   * What was asked for and what the limit is.
   */
  'description'?: (string);
}

/**
 * One limit and how it was passed.
 */
export interface _google_rpc_QuotaFailure_ViolationOutput {
  /**
   * Whose limit it is.
   */
  'subject': (string);
  /**
   * What was asked for and what the limit is.
   */
  'description': (string);
}

/**
 * Which limits were passed.
 */
export interface QuotaFailure {
  'violations'?: (_google_rpc_QuotaFailure_Violation)[];
}

/**
 * Which limits were passed.
 */
export interface QuotaFailureOutput {
  'violations': (_google_rpc_QuotaFailure_ViolationOutput)[];
}
