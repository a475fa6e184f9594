/** The axis of actions: every method of every service, each with what it asks for, how it is called and what proves that it was done. */
import { crc32 } from "node:zlib";
import { service as healthService } from "grpc-health-check";
import {
  connectionsServiceDefinition,
  logServiceDefinition,
  offsetsServiceDefinition,
  policyServiceDefinition,
  topicsServiceDefinition,
} from "../../wire/definition.js";
import type { ProduceRequest } from "../../wire/generated/log/v1/ProduceRequest.js";
import type { Right } from "./resources.js";

/** What the matrix knows of a cell when it makes its requests. */
export interface Errand {
  readonly principal: string;
  readonly tenant: string;
  readonly topic: string;
  /** Offset of a record that is there to be read, if the topic is there. */
  readonly offset: bigint;
  /** A topic of the caller's own that it may produce to. */
  readonly home: string;
  /** In whatever is sent first and could be stored; also the name of a consumer group that has a position in the topic. */
  readonly mark: string;
  /** The same of what is sent later. */
  readonly laterMark: string;
}

/** What a call needs: a right on the topic, or something else, in words that the oracle knows. */
export type Need =
  | { readonly right: Right }
  /** Shows what the caller has the right to, and leaves out the rest. */
  | { readonly shows: Right }
  | "nothing"
  /** To administer the whole policy. */
  | "the policy"
  /** To administer the whole of the server, or the part of the tenant that is asked about. */
  | "the tenant's part"
  /** That, or to describe the topic: it is about the caller's own request. */
  | "a question about oneself";

/** What proves that it was done. */
export type Proof =
  | "stores the first mark"
  | "hands over the record"
  | "hands over the topic's id"
  | "hands over the group's name"
  | "makes the topic"
  | "removes the topic"
  | "removes records"
  | "changes the settings"
  | "answers";

export interface Action {
  readonly name: string;
  /** `/log.v1.Log/Produce` */
  readonly path: string;
  readonly kind: "unary" | "client stream" | "server stream" | "bidirectional stream";
  readonly need: Need;
  readonly proof: Proof;
  /** Until somebody ends it. What is not `held` is over as soon as it is answered. */
  readonly isHeld?: true;
  /** Its first message is about the caller's home, and a later one names the topic of the cell. */
  readonly isLater?: true;
  /** Writes to the topic, or to what is said of it. */
  readonly writes?: true;
  /** What its words for a topic may be, where it does not have to be a name, or where it needs no right on it. */
  readonly asksAbout?: "a topic" | "a topic or a pattern" | "a prefix";
  /** A topic that is missing is as good as any other. */
  readonly needsNoTopic?: true;
  /** Stores something about a consumer group. */
  readonly changesGroup?: true;
  /** Of several messages, all must be about one topic. */
  readonly hasOneTopic?: true;
  /** How it is answered where it is allowed and still cannot be done, as it is tried here. */
  readonly answer?: { readonly layer: "store"; readonly status: string; readonly reason: string };
  first(errand: Errand): Buffer;
  /** Another message of a stream that goes on. */
  more?(errand: Errand): Buffer;
}

const log = logServiceDefinition;
const topics = topicsServiceDefinition;
const offsets = offsetsServiceDefinition;
const policy = policyServiceDefinition;
const connections = connectionsServiceDefinition;

const batch = (tenant: string, topic: string, mark: string): ProduceRequest => ({
  tenant,
  topic,
  records: [{ value: Buffer.from(mark) }],
});
const marked = ({ tenant, topic, mark }: Errand): ProduceRequest => batch(tenant, topic, mark);
const markedLater = ({ tenant, topic, laterMark }: Errand): ProduceRequest => batch(tenant, topic, laterMark);
const atHome = ({ home, laterMark }: Errand): ProduceRequest => batch("", home, laterMark);
const named = ({ tenant, topic }: Errand): { tenant: string; topic: string } => ({ tenant, topic });

function sends<Request>(
  { requestSerialize }: { requestSerialize: (request: Request) => Buffer },
  request: (errand: Errand) => Request,
): (errand: Errand) => Buffer {
  return (errand) => requestSerialize(request(errand));
}

/** No such version was ever in force. */
const noVersion = "000000000000";
const moved = { layer: "store", status: "ABORTED", reason: "POLICY_MOVED" } as const;

