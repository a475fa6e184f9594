// Original file: proto/policy/v1/policy.proto

import type { Rule as _policy_v1_Rule, RuleOutput as _policy_v1_RuleOutput } from '../../policy/v1/Rule.js';

/**
 * What would have been allowed.
 */
export interface Miss {
  /**
   * `principal`, `tenant`, `topic`, `role`, `action` or `rule`.
   */
  'kind'?: (string);
  /**
   * Behind "would be allowed if".
   */
  'condition'?: (string);
  /**
   * The rule that would allow it.
   */
  'rule'?: (_policy_v1_Rule | null);
}

/**
 * What would have been allowed.
 */
export interface MissOutput {
  /**
   * `principal`, `tenant`, `topic`, `role`, `action` or `rule`.
   */
  'kind': (string);
  /**
   * Behind "would be allowed if".
   */
  'condition': (string);
  /**
   * The rule that would allow it.
   */
  'rule': (_policy_v1_RuleOutput | null);
}
