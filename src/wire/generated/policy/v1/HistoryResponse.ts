// Original file: proto/policy/v1/policy.proto

import type { Version as _policy_v1_Version, VersionOutput as _policy_v1_VersionOutput } from '../../policy/v1/Version.js';

export interface HistoryResponse {
  'versions'?: (_policy_v1_Version)[];
  /**
   * There are older ones that are not named.
   */
  'truncated'?: (boolean);
}

export interface HistoryResponseOutput {
  'versions': (_policy_v1_VersionOutput)[];
  /**
   * There are older ones that are not named.
   */
  'truncated': (boolean);
}
