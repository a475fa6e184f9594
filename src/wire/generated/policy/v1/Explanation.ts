// Original file: proto/policy/v1/policy.proto

import type { Question as _policy_v1_Question, QuestionOutput as _policy_v1_QuestionOutput } from '../../policy/v1/Question.js';
import type { Rule as _policy_v1_Rule, RuleOutput as _policy_v1_RuleOutput } from '../../policy/v1/Rule.js';
import type { Miss as _policy_v1_Miss, MissOutput as _policy_v1_MissOutput } from '../../policy/v1/Miss.js';

/**
 * What a policy says to a question, and why.
 */
export interface Explanation {
  'policyVersion'?: (string);
  'question'?: (_policy_v1_Question | null);
  /**
   * `allow` or `deny`.
   */
  'decision'?: (string);
  /**
   * In words.
   */
  'reason'?: (string);
  /**
   * The rule that decided; not there where none speaks of it.
   */
  'rule'?: (_policy_v1_Rule | null);
  /**
   * Other rules that fit, such as those that a deny overrules.
   */
  'others'?: (_policy_v1_Rule)[];
  /**
   * How many more fit than `others` names.
   */
  'moreOthers'?: (number);
  /**
   * Of what no rule speaks of: what would have to be otherwise, the nearest first.
   */
  'misses'?: (_policy_v1_Miss)[];
}

/**
 * What a policy says to a question, and why.
 */
export interface ExplanationOutput {
  'policyVersion': (string);
  'question': (_policy_v1_QuestionOutput | null);
  /**
   * `allow` or `deny`.
   */
  'decision': (string);
  /**
   * In words.
   */
  'reason': (string);
  /**
   * The rule that decided; not there where none speaks of it.
   */
  'rule': (_policy_v1_RuleOutput | null);
  /**
   * Other rules that fit, such as those that a deny overrules.
   */
  'others': (_policy_v1_RuleOutput)[];
  /**
   * How many more fit than `others` names.
   */
  'moreOthers': (number);
  /**
   * Of what no rule speaks of: what would have to be otherwise, the nearest first.
   */
  'misses': (_policy_v1_MissOutput)[];
}
