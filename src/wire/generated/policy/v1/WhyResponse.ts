// Original file: proto/policy/v1/policy.proto

import type { Refusal as _policy_v1_Refusal, RefusalOutput as _policy_v1_RefusalOutput } from '../../policy/v1/Refusal.js';
import type { Explanation as _policy_v1_Explanation, ExplanationOutput as _policy_v1_ExplanationOutput } from '../../policy/v1/Explanation.js';

export interface WhyResponse {
  /**
   * Where it was asked about a refusal.
   */
  'refusal'?: (_policy_v1_Refusal | null);
  /**
   * By the version that refused, or, where that is not kept any more, by the one in force.
   */
  'explanation'?: (_policy_v1_Explanation | null);
}

export interface WhyResponseOutput {
  /**
   * Where it was asked about a refusal.
   */
  'refusal': (_policy_v1_RefusalOutput | null);
  /**
   * By the version that refused, or, where that is not kept any more, by the one in force.
   */
  'explanation': (_policy_v1_ExplanationOutput | null);
}
