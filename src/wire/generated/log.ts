import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { Any as _google_protobuf_Any, AnyOutput as _google_protobuf_AnyOutput } from './google/protobuf/Any.js';
import type { Status as _google_rpc_Status, StatusOutput as _google_rpc_StatusOutput } from './google/rpc/Status.js';
import type { ConsumeRequest as _log_v1_ConsumeRequest, ConsumeRequestOutput as _log_v1_ConsumeRequestOutput } from './log/v1/ConsumeRequest.js';
import type { ConsumeResponse as _log_v1_ConsumeResponse, ConsumeResponseOutput as _log_v1_ConsumeResponseOutput } from './log/v1/ConsumeResponse.js';
import type { Header as _log_v1_Header, HeaderOutput as _log_v1_HeaderOutput } from './log/v1/Header.js';
import type { ImportResponse as _log_v1_ImportResponse, ImportResponseOutput as _log_v1_ImportResponseOutput } from './log/v1/ImportResponse.js';
import type { LogClient as _log_v1_LogClient, LogDefinition as _log_v1_LogDefinition } from './log/v1/Log.js';
import type { ProduceRequest as _log_v1_ProduceRequest, ProduceRequestOutput as _log_v1_ProduceRequestOutput } from './log/v1/ProduceRequest.js';
import type { ProduceResponse as _log_v1_ProduceResponse, ProduceResponseOutput as _log_v1_ProduceResponseOutput } from './log/v1/ProduceResponse.js';
import type { Producer as _log_v1_Producer, ProducerOutput as _log_v1_ProducerOutput } from './log/v1/Producer.js';
import type { Record as _log_v1_Record, RecordOutput as _log_v1_RecordOutput } from './log/v1/Record.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Any: MessageTypeDefinition<_google_protobuf_Any, _google_protobuf_AnyOutput>
    }
    rpc: {
      Status: MessageTypeDefinition<_google_rpc_Status, _google_rpc_StatusOutput>
    }
  }
  log: {
    v1: {
      ConsumeRequest: MessageTypeDefinition<_log_v1_ConsumeRequest, _log_v1_ConsumeRequestOutput>
      ConsumeResponse: MessageTypeDefinition<_log_v1_ConsumeResponse, _log_v1_ConsumeResponseOutput>
      Header: MessageTypeDefinition<_log_v1_Header, _log_v1_HeaderOutput>
      ImportResponse: MessageTypeDefinition<_log_v1_ImportResponse, _log_v1_ImportResponseOutput>
      /**
       * Produce and consume records.
       */
      Log: SubtypeConstructor<typeof grpc.Client, _log_v1_LogClient> & { service: _log_v1_LogDefinition }
      ProduceRequest: MessageTypeDefinition<_log_v1_ProduceRequest, _log_v1_ProduceRequestOutput>
      ProduceResponse: MessageTypeDefinition<_log_v1_ProduceResponse, _log_v1_ProduceResponseOutput>
      Producer: MessageTypeDefinition<_log_v1_Producer, _log_v1_ProducerOutput>
      Record: MessageTypeDefinition<_log_v1_Record, _log_v1_RecordOutput>
      Start: EnumTypeDefinition
    }
  }
}

