/** The typed client: what `import { Client } from "aclog"` gives. */
export { CallError, ClientClosed, QueueFull, type FieldViolation, type QuotaViolation } from "./call-error.js";
export type { CallOptions } from "./calls.js";
export {
  Client,
  type CloseOptions,
  type ConsumeOptions,
  type FollowOptions,
  type ImportOptions,
  type ImportResult,
  type ProduceManyOptions,
  type ProduceOptions,
  type ProduceResult,
} from "./client.js";
export type { ConnectOptions } from "./connect.js";
export type { ConnectionInfo, Connections, ListConnectionsOptions } from "./connections.js";
export type { ConsumeResult } from "./consume-response.js";
export { CredentialsError, type CertificateFiles, type Pem } from "./credentials.js";
export type {
  CommitOffsetOptions,
  CommittedOffset,
  FetchedOffset,
  ListOffsetsOptions,
  OffsetOptions,
  Offsets,
} from "./offsets.js";
export type {
  ChangePolicyOptions,
  DiffPolicyOptions,
  FilesOptions,
  HistoryOptions,
  Policy,
  TestPolicyOptions,
  WhatOptions,
  WhoOptions,
  WhyOptions,
} from "./policy.js";
export type {
  ExplanationInfo,
  PolicyFilesInput,
  PolicyFinding,
  PolicyStatusInfo,
  PolicyValidation,
  PolicyVersionInfo,
  RefusalInfo,
  WhyAnswer,
} from "./policy-messages.js";
export type { ConsumedRecord, HeaderInput, RecordInput } from "./records.js";
export type { ReadOptions, StartingPoint, TopicOptions } from "./requests.js";
export type { Batches, ImportProgress } from "./sending.js";
export type { TopicInfo, TopicSettings, TopicSettingsInput } from "./settings.js";
export type {
  ChangeTopicOptions,
  CreateTopicOptions,
  ListTopicsOptions,
  TenantOptions,
  Topics,
  TruncateTopicOptions,
  UpdateTopicOptions,
} from "./topics.js";
