// Original file: proto/policy/v1/policy.proto


export interface WhoRequest {
  'action'?: (string);
  'tenant'?: (string);
  'topic'?: (string);
}

export interface WhoRequestOutput {
  'action': (string);
  'tenant': (string);
  'topic': (string);
}
