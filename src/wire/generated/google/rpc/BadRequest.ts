// Original file: proto/google/rpc/error_details.proto


/**
 * One field and what is wrong with it.
 */
export interface _google_rpc_BadRequest_FieldViolation {
  /**
   * A path in the request, such as records[3].key.
   */
  'field'?: (string);
  /**
   * What is wrong with it.
   */
  'description'?: (string);
}

/**
 * One field and what is wrong with it.
 */
export interface _google_rpc_BadRequest_FieldViolationOutput {
  /**
   * A path in the request, such as records[3].key.
   */
  'field': (string);
  /**
   * What is wrong with it.
   */
  'description': (string);
}

/**
 * Which fields of the request are to blame.
 */
export interface BadRequest {
  'fieldViolations'?: (_google_rpc_BadRequest_FieldViolation)[];
}

/**
 * Which fields of the request are to blame.
 */
export interface BadRequestOutput {
  'fieldViolations': (_google_rpc_BadRequest_FieldViolationOutput)[];
}
