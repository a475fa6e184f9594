// Original file: proto/policy/v1/policy.proto


/**
 * A `g` line.
 */
export interface RoleLine {
  'place'?: (string);
  'line'?: (number);
  'text'?: (string);
  'member'?: (string);
  'role'?: (string);
  'tenant'?: (string);
}

/**
 * A `g` line.
 */
export interface RoleLineOutput {
  'place': (string);
  'line': (number);
  'text': (string);
  'member': (string);
  'role': (string);
  'tenant': (string);
}
