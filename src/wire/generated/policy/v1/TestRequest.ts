// Original file: proto/policy/v1/policy.proto

import type { FilePart as _policy_v1_FilePart, FilePartOutput as _policy_v1_FilePartOutput } from '../../policy/v1/FilePart.js';

/**
 * With a version, or with none, and then with parts of files, or with none of these for the version in force.
 */
export interface TestRequest {
  'part'?: (_policy_v1_FilePart | null);
  'version'?: (string);
  /**
   * Only what is stated about this tenant's topics. Empty: everything.
   */
  'tenant'?: (string);
}

/**
 * With a version, or with none, and then with parts of files, or with none of these for the version in force.
 */
export interface TestRequestOutput {
  'part': (_policy_v1_FilePartOutput | null);
  'version': (string);
  /**
   * Only what is stated about this tenant's topics. Empty: everything.
   */
  'tenant': (string);
}
