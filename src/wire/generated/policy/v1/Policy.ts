// Original file: proto/policy/v1/policy.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ActivateRequest as _policy_v1_ActivateRequest, ActivateRequestOutput as _policy_v1_ActivateRequestOutput } from '../../policy/v1/ActivateRequest.js';
import type { ActivateResponse as _policy_v1_ActivateResponse, ActivateResponseOutput as _policy_v1_ActivateResponseOutput } from '../../policy/v1/ActivateResponse.js';
import type { DiffRequest as _policy_v1_DiffRequest, DiffRequestOutput as _policy_v1_DiffRequestOutput } from '../../policy/v1/DiffRequest.js';
import type { FilesRequest as _policy_v1_FilesRequest, FilesRequestOutput as _policy_v1_FilesRequestOutput } from '../../policy/v1/FilesRequest.js';
import type { FilesResponse as _policy_v1_FilesResponse, FilesResponseOutput as _policy_v1_FilesResponseOutput } from '../../policy/v1/FilesResponse.js';
import type { HistoryRequest as _policy_v1_HistoryRequest, HistoryRequestOutput as _policy_v1_HistoryRequestOutput } from '../../policy/v1/HistoryRequest.js';
import type { HistoryResponse as _policy_v1_HistoryResponse, HistoryResponseOutput as _policy_v1_HistoryResponseOutput } from '../../policy/v1/HistoryResponse.js';
import type { Report as _policy_v1_Report, ReportOutput as _policy_v1_ReportOutput } from '../../policy/v1/Report.js';
import type { RollbackRequest as _policy_v1_RollbackRequest, RollbackRequestOutput as _policy_v1_RollbackRequestOutput } from '../../policy/v1/RollbackRequest.js';
import type { RollbackResponse as _policy_v1_RollbackResponse, RollbackResponseOutput as _policy_v1_RollbackResponseOutput } from '../../policy/v1/RollbackResponse.js';
import type { StatusRequest as _policy_v1_StatusRequest, StatusRequestOutput as _policy_v1_StatusRequestOutput } from '../../policy/v1/StatusRequest.js';
import type { StatusResponse as _policy_v1_StatusResponse, StatusResponseOutput as _policy_v1_StatusResponseOutput } from '../../policy/v1/StatusResponse.js';
import type { TestRequest as _policy_v1_TestRequest, TestRequestOutput as _policy_v1_TestRequestOutput } from '../../policy/v1/TestRequest.js';
import type { ValidateRequest as _policy_v1_ValidateRequest, ValidateRequestOutput as _policy_v1_ValidateRequestOutput } from '../../policy/v1/ValidateRequest.js';
import type { ValidateResponse as _policy_v1_ValidateResponse, ValidateResponseOutput as _policy_v1_ValidateResponseOutput } from '../../policy/v1/ValidateResponse.js';
import type { WhatRequest as _policy_v1_WhatRequest, WhatRequestOutput as _policy_v1_WhatRequestOutput } from '../../policy/v1/WhatRequest.js';
import type { WhoRequest as _policy_v1_WhoRequest, WhoRequestOutput as _policy_v1_WhoRequestOutput } from '../../policy/v1/WhoRequest.js';
import type { WhyRequest as _policy_v1_WhyRequest, WhyRequestOutput as _policy_v1_WhyRequestOutput } from '../../policy/v1/WhyRequest.js';
import type { WhyResponse as _policy_v1_WhyResponse, WhyResponseOutput as _policy_v1_WhyResponseOutput } from '../../policy/v1/WhyResponse.js';

/**
 * Every call needs the action `admin` on the topic name `policy` in `_system`. Who has it in a tenant instead may ask about
 * that tenant's part, where a request has a `tenant`: the answer then speaks of that tenant's topics alone.
 * 
 * The principal that the server's setting `break-glass` names may always call Status, Files, Validate, Diff, Activate,
 * Rollback and History, whatever the policy says.
 * 
 * A caller's tenant has one of the calls that take work (Files, Validate, Test, Diff, Activate, Rollback, Why, Who, What)
 * at a time: RESOURCE_EXHAUSTED for one more.
 */
