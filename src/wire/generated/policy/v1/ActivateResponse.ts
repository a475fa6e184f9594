// Original file: proto/policy/v1/policy.proto

import type { Version as _policy_v1_Version, VersionOutput as _policy_v1_VersionOutput } from '../../policy/v1/Version.js';

export interface ActivateResponse {
  'active'?: (_policy_v1_Version | null);
}

export interface ActivateResponseOutput {
  'active': (_policy_v1_VersionOutput | null);
}