/** `grpc.reflection.v1`: a question for the list of services, which is field 7 and takes no words. */
const listServices = Buffer.from([0x3a, 0x00]);
/** `grpc.health.v1`: of the whole server. */
const wholeServer = Buffer.alloc(0);

const produce = { need: { right: "produce" }, proof: "stores the first mark", writes: true } as const;
const consume = { need: { right: "consume" } } as const;

const logActions: readonly Action[] = [
  { name: "Log/Produce", path: log.Produce.path, kind: "unary", ...produce, first: sends(log.Produce, marked) },
  {
    name: "Log/ProduceStream, first message",
    path: log.ProduceStream.path,
    kind: "bidirectional stream",
    ...produce,
    isHeld: true,
    first: sends(log.ProduceStream, marked),
    more: sends(log.ProduceStream, markedLater),
  },
  {
    name: "Log/ProduceStream, later message",
    path: log.ProduceStream.path,
    kind: "bidirectional stream",
    ...produce,
    isLater: true,
    isHeld: true,
    first: sends(log.ProduceStream, atHome),
    more: sends(log.ProduceStream, marked),
  },
  {
    name: "Log/Import, first message",
    path: log.Import.path,
    kind: "client stream",
    ...produce,
    isHeld: true,
    first: sends(log.Import, marked),
    more: sends(log.Import, markedLater),
  },
  {
    name: "Log/Import, later message",
    path: log.Import.path,
    kind: "client stream",
    ...produce,
    isLater: true,
    isHeld: true,
    hasOneTopic: true,
    first: sends(log.Import, atHome),
    more: sends(log.Import, marked),
  },
  {
    name: "Log/Consume",
    path: log.Consume.path,
    kind: "unary",
    ...consume,
    proof: "hands over the record",
    first: sends(log.Consume, (errand) => ({ ...named(errand), offset: errand.offset })),
  },
  {
    name: "Log/ConsumeStream",
    path: log.ConsumeStream.path,
    kind: "server stream",
    ...consume,
    proof: "hands over the record",
    isHeld: true,
    first: sends(log.ConsumeStream, (errand) => ({ ...named(errand), offset: errand.offset })),
  },
];

const topicsActions: readonly Action[] = [
  {
    name: "Topics/Create",
    path: topics.Create.path,
    kind: "unary",
    need: { right: "create" },
    proof: "makes the topic",
    writes: true,
    first: sends(topics.Create, named),
  },
  {
    name: "Topics/Delete",
    path: topics.Delete.path,
    kind: "unary",
    need: { right: "delete" },
    proof: "removes the topic",
    writes: true,
    first: sends(topics.Delete, named),
  },
  {
    name: "Topics/Describe",
    path: topics.Describe.path,
    kind: "unary",
    need: { right: "describe" },
    proof: "hands over the topic's id",
    first: sends(topics.Describe, named),
  },
  {
    name: "Topics/List",
    path: topics.List.path,
    kind: "unary",
    need: { shows: "describe" },
    proof: "hands over the topic's id",
    asksAbout: "a prefix",
    first: sends(topics.List, ({ tenant, topic }) => ({ tenant, prefix: topic, pageSize: 1000 })),
  },
  {
    name: "Topics/Update",
    path: topics.Update.path,
    kind: "unary",
    need: { right: "admin" },
    proof: "changes the settings",
    writes: true,
    // Another number each time: a topic may have been changed before.
    first: sends(topics.Update, (errand) => ({
      ...named(errand),
      retentionRecords: 1_000_000_000 + crc32(errand.mark),
    })),
  },
  {
    name: "Topics/Truncate",
    path: topics.Truncate.path,
    kind: "unary",
    need: { right: "delete" },
    proof: "removes records",
    writes: true,
    first: sends(topics.Truncate, (errand) => ({ ...named(errand), beforeOffset: errand.offset + 1n })),
  },
];

const offsetsActions: readonly Action[] = [
  {
    name: "Offsets/Commit",
    path: offsets.Commit.path,
    kind: "unary",
    ...consume,
    proof: "hands over the topic's id",
    changesGroup: true,
    first: sends(offsets.Commit, (errand) => ({ ...named(errand), group: errand.mark, offset: 0n })),
  },
  {
    name: "Offsets/Fetch",
    path: offsets.Fetch.path,
    kind: "unary",
    ...consume,
    proof: "hands over the topic's id",
    first: sends(offsets.Fetch, (errand) => ({ ...named(errand), group: errand.mark })),
  },
  {
    name: "Offsets/List",
    path: offsets.List.path,
    kind: "unary",
    need: { shows: "consume" },
    proof: "hands over the group's name",
    first: sends(offsets.List, (errand) => ({ ...named(errand), pageSize: 1000 })),
  },
  {
    name: "Offsets/Delete",
    path: offsets.Delete.path,
    kind: "unary",
    ...consume,
    proof: "answers",
    needsNoTopic: true,
    changesGroup: true,
    first: sends(offsets.Delete, (errand) => ({ ...named(errand), group: errand.mark })),
  },
];

