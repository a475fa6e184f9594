import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CommitOffsetRequest as _log_v1_CommitOffsetRequest, CommitOffsetRequestOutput as _log_v1_CommitOffsetRequestOutput } from './log/v1/CommitOffsetRequest.js';
import type { CommitOffsetResponse as _log_v1_CommitOffsetResponse, CommitOffsetResponseOutput as _log_v1_CommitOffsetResponseOutput } from './log/v1/CommitOffsetResponse.js';
import type { CommittedOffset as _log_v1_CommittedOffset, CommittedOffsetOutput as _log_v1_CommittedOffsetOutput } from './log/v1/CommittedOffset.js';
import type { DeleteOffsetRequest as _log_v1_DeleteOffsetRequest, DeleteOffsetRequestOutput as _log_v1_DeleteOffsetRequestOutput } from './log/v1/DeleteOffsetRequest.js';
import type { DeleteOffsetResponse as _log_v1_DeleteOffsetResponse, DeleteOffsetResponseOutput as _log_v1_DeleteOffsetResponseOutput } from './log/v1/DeleteOffsetResponse.js';
import type { FetchOffsetRequest as _log_v1_FetchOffsetRequest, FetchOffsetRequestOutput as _log_v1_FetchOffsetRequestOutput } from './log/v1/FetchOffsetRequest.js';
import type { FetchOffsetResponse as _log_v1_FetchOffsetResponse, FetchOffsetResponseOutput as _log_v1_FetchOffsetResponseOutput } from './log/v1/FetchOffsetResponse.js';
import type { ListOffsetsRequest as _log_v1_ListOffsetsRequest, ListOffsetsRequestOutput as _log_v1_ListOffsetsRequestOutput } from './log/v1/ListOffsetsRequest.js';
import type { ListOffsetsResponse as _log_v1_ListOffsetsResponse, ListOffsetsResponseOutput as _log_v1_ListOffsetsResponseOutput } from './log/v1/ListOffsetsResponse.js';
import type { OffsetsClient as _log_v1_OffsetsClient, OffsetsDefinition as _log_v1_OffsetsDefinition } from './log/v1/Offsets.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  log: {
    v1: {
      CommitOffsetRequest: MessageTypeDefinition<_log_v1_CommitOffsetRequest, _log_v1_CommitOffsetRequestOutput>
      CommitOffsetResponse: MessageTypeDefinition<_log_v1_CommitOffsetResponse, _log_v1_CommitOffsetResponseOutput>
      CommittedOffset: MessageTypeDefinition<_log_v1_CommittedOffset, _log_v1_CommittedOffsetOutput>
      DeleteOffsetRequest: MessageTypeDefinition<_log_v1_DeleteOffsetRequest, _log_v1_DeleteOffsetRequestOutput>
      DeleteOffsetResponse: MessageTypeDefinition<_log_v1_DeleteOffsetResponse, _log_v1_DeleteOffsetResponseOutput>
      FetchOffsetRequest: MessageTypeDefinition<_log_v1_FetchOffsetRequest, _log_v1_FetchOffsetRequestOutput>
      FetchOffsetResponse: MessageTypeDefinition<_log_v1_FetchOffsetResponse, _log_v1_FetchOffsetResponseOutput>
      ListOffsetsRequest: MessageTypeDefinition<_log_v1_ListOffsetsRequest, _log_v1_ListOffsetsRequestOutput>
      ListOffsetsResponse: MessageTypeDefinition<_log_v1_ListOffsetsResponse, _log_v1_ListOffsetsResponseOutput>
      /**
       * A consumer group is a name that readers of one tenant share; for each topic it has one position. Every call needs
       * `consume` on the topic. A group belongs to the caller's tenant, also where the topic is another's: groups of two
       * tenants never meet, whatever they are called.
       */
      Offsets: SubtypeConstructor<typeof grpc.Client, _log_v1_OffsetsClient> & { service: _log_v1_OffsetsDefinition }
    }
  }
}

