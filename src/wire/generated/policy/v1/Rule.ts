// Original file: proto/policy/v1/policy.proto

import type { RoleLine as _policy_v1_RoleLine, RoleLineOutput as _policy_v1_RoleLineOutput } from '../../policy/v1/RoleLine.js';

/**
 * A `p` line.
 */
export interface Rule {
  /**
   * `policy/policy.csv:7`
   */
  'place'?: (string);
  'line'?: (number);
  /**
   * `p, role:producer, acme, orders.*, produce, allow`
   */
  'text'?: (string);
  'subject'?: (string);
  'effect'?: (string);
  /**
   * The way from the principal to the rule's subject, from role to role.
   */
  'through'?: (_policy_v1_RoleLine)[];
}

/**
 * A `p` line.
 */
export interface RuleOutput {
  /**
   * `policy/policy.csv:7`
   */
  'place': (string);
  'line': (number);
  /**
   * `p, role:producer, acme, orders.*, produce, allow`
   */
  'text': (string);
  'subject': (string);
  'effect': (string);
  /**
   * The way from the principal to the rule's subject, from role to role.
   */
  'through': (_policy_v1_RoleLineOutput)[];
}
