// Original file: proto/policy/v1/policy.proto


export interface WhatRequest {
  /**
   * Empty: everybody whom the policy names.
   */
  'principal'?: (string);
  /**
   * Only to this tenant's topics. Empty: to everyone's.
   */
  'tenant'?: (string);
}

export interface WhatRequestOutput {
  /**
   * Empty: everybody whom the policy names.
   */
  'principal': (string);
  /**
   * Only to this tenant's topics. Empty: to everyone's.
   */
  'tenant': (string);
}
