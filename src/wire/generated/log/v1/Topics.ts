// Original file: proto/log/v1/topics.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateTopicRequest as _log_v1_CreateTopicRequest, CreateTopicRequestOutput as _log_v1_CreateTopicRequestOutput } from '../../log/v1/CreateTopicRequest.js';
import type { DeleteTopicRequest as _log_v1_DeleteTopicRequest, DeleteTopicRequestOutput as _log_v1_DeleteTopicRequestOutput } from '../../log/v1/DeleteTopicRequest.js';
import type { DeleteTopicResponse as _log_v1_DeleteTopicResponse, DeleteTopicResponseOutput as _log_v1_DeleteTopicResponseOutput } from '../../log/v1/DeleteTopicResponse.js';
import type { DescribeTopicRequest as _log_v1_DescribeTopicRequest, DescribeTopicRequestOutput as _log_v1_DescribeTopicRequestOutput } from '../../log/v1/DescribeTopicRequest.js';
import type { ListTopicsRequest as _log_v1_ListTopicsRequest, ListTopicsRequestOutput as _log_v1_ListTopicsRequestOutput } from '../../log/v1/ListTopicsRequest.js';
import type { ListTopicsResponse as _log_v1_ListTopicsResponse, ListTopicsResponseOutput as _log_v1_ListTopicsResponseOutput } from '../../log/v1/ListTopicsResponse.js';
import type { Topic as _log_v1_Topic, TopicOutput as _log_v1_TopicOutput } from '../../log/v1/Topic.js';
import type { TruncateTopicRequest as _log_v1_TruncateTopicRequest, TruncateTopicRequestOutput as _log_v1_TruncateTopicRequestOutput } from '../../log/v1/TruncateTopicRequest.js';
import type { UpdateTopicRequest as _log_v1_UpdateTopicRequest, UpdateTopicRequestOutput as _log_v1_UpdateTopicRequestOutput } from '../../log/v1/UpdateTopicRequest.js';

/**
 * Make, describe, change and remove topics. Every call is checked against the server's policy; a caller who may not is
 * told the same whether or not the topic exists.
 */
