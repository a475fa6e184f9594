// Original file: proto/google/rpc/status.proto

import type { Any as _google_protobuf_Any, AnyOutput as _google_protobuf_AnyOutput } from '../../google/protobuf/Any.js';

/**
 * What went wrong with a call.
 */
export interface Status {
  /**
   * A gRPC status code.
   */
  'code'?: (number);
  /**
   * For a developer, in English.
   */
  'message'?: (string);
  /**
   * Typed details, each one of the messages in error_details.proto.
   */
  'details'?: (_google_protobuf_Any)[];
}

/**
 * What went wrong with a call.
 */
export interface StatusOutput {
  /**
   * A gRPC status code.
   */
  'code': (number);
  /**
   * For a developer, in English.
   */
  'message': (string);
  /**
   * Typed details, each one of the messages in error_details.proto.
   */
  'details': (_google_protobuf_AnyOutput)[];
}
