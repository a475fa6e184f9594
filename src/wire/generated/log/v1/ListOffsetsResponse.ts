// Original file: proto/log/v1/offsets.proto

import type { CommittedOffset as _log_v1_CommittedOffset, CommittedOffsetOutput as _log_v1_CommittedOffsetOutput } from '../../log/v1/CommittedOffset.js';

export interface ListOffsetsResponse {
  'offsets'?: (_log_v1_CommittedOffset)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken'?: (string);
}

export interface ListOffsetsResponseOutput {
  'offsets': (_log_v1_CommittedOffsetOutput)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken': (string);
}
