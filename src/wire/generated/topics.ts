import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CreateTopicRequest as _log_v1_CreateTopicRequest, CreateTopicRequestOutput as _log_v1_CreateTopicRequestOutput } from './log/v1/CreateTopicRequest.js';
import type { DeleteTopicRequest as _log_v1_DeleteTopicRequest, DeleteTopicRequestOutput as _log_v1_DeleteTopicRequestOutput } from './log/v1/DeleteTopicRequest.js';
import type { DeleteTopicResponse as _log_v1_DeleteTopicResponse, DeleteTopicResponseOutput as _log_v1_DeleteTopicResponseOutput } from './log/v1/DeleteTopicResponse.js';
import type { DescribeTopicRequest as _log_v1_DescribeTopicRequest, DescribeTopicRequestOutput as _log_v1_DescribeTopicRequestOutput } from './log/v1/DescribeTopicRequest.js';
import type { ListTopicsRequest as _log_v1_ListTopicsRequest, ListTopicsRequestOutput as _log_v1_ListTopicsRequestOutput } from './log/v1/ListTopicsRequest.js';
import type { ListTopicsResponse as _log_v1_ListTopicsResponse, ListTopicsResponseOutput as _log_v1_ListTopicsResponseOutput } from './log/v1/ListTopicsResponse.js';
import type { Topic as _log_v1_Topic, TopicOutput as _log_v1_TopicOutput } from './log/v1/Topic.js';
import type { TopicSettings as _log_v1_TopicSettings, TopicSettingsOutput as _log_v1_TopicSettingsOutput } from './log/v1/TopicSettings.js';
import type { TopicsClient as _log_v1_TopicsClient, TopicsDefinition as _log_v1_TopicsDefinition } from './log/v1/Topics.js';
import type { TruncateTopicRequest as _log_v1_TruncateTopicRequest, TruncateTopicRequestOutput as _log_v1_TruncateTopicRequestOutput } from './log/v1/TruncateTopicRequest.js';
import type { UpdateTopicRequest as _log_v1_UpdateTopicRequest, UpdateTopicRequestOutput as _log_v1_UpdateTopicRequestOutput } from './log/v1/UpdateTopicRequest.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  log: {
    v1: {
      CreateTopicRequest: MessageTypeDefinition<_log_v1_CreateTopicRequest, _log_v1_CreateTopicRequestOutput>
      DeleteTopicRequest: MessageTypeDefinition<_log_v1_DeleteTopicRequest, _log_v1_DeleteTopicRequestOutput>
      DeleteTopicResponse: MessageTypeDefinition<_log_v1_DeleteTopicResponse, _log_v1_DeleteTopicResponseOutput>
      DescribeTopicRequest: MessageTypeDefinition<_log_v1_DescribeTopicRequest, _log_v1_DescribeTopicRequestOutput>
      ListTopicsRequest: MessageTypeDefinition<_log_v1_ListTopicsRequest, _log_v1_ListTopicsRequestOutput>
      ListTopicsResponse: MessageTypeDefinition<_log_v1_ListTopicsResponse, _log_v1_ListTopicsResponseOutput>
      Topic: MessageTypeDefinition<_log_v1_Topic, _log_v1_TopicOutput>
      TopicSettings: MessageTypeDefinition<_log_v1_TopicSettings, _log_v1_TopicSettingsOutput>
      /**
       * Make, describe, change and remove topics. Every call is checked against the server's policy; a caller who may not is
       * told the same whether or not the topic exists.
       */
      Topics: SubtypeConstructor<typeof grpc.Client, _log_v1_TopicsClient> & { service: _log_v1_TopicsDefinition }
      TruncateTopicRequest: MessageTypeDefinition<_log_v1_TruncateTopicRequest, _log_v1_TruncateTopicRequestOutput>
      UpdateTopicRequest: MessageTypeDefinition<_log_v1_UpdateTopicRequest, _log_v1_UpdateTopicRequestOutput>
    }
  }
}