export interface TopicsClient extends grpc.Client {
  /**
   * Makes a topic (action `create`). ALREADY_EXISTS if there is one of that name.
   */
  Create(argument: _log_v1_CreateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Create(argument: _log_v1_CreateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Create(argument: _log_v1_CreateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Create(argument: _log_v1_CreateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  /**
   * Makes a topic (action `create`). ALREADY_EXISTS if there is one of that name.
   */
  create(argument: _log_v1_CreateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  create(argument: _log_v1_CreateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  create(argument: _log_v1_CreateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  create(argument: _log_v1_CreateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  
  /**
   * Removes a topic and all its records (action `delete`). A topic of that name that is made later has another topic
   * id. `default` always exists: deleted, it is there again at once, empty and with another id.
   */
  Delete(argument: _log_v1_DeleteTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteTopicRequest, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Removes a topic and all its records (action `delete`). A topic of that name that is made later has another topic
   * id. `default` always exists: deleted, it is there again at once, empty and with another id.
   */
  delete(argument: _log_v1_DeleteTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteTopicRequest, callback: grpc.requestCallback<_log_v1_DeleteTopicResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * What is known of one topic (action `describe`).
   */
  Describe(argument: _log_v1_DescribeTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Describe(argument: _log_v1_DescribeTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Describe(argument: _log_v1_DescribeTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Describe(argument: _log_v1_DescribeTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  /**
   * What is known of one topic (action `describe`).
   */
  describe(argument: _log_v1_DescribeTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  describe(argument: _log_v1_DescribeTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  describe(argument: _log_v1_DescribeTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  describe(argument: _log_v1_DescribeTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  
  /**
   * The topics of one tenant that the caller may `describe`, by name.
   */
  List(argument: _log_v1_ListTopicsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListTopicsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListTopicsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListTopicsRequest, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The topics of one tenant that the caller may `describe`, by name.
   */
  list(argument: _log_v1_ListTopicsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListTopicsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListTopicsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListTopicsRequest, callback: grpc.requestCallback<_log_v1_ListTopicsResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * Removes the records before an offset, for good (action `delete`). Offsets keep their meaning.
   */
  Truncate(argument: _log_v1_TruncateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Truncate(argument: _log_v1_TruncateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Truncate(argument: _log_v1_TruncateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Truncate(argument: _log_v1_TruncateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  /**
   * Removes the records before an offset, for good (action `delete`). Offsets keep their meaning.
   */
  truncate(argument: _log_v1_TruncateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  truncate(argument: _log_v1_TruncateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  truncate(argument: _log_v1_TruncateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  truncate(argument: _log_v1_TruncateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  
  /**
   * Changes settings (action `admin`).
   */
  Update(argument: _log_v1_UpdateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Update(argument: _log_v1_UpdateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Update(argument: _log_v1_UpdateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  Update(argument: _log_v1_UpdateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  /**
   * Changes settings (action `admin`).
   */
  update(argument: _log_v1_UpdateTopicRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  update(argument: _log_v1_UpdateTopicRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  update(argument: _log_v1_UpdateTopicRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  update(argument: _log_v1_UpdateTopicRequest, callback: grpc.requestCallback<_log_v1_TopicOutput>): grpc.ClientUnaryCall;
  
}

/**
 * Make, describe, change and remove topics. Every call is checked against the server's policy; a caller who may not is
 * told the same whether or not the topic exists.
 */
export interface TopicsHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Makes a topic (action `create`). ALREADY_EXISTS if there is one of that name.
   */
  Create: grpc.handleUnaryCall<_log_v1_CreateTopicRequestOutput, _log_v1_Topic>;
  
  /**
   * Removes a topic and all its records (action `delete`). A topic of that name that is made later has another topic
   * id. `default` always exists: deleted, it is there again at once, empty and with another id.
   */
  Delete: grpc.handleUnaryCall<_log_v1_DeleteTopicRequestOutput, _log_v1_DeleteTopicResponse>;
  
  /**
   * What is known of one topic (action `describe`).
   */
  Describe: grpc.handleUnaryCall<_log_v1_DescribeTopicRequestOutput, _log_v1_Topic>;
  
  /**
   * The topics of one tenant that the caller may `describe`, by name.
   */
  List: grpc.handleUnaryCall<_log_v1_ListTopicsRequestOutput, _log_v1_ListTopicsResponse>;
  
  /**
   * Removes the records before an offset, for good (action `delete`). Offsets keep their meaning.
   */
  Truncate: grpc.handleUnaryCall<_log_v1_TruncateTopicRequestOutput, _log_v1_Topic>;
  
  /**
   * Changes settings (action `admin`).
   */
  Update: grpc.handleUnaryCall<_log_v1_UpdateTopicRequestOutput, _log_v1_Topic>;
  
}

export interface TopicsDefinition extends grpc.ServiceDefinition {
  Create: MethodDefinition<_log_v1_CreateTopicRequest, _log_v1_Topic, _log_v1_CreateTopicRequestOutput, _log_v1_TopicOutput>
  Delete: MethodDefinition<_log_v1_DeleteTopicRequest, _log_v1_DeleteTopicResponse, _log_v1_DeleteTopicRequestOutput, _log_v1_DeleteTopicResponseOutput>
  Describe: MethodDefinition<_log_v1_DescribeTopicRequest, _log_v1_Topic, _log_v1_DescribeTopicRequestOutput, _log_v1_TopicOutput>
  List: MethodDefinition<_log_v1_ListTopicsRequest, _log_v1_ListTopicsResponse, _log_v1_ListTopicsRequestOutput, _log_v1_ListTopicsResponseOutput>
  Truncate: MethodDefinition<_log_v1_TruncateTopicRequest, _log_v1_Topic, _log_v1_TruncateTopicRequestOutput, _log_v1_TopicOutput>
  Update: MethodDefinition<_log_v1_UpdateTopicRequest, _log_v1_Topic, _log_v1_UpdateTopicRequestOutput, _log_v1_TopicOutput>
}
