// Original file: proto/log/v1/log.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ConsumeRequest as _log_v1_ConsumeRequest, ConsumeRequestOutput as _log_v1_ConsumeRequestOutput } from '../../log/v1/ConsumeRequest.js';
import type { ConsumeResponse as _log_v1_ConsumeResponse, ConsumeResponseOutput as _log_v1_ConsumeResponseOutput } from '../../log/v1/ConsumeResponse.js';
import type { ImportResponse as _log_v1_ImportResponse, ImportResponseOutput as _log_v1_ImportResponseOutput } from '../../log/v1/ImportResponse.js';
import type { ProduceRequest as _log_v1_ProduceRequest, ProduceRequestOutput as _log_v1_ProduceRequestOutput } from '../../log/v1/ProduceRequest.js';
import type { ProduceResponse as _log_v1_ProduceResponse, ProduceResponseOutput as _log_v1_ProduceResponseOutput } from '../../log/v1/ProduceResponse.js';

/**
 * Produce and consume records.
 */
export interface LogClient extends grpc.Client {
  /**
   * Reads once, from a stated place.
   */
  Consume(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  Consume(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  Consume(argument: _log_v1_ConsumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  Consume(argument: _log_v1_ConsumeRequest, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Reads once, from a stated place.
   */
  consume(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  consume(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  consume(argument: _log_v1_ConsumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  consume(argument: _log_v1_ConsumeRequest, callback: grpc.requestCallback<_log_v1_ConsumeResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * Reads on from a stated place, and waits at the end for what comes next, for ever.
   */
  ConsumeStream(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_log_v1_ConsumeResponseOutput>;
  ConsumeStream(argument: _log_v1_ConsumeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_log_v1_ConsumeResponseOutput>;
  /**
   * Reads on from a stated place, and waits at the end for what comes next, for ever.
   */
  consumeStream(argument: _log_v1_ConsumeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_log_v1_ConsumeResponseOutput>;
  consumeStream(argument: _log_v1_ConsumeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_log_v1_ConsumeResponseOutput>;
  
  /**
   * Appends batch after batch to one topic and answers once, behind the last of them. The first request names the
   * topic; the others name the same one or none, and all of them go to the topic that the first one found, whatever has
   * its name by then. The first refusal ends the call behind what was admitted before; its facts say how many records
   * are stored (`imported`), and the offset behind the last one (`next`).
   */
  Import(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  Import(metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  Import(options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  Import(callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  /**
   * Appends batch after batch to one topic and answers once, behind the last of them. The first request names the
   * topic; the others name the same one or none, and all of them go to the topic that the first one found, whatever has
   * its name by then. The first refusal ends the call behind what was admitted before; its facts say how many records
   * are stored (`imported`), and the offset behind the last one (`next`).
   */
  import(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  import(metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  import(options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  import(callback: grpc.requestCallback<_log_v1_ImportResponseOutput>): grpc.ClientWritableStream<_log_v1_ProduceRequest>;
  
  /**
   * Appends a batch. Answers once the batch is on disk; a refused batch leaves nothing behind.
   */
  Produce(argument: _log_v1_ProduceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  Produce(argument: _log_v1_ProduceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  Produce(argument: _log_v1_ProduceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  Produce(argument: _log_v1_ProduceRequest, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Appends a batch. Answers once the batch is on disk; a refused batch leaves nothing behind.
   */
  produce(argument: _log_v1_ProduceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  produce(argument: _log_v1_ProduceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  produce(argument: _log_v1_ProduceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  produce(argument: _log_v1_ProduceRequest, callback: grpc.requestCallback<_log_v1_ProduceResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * Appends batch after batch. Without request ids there is one answer for each request, in order, and the first
   * refusal ends the stream after every earlier answer. With request ids, answers carry them, may overtake each
   * other across topics, and a refused request is answered with `error` while the stream goes on. When the server has to
   * end such a stream, for its connection's age or because it stops, an answer with `error` and without a request id
   * comes last, and the stream ends with OK: of requests without an answer nothing is stored.
   */
  ProduceStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_log_v1_ProduceRequest, _log_v1_ProduceResponseOutput>;
  ProduceStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_log_v1_ProduceRequest, _log_v1_ProduceResponseOutput>;
  /**
   * Appends batch after batch. Without request ids there is one answer for each request, in order, and the first
   * refusal ends the stream after every earlier answer. With request ids, answers carry them, may overtake each
   * other across topics, and a refused request is answered with `error` while the stream goes on. When the server has to
   * end such a stream, for its connection's age or because it stops, an answer with `error` and without a request id
   * comes last, and the stream ends with OK: of requests without an answer nothing is stored.
   */
  produceStream(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_log_v1_ProduceRequest, _log_v1_ProduceResponseOutput>;
  produceStream(options?: grpc.CallOptions): grpc.ClientDuplexStream<_log_v1_ProduceRequest, _log_v1_ProduceResponseOutput>;
  
}

/**
 * Produce and consume records.
 */
export interface LogHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Reads once, from a stated place.
   */
  Consume: grpc.handleUnaryCall<_log_v1_ConsumeRequestOutput, _log_v1_ConsumeResponse>;
  
  /**
   * Reads on from a stated place, and waits at the end for what comes next, for ever.
   */
  ConsumeStream: grpc.handleServerStreamingCall<_log_v1_ConsumeRequestOutput, _log_v1_ConsumeResponse>;
  
  /**
   * Appends batch after batch to one topic and answers once, behind the last of them. The first request names the
   * topic; the others name the same one or none, and all of them go to the topic that the first one found, whatever has
   * its name by then. The first refusal ends the call behind what was admitted before; its facts say how many records
   * are stored (`imported`), and the offset behind the last one (`next`).
   */
  Import: grpc.handleClientStreamingCall<_log_v1_ProduceRequestOutput, _log_v1_ImportResponse>;
  
  /**
   * Appends a batch. Answers once the batch is on disk; a refused batch leaves nothing behind.
   */
  Produce: grpc.handleUnaryCall<_log_v1_ProduceRequestOutput, _log_v1_ProduceResponse>;
  
  /**
   * Appends batch after batch. Without request ids there is one answer for each request, in order, and the first
   * refusal ends the stream after every earlier answer. With request ids, answers carry them, may overtake each
   * other across topics, and a refused request is answered with `error` while the stream goes on. When the server has to
   * end such a stream, for its connection's age or because it stops, an answer with `error` and without a request id
   * comes last, and the stream ends with OK: of requests without an answer nothing is stored.
   */
  ProduceStream: grpc.handleBidiStreamingCall<_log_v1_ProduceRequestOutput, _log_v1_ProduceResponse>;
  
}

export interface LogDefinition extends grpc.ServiceDefinition {
  Consume: MethodDefinition<_log_v1_ConsumeRequest, _log_v1_ConsumeResponse, _log_v1_ConsumeRequestOutput, _log_v1_ConsumeResponseOutput>
  ConsumeStream: MethodDefinition<_log_v1_ConsumeRequest, _log_v1_ConsumeResponse, _log_v1_ConsumeRequestOutput, _log_v1_ConsumeResponseOutput>
  Import: MethodDefinition<_log_v1_ProduceRequest, _log_v1_ImportResponse, _log_v1_ProduceRequestOutput, _log_v1_ImportResponseOutput>
  Produce: MethodDefinition<_log_v1_ProduceRequest, _log_v1_ProduceResponse, _log_v1_ProduceRequestOutput, _log_v1_ProduceResponseOutput>
  ProduceStream: MethodDefinition<_log_v1_ProduceRequest, _log_v1_ProduceResponse, _log_v1_ProduceRequestOutput, _log_v1_ProduceResponseOutput>
}
