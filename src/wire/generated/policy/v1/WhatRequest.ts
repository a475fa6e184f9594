// Original file: proto/policy/v1/policy.proto


export interface WhatRequest {
  'principal'?: (string);
  /**
   * Only to this tenant's topics. Empty: to everyone's.
   */
  'tenant'?: (string);
}

export interface WhatRequestOutput {
  'principal': (string);
  /**
   * Only to this tenant's topics. Empty: to everyone's.
   */
  'tenant': (string);
}