export interface PolicyClient extends grpc.Client {
  /**
   * Brings a policy into force, and replaces the server's files. ABORTED if it was made from another version than the one in
   * force; INVALID_ARGUMENT with a mistake in it. When it answers, nothing that it forbids is written or delivered any more.
   */
  Activate(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  Activate(metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  Activate(options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  Activate(callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  /**
   * Brings a policy into force, and replaces the server's files. ABORTED if it was made from another version than the one in
   * force; INVALID_ARGUMENT with a mistake in it. When it answers, nothing that it forbids is written or delivered any more.
   */
  activate(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  activate(metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  activate(options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  activate(callback: grpc.requestCallback<_policy_v1_ActivateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ActivateRequest>;
  
  /**
   * Who gains and who loses which right by going from one policy to another.
   */
  Diff(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_DiffRequest, _policy_v1_ReportOutput>;
  Diff(options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_DiffRequest, _policy_v1_ReportOutput>;
  /**
   * Who gains and who loses which right by going from one policy to another.
   */
  diff(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_DiffRequest, _policy_v1_ReportOutput>;
  diff(options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_DiffRequest, _policy_v1_ReportOutput>;
  
  /**
   * The files of a version, to be edited.
   */
  Files(argument: _policy_v1_FilesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_FilesResponseOutput>;
  Files(argument: _policy_v1_FilesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_FilesResponseOutput>;
  /**
   * The files of a version, to be edited.
   */
  files(argument: _policy_v1_FilesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_FilesResponseOutput>;
  files(argument: _policy_v1_FilesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_FilesResponseOutput>;
  
  /**
   * The versions that were in force, the newest first.
   */
  History(argument: _policy_v1_HistoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  History(argument: _policy_v1_HistoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  History(argument: _policy_v1_HistoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  History(argument: _policy_v1_HistoryRequest, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The versions that were in force, the newest first.
   */
  history(argument: _policy_v1_HistoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  history(argument: _policy_v1_HistoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  history(argument: _policy_v1_HistoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  history(argument: _policy_v1_HistoryRequest, callback: grpc.requestCallback<_policy_v1_HistoryResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * The same with a version that was in force before. NOT_FOUND if it is not kept any more.
   */
  Rollback(argument: _policy_v1_RollbackRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  Rollback(argument: _policy_v1_RollbackRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  Rollback(argument: _policy_v1_RollbackRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  Rollback(argument: _policy_v1_RollbackRequest, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  /**
   * The same with a version that was in force before. NOT_FOUND if it is not kept any more.
   */
  rollback(argument: _policy_v1_RollbackRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  rollback(argument: _policy_v1_RollbackRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  rollback(argument: _policy_v1_RollbackRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  rollback(argument: _policy_v1_RollbackRequest, callback: grpc.requestCallback<_policy_v1_RollbackResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * Which version is in force, and what is wrong with the files if they are not what is in force.
   */
  Status(argument: _policy_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  Status(argument: _policy_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  Status(argument: _policy_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  Status(argument: _policy_v1_StatusRequest, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Which version is in force, and what is wrong with the files if they are not what is in force.
   */
  status(argument: _policy_v1_StatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  status(argument: _policy_v1_StatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  status(argument: _policy_v1_StatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  status(argument: _policy_v1_StatusRequest, callback: grpc.requestCallback<_policy_v1_StatusResponseOutput>): grpc.ClientUnaryCall;
  
  /**
   * What a policy's own matrix.csv states, and what comes out.
   */
  Test(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_TestRequest, _policy_v1_ReportOutput>;
  Test(options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_TestRequest, _policy_v1_ReportOutput>;
  /**
   * What a policy's own matrix.csv states, and what comes out.
   */
  test(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_TestRequest, _policy_v1_ReportOutput>;
  test(options?: grpc.CallOptions): grpc.ClientDuplexStream<_policy_v1_TestRequest, _policy_v1_ReportOutput>;
  
  /**
   * What is wrong with a policy. Changes nothing.
   */
  Validate(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  Validate(metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  Validate(options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  Validate(callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  /**
   * What is wrong with a policy. Changes nothing.
   */
  validate(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  validate(metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  validate(options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  validate(callback: grpc.requestCallback<_policy_v1_ValidateResponseOutput>): grpc.ClientWritableStream<_policy_v1_ValidateRequest>;
  
  /**
   * What a principal can do, or everybody.
   */
  What(argument: _policy_v1_WhatRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  What(argument: _policy_v1_WhatRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  /**
   * What a principal can do, or everybody.
   */
  what(argument: _policy_v1_WhatRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  what(argument: _policy_v1_WhatRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  
  /**
   * Who can do something to a topic.
   */
  Who(argument: _policy_v1_WhoRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  Who(argument: _policy_v1_WhoRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  /**
   * Who can do something to a topic.
   */
  who(argument: _policy_v1_WhoRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  who(argument: _policy_v1_WhoRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_policy_v1_ReportOutput>;
  
  /**
   * Why a request was refused, or what would become of one. About its own requests to topics that it may `describe` every
   * caller may ask.
   */
  Why(argument: _policy_v1_WhyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  Why(argument: _policy_v1_WhyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  Why(argument: _policy_v1_WhyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  Why(argument: _policy_v1_WhyRequest, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  /**
   * Why a request was refused, or what would become of one. About its own requests to topics that it may `describe` every
   * caller may ask.
   */
  why(argument: _policy_v1_WhyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  why(argument: _policy_v1_WhyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  why(argument: _policy_v1_WhyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  why(argument: _policy_v1_WhyRequest, callback: grpc.requestCallback<_policy_v1_WhyResponseOutput>): grpc.ClientUnaryCall;
  
}

/**
 * Every call needs the action `admin` on the topic name `policy` in `_system`. Who has it in a tenant instead may ask about
 * that tenant's part, where a request has a `tenant`: the answer then speaks of that tenant's topics alone.
 * 
 * The principal that the server's setting `break-glass` names may always call Status, Files, Validate, Diff, Activate,
 * Rollback and History, whatever the policy says.
 * 
 * A caller's tenant has one of the calls that take work (Files, Validate, Test, Diff, Activate, Rollback, Why, Who, What)
 * at a time: RESOURCE_EXHAUSTED for one more.
 */
export interface PolicyHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Brings a policy into force, and replaces the server's files. ABORTED if it was made from another version than the one in
   * force; INVALID_ARGUMENT with a mistake in it. When it answers, nothing that it forbids is written or delivered any more.
   */
  Activate: grpc.handleClientStreamingCall<_policy_v1_ActivateRequestOutput, _policy_v1_ActivateResponse>;
  
  /**
   * Who gains and who loses which right by going from one policy to another.
   */
  Diff: grpc.handleBidiStreamingCall<_policy_v1_DiffRequestOutput, _policy_v1_Report>;
  
  /**
   * The files of a version, to be edited.
   */
  Files: grpc.handleServerStreamingCall<_policy_v1_FilesRequestOutput, _policy_v1_FilesResponse>;
  
  /**
   * The versions that were in force, the newest first.
   */
  History: grpc.handleUnaryCall<_policy_v1_HistoryRequestOutput, _policy_v1_HistoryResponse>;
  
  /**
   * The same with a version that was in force before. NOT_FOUND if it is not kept any more.
   */
  Rollback: grpc.handleUnaryCall<_policy_v1_RollbackRequestOutput, _policy_v1_RollbackResponse>;
  
  /**
   * Which version is in force, and what is wrong with the files if they are not what is in force.
   */
  Status: grpc.handleUnaryCall<_policy_v1_StatusRequestOutput, _policy_v1_StatusResponse>;
  
  /**
   * What a policy's own matrix.csv states, and what comes out.
   */
  Test: grpc.handleBidiStreamingCall<_policy_v1_TestRequestOutput, _policy_v1_Report>;
  
  /**
   * What is wrong with a policy. Changes nothing.
   */
  Validate: grpc.handleClientStreamingCall<_policy_v1_ValidateRequestOutput, _policy_v1_ValidateResponse>;
  
  /**
   * What a principal can do, or everybody.
   */
  What: grpc.handleServerStreamingCall<_policy_v1_WhatRequestOutput, _policy_v1_Report>;
  
  /**
   * Who can do something to a topic.
   */
  Who: grpc.handleServerStreamingCall<_policy_v1_WhoRequestOutput, _policy_v1_Report>;
  
  /**
   * Why a request was refused, or what would become of one. About its own requests to topics that it may `describe` every
   * caller may ask.
   */
  Why: grpc.handleUnaryCall<_policy_v1_WhyRequestOutput, _policy_v1_WhyResponse>;
  
}

export interface PolicyDefinition extends grpc.ServiceDefinition {
  Activate: MethodDefinition<_policy_v1_ActivateRequest, _policy_v1_ActivateResponse, _policy_v1_ActivateRequestOutput, _policy_v1_ActivateResponseOutput>
  Diff: MethodDefinition<_policy_v1_DiffRequest, _policy_v1_Report, _policy_v1_DiffRequestOutput, _policy_v1_ReportOutput>
  Files: MethodDefinition<_policy_v1_FilesRequest, _policy_v1_FilesResponse, _policy_v1_FilesRequestOutput, _policy_v1_FilesResponseOutput>
  History: MethodDefinition<_policy_v1_HistoryRequest, _policy_v1_HistoryResponse, _policy_v1_HistoryRequestOutput, _policy_v1_HistoryResponseOutput>
  Rollback: MethodDefinition<_policy_v1_RollbackRequest, _policy_v1_RollbackResponse, _policy_v1_RollbackRequestOutput, _policy_v1_RollbackResponseOutput>
  Status: MethodDefinition<_policy_v1_StatusRequest, _policy_v1_StatusResponse, _policy_v1_StatusRequestOutput, _policy_v1_StatusResponseOutput>
  Test: MethodDefinition<_policy_v1_TestRequest, _policy_v1_Report, _policy_v1_TestRequestOutput, _policy_v1_ReportOutput>
  Validate: MethodDefinition<_policy_v1_ValidateRequest, _policy_v1_ValidateResponse, _policy_v1_ValidateRequestOutput, _policy_v1_ValidateResponseOutput>
  What: MethodDefinition<_policy_v1_WhatRequest, _policy_v1_Report, _policy_v1_WhatRequestOutput, _policy_v1_ReportOutput>
  Who: MethodDefinition<_policy_v1_WhoRequest, _policy_v1_Report, _policy_v1_WhoRequestOutput, _policy_v1_ReportOutput>
  Why: MethodDefinition<_policy_v1_WhyRequest, _policy_v1_WhyResponse, _policy_v1_WhyRequestOutput, _policy_v1_WhyResponseOutput>
}
