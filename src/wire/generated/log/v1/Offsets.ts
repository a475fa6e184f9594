// Original file: proto/log/v1/offsets.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CommitOffsetRequest as _log_v1_CommitOffsetRequest, CommitOffsetRequestOutput as _log_v1_CommitOffsetRequestOutput } from '../../log/v1/CommitOffsetRequest.js';
import type { CommitOffsetResponse as _log_v1_CommitOffsetResponse, CommitOffsetResponseOutput as _log_v1_CommitOffsetResponseOutput } from '../../log/v1/CommitOffsetResponse.js';
import type { DeleteOffsetRequest as _log_v1_DeleteOffsetRequest, DeleteOffsetRequestOutput as _log_v1_DeleteOffsetRequestOutput } from '../../log/v1/DeleteOffsetRequest.js';
import type { DeleteOffsetResponse as _log_v1_DeleteOffsetResponse, DeleteOffsetResponseOutput as _log_v1_DeleteOffsetResponseOutput } from '../../log/v1/DeleteOffsetResponse.js';
import type { FetchOffsetRequest as _log_v1_FetchOffsetRequest, FetchOffsetRequestOutput as _log_v1_FetchOffsetRequestOutput } from '../../log/v1/FetchOffsetRequest.js';
import type { FetchOffsetResponse as _log_v1_FetchOffsetResponse, FetchOffsetResponseOutput as _log_v1_FetchOffsetResponseOutput } from '../../log/v1/FetchOffsetResponse.js';
import type { ListOffsetsRequest as _log_v1_ListOffsetsRequest, ListOffsetsRequestOutput as _log_v1_ListOffsetsRequestOutput } from '../../log/v1/ListOffsetsRequest.js';
import type { ListOffsetsResponse as _log_v1_ListOffsetsResponse, ListOffsetsResponseOutput as _log_v1_ListOffsetsResponseOutput } from '../../log/v1/ListOffsetsResponse.js';

/**
 * A consumer group is a name that readers of one tenant share; for each topic it has one position. Every call needs
 * `consume` on the topic. A group belongs to the caller's tenant, also where the topic is another's: groups of two
 * tenants never meet, whatever they are called.
 */
export interface OffsetsClient extends grpc.Client {
  /**
   * Stores a position. Answers once it is on disk.
   */
  Commit(argument: _log_v1_CommitOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  Commit(argument: _log_v1_CommitOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  Commit(argument: _log_v1_CommitOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  Commit(argument: _log_v1_CommitOffsetRequest, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Stores a position. Answers once it is on disk.
   */
  commit(argument: _log_v1_CommitOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  commit(argument: _log_v1_CommitOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  commit(argument: _log_v1_CommitOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  commit(argument: _log_v1_CommitOffsetRequest, callback: grpc.requestCallback<_log_v1_CommitOffsetResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * Forgets a position, also one in a topic that is gone.
   */
  Delete(argument: _log_v1_DeleteOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  Delete(argument: _log_v1_DeleteOffsetRequest, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Forgets a position, also one in a topic that is gone.
   */
  delete(argument: _log_v1_DeleteOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  delete(argument: _log_v1_DeleteOffsetRequest, callback: grpc.requestCallback<_log_v1_DeleteOffsetResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * The position that was stored last.
   */
  Fetch(argument: _log_v1_FetchOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  Fetch(argument: _log_v1_FetchOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  Fetch(argument: _log_v1_FetchOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  Fetch(argument: _log_v1_FetchOffsetRequest, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The position that was stored last.
   */
  fetch(argument: _log_v1_FetchOffsetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  fetch(argument: _log_v1_FetchOffsetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  fetch(argument: _log_v1_FetchOffsetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  fetch(argument: _log_v1_FetchOffsetRequest, callback: grpc.requestCallback<_log_v1_FetchOffsetResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * The positions of the caller's tenant on topics that the caller may `consume`, with how far behind they are.
   */
  List(argument: _log_v1_ListOffsetsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListOffsetsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListOffsetsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _log_v1_ListOffsetsRequest, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The positions of the caller's tenant on topics that the caller may `consume`, with how far behind they are.
   */
  list(argument: _log_v1_ListOffsetsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListOffsetsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListOffsetsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _log_v1_ListOffsetsRequest, callback: grpc.requestCallback<_log_v1_ListOffsetsResponseOutput>): grpc.ClientUnaryCall;
  
}

/**
 * A consumer group is a name that readers of one tenant share; for each topic it has one position. Every call needs
 * `consume` on the topic. A group belongs to the caller's tenant, also where the topic is another's: groups of two
 * tenants never meet, whatever they are called.
 */
export interface OffsetsHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Stores a position. Answers once it is on disk.
   */
  Commit: grpc.handleUnaryCall<_log_v1_CommitOffsetRequestOutput, _log_v1_CommitOffsetResponse>;
  
  /**
   * Forgets a position, also one in a topic that is gone.
   */
  Delete: grpc.handleUnaryCall<_log_v1_DeleteOffsetRequestOutput, _log_v1_DeleteOffsetResponse>;
  
  /**
   * The position that was stored last.
   */
  Fetch: grpc.handleUnaryCall<_log_v1_FetchOffsetRequestOutput, _log_v1_FetchOffsetResponse>;
  
  /**
   * The positions of the caller's tenant on topics that the caller may `consume`, with how far behind they are.
   */
  List: grpc.handleUnaryCall<_log_v1_ListOffsetsRequestOutput, _log_v1_ListOffsetsResponse>;
  
}

export interface OffsetsDefinition extends grpc.ServiceDefinition {
  Commit: MethodDefinition<_log_v1_CommitOffsetRequest, _log_v1_CommitOffsetResponse, _log_v1_CommitOffsetRequestOutput, _log_v1_CommitOffsetResponseOutput>
  Delete: MethodDefinition<_log_v1_DeleteOffsetRequest, _log_v1_DeleteOffsetResponse, _log_v1_DeleteOffsetRequestOutput, _log_v1_DeleteOffsetResponseOutput>
  Fetch: MethodDefinition<_log_v1_FetchOffsetRequest, _log_v1_FetchOffsetResponse, _log_v1_FetchOffsetRequestOutput, _log_v1_FetchOffsetResponseOutput>
  List: MethodDefinition<_log_v1_ListOffsetsRequest, _log_v1_ListOffsetsResponse, _log_v1_ListOffsetsRequestOutput, _log_v1_ListOffsetsResponseOutput>
}