const whole = { need: "the policy", proof: "answers" } as const;
const part = { need: "the tenant's part", proof: "answers" } as const;
const inTenant = ({ tenant }: Errand): { tenant: string } => ({ tenant });

const policyActions: readonly Action[] = [
  { name: "Policy/Status", path: policy.Status.path, kind: "unary", ...whole, first: sends(policy.Status, () => ({})) },
  {
    name: "Policy/Files",
    path: policy.Files.path,
    kind: "server stream",
    ...whole,
    first: sends(policy.Files, () => ({})),
  },
  {
    name: "Policy/History",
    path: policy.History.path,
    kind: "unary",
    ...whole,
    first: sends(policy.History, () => ({})),
  },
  {
    name: "Policy/Validate",
    path: policy.Validate.path,
    kind: "client stream",
    ...whole,
    isHeld: true,
    first: sends(policy.Validate, () => ({ part: { name: "matrix.csv", content: Buffer.from("# nothing\n") } })),
  },
  {
    name: "Policy/Activate",
    path: policy.Activate.path,
    kind: "client stream",
    ...whole,
    isHeld: true,
    answer: moved,
    first: sends(policy.Activate, () => ({
      part: { name: "matrix.csv", content: Buffer.from("# nothing\n") },
      basedOn: noVersion,
    })),
  },
  {
    name: "Policy/Rollback",
    path: policy.Rollback.path,
    kind: "unary",
    ...whole,
    answer: moved,
    first: sends(policy.Rollback, () => ({ version: noVersion, basedOn: noVersion })),
  },
  {
    name: "Policy/Test",
    path: policy.Test.path,
    kind: "bidirectional stream",
    ...part,
    isHeld: true,
    first: sends(policy.Test, inTenant),
  },
  {
    name: "Policy/Diff",
    path: policy.Diff.path,
    kind: "bidirectional stream",
    ...part,
    isHeld: true,
    first: sends(policy.Diff, inTenant),
  },
  {
    name: "Policy/Why",
    path: policy.Why.path,
    kind: "unary",
    need: "a question about oneself",
    proof: "answers",
    asksAbout: "a topic",
    first: sends(policy.Why, (errand) => ({ ...named(errand), principal: errand.principal, action: "consume" })),
  },
  {
    name: "Policy/Who",
    path: policy.Who.path,
    kind: "server stream",
    ...part,
    asksAbout: "a topic or a pattern",
    first: sends(policy.Who, (errand) => ({ ...named(errand), action: "consume" })),
  },
  {
    name: "Policy/What",
    path: policy.What.path,
    kind: "server stream",
    ...part,
    first: sends(policy.What, ({ tenant, principal }) => ({ tenant, principal })),
  },
];

const connectionsActions: readonly Action[] = [
  {
    name: "Connections/List",
    path: connections.List.path,
    kind: "unary",
    ...part,
    first: sends(connections.List, inTenant),
  },
];

const open = { need: "nothing", proof: "answers" } as const;

const openActions: readonly Action[] = [
  { name: "Health/Check", path: healthService["Check"]!.path, kind: "unary", ...open, first: () => wholeServer },
  { name: "Health/List", path: healthService["List"]!.path, kind: "unary", ...open, first: () => wholeServer },
  {
    name: "Health/Watch",
    path: healthService["Watch"]!.path,
    kind: "server stream",
    ...open,
    isHeld: true,
    first: () => wholeServer,
  },
  ...["v1", "v1alpha"].map((version): Action => ({
    name: `ServerReflection (${version})`,
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    kind: "bidirectional stream",
    ...open,
    isHeld: true,
    first: () => listServices,
    more: () => listServices,
  })),
];

export const actions: readonly Action[] = [
  ...logActions,
  ...topicsActions,
  ...offsetsActions,
  ...policyActions,
  ...connectionsActions,
  ...openActions,
];
