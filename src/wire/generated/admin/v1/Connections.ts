// Original file: proto/admin/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListConnectionsRequest as _admin_v1_ListConnectionsRequest, ListConnectionsRequestOutput as _admin_v1_ListConnectionsRequestOutput } from '../../admin/v1/ListConnectionsRequest.js';
import type { ListConnectionsResponse as _admin_v1_ListConnectionsResponse, ListConnectionsResponseOutput as _admin_v1_ListConnectionsResponseOutput } from '../../admin/v1/ListConnectionsResponse.js';

/**
 * Who is connected. Every call needs the action `admin` on the topic name `connections` in `_system`. Who has it in a tenant
 * instead may ask about the connections of that tenant's principals, where a request names the tenant.
 */
export interface ConnectionsClient extends grpc.Client {
  /**
   * The connections whose peer proved to be a principal and that are open now. What is connected or closed between two pages
   * is in the second one or not; nothing is named twice.
   */
  List(argument: _admin_v1_ListConnectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _admin_v1_ListConnectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _admin_v1_ListConnectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  List(argument: _admin_v1_ListConnectionsRequest, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The connections whose peer proved to be a principal and that are open now. What is connected or closed between two pages
   * is in the second one or not; nothing is named twice.
   */
  list(argument: _admin_v1_ListConnectionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _admin_v1_ListConnectionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _admin_v1_ListConnectionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  list(argument: _admin_v1_ListConnectionsRequest, callback: grpc.requestCallback<_admin_v1_ListConnectionsResponseOutput>): grpc.ClientUnaryCall;
  
}

/**
 * Who is connected. Every call needs the action `admin` on the topic name `connections` in `_system`. Who has it in a tenant
 * instead may ask about the connections of that tenant's principals, where a request names the tenant.
 */
export interface ConnectionsHandlers extends grpc.UntypedServiceImplementation {
  /**
   * The connections whose peer proved to be a principal and that are open now. What is connected or closed between two pages
   * is in the second one or not; nothing is named twice.
   */
  List: grpc.handleUnaryCall<_admin_v1_ListConnectionsRequestOutput, _admin_v1_ListConnectionsResponse>;
  
}

export interface ConnectionsDefinition extends grpc.ServiceDefinition {
  List: MethodDefinition<_admin_v1_ListConnectionsRequest, _admin_v1_ListConnectionsResponse, _admin_v1_ListConnectionsRequestOutput, _admin_v1_ListConnectionsResponseOutput>
}
