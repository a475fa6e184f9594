import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Certificate as _admin_v1_Certificate, CertificateOutput as _admin_v1_CertificateOutput } from './admin/v1/Certificate.js';
import type { Connection as _admin_v1_Connection, ConnectionOutput as _admin_v1_ConnectionOutput } from './admin/v1/Connection.js';
import type { ConnectionsClient as _admin_v1_ConnectionsClient, ConnectionsDefinition as _admin_v1_ConnectionsDefinition } from './admin/v1/Connections.js';
import type { ListConnectionsRequest as _admin_v1_ListConnectionsRequest, ListConnectionsRequestOutput as _admin_v1_ListConnectionsRequestOutput } from './admin/v1/ListConnectionsRequest.js';
import type { ListConnectionsResponse as _admin_v1_ListConnectionsResponse, ListConnectionsResponseOutput as _admin_v1_ListConnectionsResponseOutput } from './admin/v1/ListConnectionsResponse.js';
import type { OpenCalls as _admin_v1_OpenCalls, OpenCallsOutput as _admin_v1_OpenCallsOutput } from './admin/v1/OpenCalls.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  admin: {
    v1: {
      Certificate: MessageTypeDefinition<_admin_v1_Certificate, _admin_v1_CertificateOutput>
      Connection: MessageTypeDefinition<_admin_v1_Connection, _admin_v1_ConnectionOutput>
      ConnectionOrder: EnumTypeDefinition
      /**
       * Who is connected. Every call needs the action `admin` on the topic name `connections` in `_system`. Who has it in a tenant
       * instead may ask about the connections of that tenant's principals, where a request names the tenant.
       */
      Connections: SubtypeConstructor<typeof grpc.Client, _admin_v1_ConnectionsClient> & { service: _admin_v1_ConnectionsDefinition }
      ListConnectionsRequest: MessageTypeDefinition<_admin_v1_ListConnectionsRequest, _admin_v1_ListConnectionsRequestOutput>
      ListConnectionsResponse: MessageTypeDefinition<_admin_v1_ListConnectionsResponse, _admin_v1_ListConnectionsResponseOutput>
      OpenCalls: MessageTypeDefinition<_admin_v1_OpenCalls, _admin_v1_OpenCallsOutput>
    }
  }
}

