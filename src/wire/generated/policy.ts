import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ActivateRequest as _policy_v1_ActivateRequest, ActivateRequestOutput as _policy_v1_ActivateRequestOutput } from './policy/v1/ActivateRequest.js';
import type { ActivateResponse as _policy_v1_ActivateResponse, ActivateResponseOutput as _policy_v1_ActivateResponseOutput } from './policy/v1/ActivateResponse.js';
import type { DiffRequest as _policy_v1_DiffRequest, DiffRequestOutput as _policy_v1_DiffRequestOutput } from './policy/v1/DiffRequest.js';
import type { Explanation as _policy_v1_Explanation, ExplanationOutput as _policy_v1_ExplanationOutput } from './policy/v1/Explanation.js';
import type { FilePart as _policy_v1_FilePart, FilePartOutput as _policy_v1_FilePartOutput } from './policy/v1/FilePart.js';
import type { FilesRequest as _policy_v1_FilesRequest, FilesRequestOutput as _policy_v1_FilesRequestOutput } from './policy/v1/FilesRequest.js';
import type { FilesResponse as _policy_v1_FilesResponse, FilesResponseOutput as _policy_v1_FilesResponseOutput } from './policy/v1/FilesResponse.js';
import type { Finding as _policy_v1_Finding, FindingOutput as _policy_v1_FindingOutput } from './policy/v1/Finding.js';
import type { HistoryRequest as _policy_v1_HistoryRequest, HistoryRequestOutput as _policy_v1_HistoryRequestOutput } from './policy/v1/HistoryRequest.js';
import type { HistoryResponse as _policy_v1_HistoryResponse, HistoryResponseOutput as _policy_v1_HistoryResponseOutput } from './policy/v1/HistoryResponse.js';
import type { Miss as _policy_v1_Miss, MissOutput as _policy_v1_MissOutput } from './policy/v1/Miss.js';
import type { PolicyClient as _policy_v1_PolicyClient, PolicyDefinition as _policy_v1_PolicyDefinition } from './policy/v1/Policy.js';
import type { Question as _policy_v1_Question, QuestionOutput as _policy_v1_QuestionOutput } from './policy/v1/Question.js';
import type { Refusal as _policy_v1_Refusal, RefusalOutput as _policy_v1_RefusalOutput } from './policy/v1/Refusal.js';
import type { Report as _policy_v1_Report, ReportOutput as _policy_v1_ReportOutput } from './policy/v1/Report.js';
import type { RoleLine as _policy_v1_RoleLine, RoleLineOutput as _policy_v1_RoleLineOutput } from './policy/v1/RoleLine.js';
import type { RollbackRequest as _policy_v1_RollbackRequest, RollbackRequestOutput as _policy_v1_RollbackRequestOutput } from './policy/v1/RollbackRequest.js';
import type { RollbackResponse as _policy_v1_RollbackResponse, RollbackResponseOutput as _policy_v1_RollbackResponseOutput } from './policy/v1/RollbackResponse.js';
import type { Rule as _policy_v1_Rule, RuleOutput as _policy_v1_RuleOutput } from './policy/v1/Rule.js';
import type { StatusRequest as _policy_v1_StatusRequest, StatusRequestOutput as _policy_v1_StatusRequestOutput } from './policy/v1/StatusRequest.js';
import type { StatusResponse as _policy_v1_StatusResponse, StatusResponseOutput as _policy_v1_StatusResponseOutput } from './policy/v1/StatusResponse.js';
import type { TestRequest as _policy_v1_TestRequest, TestRequestOutput as _policy_v1_TestRequestOutput } from './policy/v1/TestRequest.js';
import type { ValidateRequest as _policy_v1_ValidateRequest, ValidateRequestOutput as _policy_v1_ValidateRequestOutput } from './policy/v1/ValidateRequest.js';
import type { ValidateResponse as _policy_v1_ValidateResponse, ValidateResponseOutput as _policy_v1_ValidateResponseOutput } from './policy/v1/ValidateResponse.js';
import type { Version as _policy_v1_Version, VersionOutput as _policy_v1_VersionOutput } from './policy/v1/Version.js';
import type { WhatRequest as _policy_v1_WhatRequest, WhatRequestOutput as _policy_v1_WhatRequestOutput } from './policy/v1/WhatRequest.js';
import type { WhoRequest as _policy_v1_WhoRequest, WhoRequestOutput as _policy_v1_WhoRequestOutput } from './policy/v1/WhoRequest.js';
import type { WhyRequest as _policy_v1_WhyRequest, WhyRequestOutput as _policy_v1_WhyRequestOutput } from './policy/v1/WhyRequest.js';
import type { WhyResponse as _policy_v1_WhyResponse, WhyResponseOutput as _policy_v1_WhyResponseOutput } from './policy/v1/WhyResponse.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  policy: {
    v1: {
      ActivateRequest: MessageTypeDefinition<_policy_v1_ActivateRequest, _policy_v1_ActivateRequestOutput>
      ActivateResponse: MessageTypeDefinition<_policy_v1_ActivateResponse, _policy_v1_ActivateResponseOutput>
      DiffRequest: MessageTypeDefinition<_policy_v1_DiffRequest, _policy_v1_DiffRequestOutput>
      Explanation: MessageTypeDefinition<_policy_v1_Explanation, _policy_v1_ExplanationOutput>
      FilePart: MessageTypeDefinition<_policy_v1_FilePart, _policy_v1_FilePartOutput>
      FilesRequest: MessageTypeDefinition<_policy_v1_FilesRequest, _policy_v1_FilesRequestOutput>
      FilesResponse: MessageTypeDefinition<_policy_v1_FilesResponse, _policy_v1_FilesResponseOutput>
      Finding: MessageTypeDefinition<_policy_v1_Finding, _policy_v1_FindingOutput>
      HistoryRequest: MessageTypeDefinition<_policy_v1_HistoryRequest, _policy_v1_HistoryRequestOutput>
      HistoryResponse: MessageTypeDefinition<_policy_v1_HistoryResponse, _policy_v1_HistoryResponseOutput>
      Miss: MessageTypeDefinition<_policy_v1_Miss, _policy_v1_MissOutput>
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
      Policy: SubtypeConstructor<typeof grpc.Client, _policy_v1_PolicyClient> & { service: _policy_v1_PolicyDefinition }
      Question: MessageTypeDefinition<_policy_v1_Question, _policy_v1_QuestionOutput>
      Refusal: MessageTypeDefinition<_policy_v1_Refusal, _policy_v1_RefusalOutput>
      Report: MessageTypeDefinition<_policy_v1_Report, _policy_v1_ReportOutput>
      RoleLine: MessageTypeDefinition<_policy_v1_RoleLine, _policy_v1_RoleLineOutput>
      RollbackRequest: MessageTypeDefinition<_policy_v1_RollbackRequest, _policy_v1_RollbackRequestOutput>
      RollbackResponse: MessageTypeDefinition<_policy_v1_RollbackResponse, _policy_v1_RollbackResponseOutput>
      Rule: MessageTypeDefinition<_policy_v1_Rule, _policy_v1_RuleOutput>
      StatusRequest: MessageTypeDefinition<_policy_v1_StatusRequest, _policy_v1_StatusRequestOutput>
      StatusResponse: MessageTypeDefinition<_policy_v1_StatusResponse, _policy_v1_StatusResponseOutput>
      TestRequest: MessageTypeDefinition<_policy_v1_TestRequest, _policy_v1_TestRequestOutput>
      ValidateRequest: MessageTypeDefinition<_policy_v1_ValidateRequest, _policy_v1_ValidateRequestOutput>
      ValidateResponse: MessageTypeDefinition<_policy_v1_ValidateResponse, _policy_v1_ValidateResponseOutput>
      Version: MessageTypeDefinition<_policy_v1_Version, _policy_v1_VersionOutput>
      WhatRequest: MessageTypeDefinition<_policy_v1_WhatRequest, _policy_v1_WhatRequestOutput>
      WhoRequest: MessageTypeDefinition<_policy_v1_WhoRequest, _policy_v1_WhoRequestOutput>
      WhyRequest: MessageTypeDefinition<_policy_v1_WhyRequest, _policy_v1_WhyRequestOutput>
      WhyResponse: MessageTypeDefinition<_policy_v1_WhyResponse, _policy_v1_WhyResponseOutput>
    }
  }
}

