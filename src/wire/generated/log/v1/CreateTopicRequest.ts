// Original file: proto/log/v1/topics.proto

import type { TopicSettings as _log_v1_TopicSettings, TopicSettingsOutput as _log_v1_TopicSettingsOutput } from '../../log/v1/TopicSettings.js';

export interface CreateTopicRequest {
  'topic'?: (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant'?: (string);
  'settings'?: (_log_v1_TopicSettings | null);
}

export interface CreateTopicRequestOutput {
  'topic': (string);
  /**
   * Whose topic. Empty: the caller's own tenant.
   */
  'tenant': (string);
  'settings': (_log_v1_TopicSettingsOutput | null);
}
