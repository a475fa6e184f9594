// Original file: proto/log/v1/topics.proto

import type { Topic as _log_v1_Topic, TopicOutput as _log_v1_TopicOutput } from '../../log/v1/Topic.js';

export interface ListTopicsResponse {
  'topics'?: (_log_v1_Topic)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken'?: (string);
}

export interface ListTopicsResponseOutput {
  'topics': (_log_v1_TopicOutput)[];
  /**
   * Empty: that was all.
   */
  'nextPageToken': (string);
}
