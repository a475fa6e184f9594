// Original file: proto/policy/v1/policy.proto

import type { Version as _policy_v1_Version, VersionOutput as _policy_v1_VersionOutput } from '../../policy/v1/Version.js';
import type { Finding as _policy_v1_Finding, FindingOutput as _policy_v1_FindingOutput } from '../../policy/v1/Finding.js';

export interface StatusResponse {
  /**
   * In force.
   */
  'active'?: (_policy_v1_Version | null);
  /**
   * What the server's files say; the same version, unless they were changed and refused.
   */
  'filesVersion'?: (string);
  /**
   * Why the files are not what is in force.
   */
  'refused'?: (_policy_v1_Finding)[];
  /**
   * When that was noticed, in milliseconds since 1970; 0: never.
   */
  'refusedMs'?: (number | string | bigint);
}

export interface StatusResponseOutput {
  /**
   * In force.
   */
  'active': (_policy_v1_VersionOutput | null);
  /**
   * What the server's files say; the same version, unless they were changed and refused.
   */
  'filesVersion': (string);
  /**
   * Why the files are not what is in force.
   */
  'refused': (_policy_v1_FindingOutput)[];
  /**
   * When that was noticed, in milliseconds since 1970; 0: never.
   */
  'refusedMs': (bigint);
}
