/**
 * What every method can be told, by name. The compiler holds the names against the types: plain JavaScript has nobody
 * else to notice that `expectedOfset` guards nothing.
 */
import type { CallOptions } from "./calls.js";
import type {
  CloseOptions,
  ConsumeOptions,
  FollowOptions,
  ImportOptions,
  ProduceManyOptions,
  ProduceOptions,
} from "./client.js";
import type { ConnectOptions } from "./connect.js";
import type { ListConnectionsOptions } from "./connections.js";
import type { CertificateFiles } from "./credentials.js";
import type { CommitOffsetOptions, ListOffsetsOptions, OffsetOptions } from "./offsets.js";
import type {
  ChangePolicyOptions,
  DiffPolicyOptions,
  FilesOptions,
  HistoryOptions,
  TestPolicyOptions,
  WhatOptions,
  WhoOptions,
  WhyOptions,
} from "./policy.js";
import type { ReadOptions, StartingPoint, TopicOptions } from "./requests.js";
import type { TopicSettingsInput } from "./settings.js";
import type {
  ChangeTopicOptions,
  CreateTopicOptions,
  ListTopicsOptions,
  TenantOptions,
  TruncateTopicOptions,
  UpdateTopicOptions,
} from "./topics.js";

/** With the names of all that it may be. */
type UnionOf<Options> = { readonly [Name in Options extends unknown ? keyof Options : never]: unknown };
type NamesOf<Options> = Readonly<Record<keyof Options, true>>;

const ofCall: NamesOf<CallOptions> = { signal: true, timeoutMs: true };
const ofTopic: NamesOf<TopicOptions> = { topic: true, tenant: true, topicId: true };
const ofRead: NamesOf<ReadOptions> = { ...ofTopic, from: true, maxRecords: true, maxBytes: true };
const ofTenant: NamesOf<TenantOptions> = { ...ofCall, tenant: true };
const ofChange: NamesOf<ChangeTopicOptions> = { ...ofTenant, topicId: true };
const ofProduce: NamesOf<ProduceOptions> = { ...ofCall, ...ofTopic, expectedOffset: true };
const ofPosition: NamesOf<OffsetOptions> = { ...ofCall, group: true, topic: true, tenant: true };

export const optionNames = {
  connect: setOf<ConnectOptions>({
    address: true,
    keepaliveMs: true,
    ca: true,
    cert: true,
    key: true,
    files: true,
    credentials: true,
  }),
  files: setOf<CertificateFiles>({ ca: true, cert: true, key: true, onUnusable: true }),
  produce: setOf<ProduceOptions>(ofProduce),
  produceMany: setOf<ProduceManyOptions>({ ...ofProduce, onWaiting: true }),
  import: setOf<ImportOptions>({ ...ofProduce, onProgress: true }),
  consume: setOf<ConsumeOptions>({ ...ofCall, ...ofRead, maxWaitMs: true }),
  follow: setOf<FollowOptions>({ ...ofCall, ...ofRead, onWaiting: true, onBack: true }),
  from: setOf<Extract<StartingPoint, object>>({ time: true }),
  close: setOf<CloseOptions>({ graceMs: true }),
  createTopic: setOf<CreateTopicOptions>({ ...ofTenant, settings: true }),
  changeTopic: setOf<ChangeTopicOptions>(ofChange),
  describeTopic: setOf<TenantOptions>(ofTenant),
  listTopics: setOf<ListTopicsOptions>({ ...ofTenant, prefix: true, pageSize: true }),
  updateTopic: setOf<UpdateTopicOptions>({ ...ofChange, settings: true }),
  truncateTopic: setOf<TruncateTopicOptions>({ ...ofChange, before: true }),
  settings: setOf<TopicSettingsInput>({
    retentionMs: true,
    retentionBytes: true,
    retentionRecords: true,
    compact: true,
  }),
  commitOffset: setOf<CommitOffsetOptions>({ ...ofPosition, topicId: true, offset: true }),
  position: setOf<OffsetOptions>(ofPosition),
  call: setOf<CallOptions>(ofCall),
  policyHistory: setOf<HistoryOptions>({ ...ofCall, pageSize: true }),
  policyFiles: setOf<FilesOptions>({ ...ofCall, version: true }),
  changePolicy: setOf<ChangePolicyOptions>({ ...ofCall, basedOn: true, overwrite: true }),
  testPolicy: setOf<TestPolicyOptions>({ ...ofTenant, files: true, version: true }),
  diffPolicy: setOf<DiffPolicyOptions>({ ...ofTenant, files: true, oldVersion: true, newVersion: true }),
  why: setOf<UnionOf<WhyOptions>>({ ...ofTenant, decision: true, principal: true, action: true, topic: true }),
  who: setOf<WhoOptions>({ ...ofTenant, action: true, topic: true }),
  what: setOf<WhatOptions>({ ...ofTenant, principal: true }),
  listConnections: setOf<ListConnectionsOptions>({
    ...ofTenant,
    principal: true,
    endsWithinMs: true,
    order: true,
    pageSize: true,
  }),
  listOffsets: setOf<ListOffsetsOptions>({ ...ofPosition, pageSize: true }),
} as const;

function setOf<Options>(names: NamesOf<Options>): ReadonlySet<string> {
  return new Set(Object.keys(names));
}
