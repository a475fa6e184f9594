// Original file: proto/policy/v1/policy.proto

import type { FilePart as _policy_v1_FilePart, FilePartOutput as _policy_v1_FilePartOutput } from '../../policy/v1/FilePart.js';

export interface FilesResponse {
  'version'?: (string);
  'part'?: (_policy_v1_FilePart | null);
}

export interface FilesResponseOutput {
  'version': (string);
  'part': (_policy_v1_FilePartOutput | null);
}
