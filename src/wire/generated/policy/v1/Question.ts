// Original file: proto/policy/v1/policy.proto


export interface Question {
  'principal'?: (string);
  'action'?: (string);
  'tenant'?: (string);
  'topic'?: (string);
}

export interface QuestionOutput {
  'principal': (string);
  'action': (string);
  'tenant': (string);
  'topic': (string);
}
