// Original file: proto/policy/v1/policy.proto

import type { FilePart as _policy_v1_FilePart, FilePartOutput as _policy_v1_FilePartOutput } from '../../policy/v1/FilePart.js';

export interface ActivateRequest {
  'part'?: (_policy_v1_FilePart | null);
  /**
   * In the first message: the version that these files were made from.
   */
  'basedOn'?: (string);
  /**
   * In the first message: replace the server's files also where somebody is editing them; his work is lost.
   */
  'overwrite'?: (boolean);
}

export interface ActivateRequestOutput {
  'part': (_policy_v1_FilePartOutput | null);
  /**
   * In the first message: the version that these files were made from.
   */
  'basedOn': (string);
  /**
   * In the first message: replace the server's files also where somebody is editing them; his work is lost.
   */
  'overwrite': (boolean);
}
