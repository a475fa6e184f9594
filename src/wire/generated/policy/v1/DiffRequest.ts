// Original file: proto/policy/v1/policy.proto

import type { FilePart as _policy_v1_FilePart, FilePartOutput as _policy_v1_FilePartOutput } from '../../policy/v1/FilePart.js';

export interface DiffRequest {
  /**
   * Parts of the newer policy's files; none: the newer one is `new_version`.
   */
  'part'?: (_policy_v1_FilePart | null);
  /**
   * Empty: the one in force.
   */
  'oldVersion'?: (string);
  /**
   * Empty, and no parts: the one in force.
   */
  'newVersion'?: (string);
  /**
   * Only what changes for this tenant's topics. Empty: everything.
   */
  'tenant'?: (string);
}

export interface DiffRequestOutput {
  /**
   * Parts of the newer policy's files; none: the newer one is `new_version`.
   */
  'part': (_policy_v1_FilePartOutput | null);
  /**
   * Empty: the one in force.
   */
  'oldVersion': (string);
  /**
   * Empty, and no parts: the one in force.
   */
  'newVersion': (string);
  /**
   * Only what changes for this tenant's topics. Empty: everything.
   */
  'tenant': (string);
}
