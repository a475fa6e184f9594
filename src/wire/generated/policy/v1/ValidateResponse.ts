// Original file: proto/policy/v1/policy.proto

import type { Finding as _policy_v1_Finding, FindingOutput as _policy_v1_FindingOutput } from '../../policy/v1/Finding.js';

export interface ValidateResponse {
  /**
   * The version that these files have or would have.
   */
  'version'?: (string);
  /**
   * Every mistake, of each file the first 50. None: they can come into force.
   */
  'findings'?: (_policy_v1_Finding)[];
  'warnings'?: (_policy_v1_Finding)[];
  'tenants'?: (number);
  'rules'?: (number);
  'assignments'?: (number);
  'matrixRows'?: (number);
  /**
   * "tenants", or "simple" for Casbin's three columns.
   */
  'model'?: (string);
  /**
   * Tenants of which no client gets in.
   */
  'suspended'?: (string)[];
}

export interface ValidateResponseOutput {
  /**
   * The version that these files have or would have.
   */
  'version': (string);
  /**
   * Every mistake, of each file the first 50. None: they can come into force.
   */
  'findings': (_policy_v1_FindingOutput)[];
  'warnings': (_policy_v1_FindingOutput)[];
  'tenants': (number);
  'rules': (number);
  'assignments': (number);
  'matrixRows': (number);
  /**
   * "tenants", or "simple" for Casbin's three columns.
   */
  'model': (string);
  /**
   * Tenants of which no client gets in.
   */
  'suspended': (string)[];
}
