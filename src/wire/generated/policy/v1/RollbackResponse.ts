// Original file: proto/policy/v1/policy.proto

import type { Version as _policy_v1_Version, VersionOutput as _policy_v1_VersionOutput } from '../../policy/v1/Version.js';

export interface RollbackResponse {
  'active'?: (_policy_v1_Version | null);
}

export interface RollbackResponseOutput {
  'active': (_policy_v1_VersionOutput | null);
}
