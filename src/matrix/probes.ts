/**
 * What each action of a policy is to a server whose data nobody may touch: calls that the server judges like any other, and
 * that then come to nothing, because they name a topic id that no topic has, or contradict themselves. Tests hold the server to
 * this order: the policy first, and then what is wrong with the request.
 */
import { randomBytes } from "node:crypto";
import { type CallOptions, status } from "@grpc/grpc-js";
import { type Action, connectionsTopic, policyTopic } from "../authz/index.js";
import { defaultTopic, isSystemName, systemTenant } from "../names.js";
import type { ListOffsetsResponseOutput } from "../wire/generated/log/v1/ListOffsetsResponse.js";
import type { ListTopicsResponseOutput } from "../wire/generated/log/v1/ListTopicsResponse.js";
import type { ProduceRequest } from "../wire/generated/log/v1/ProduceRequest.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import { type Answer, callOptions, collected, once, refusedIn } from "./answer.js";
import type { Caller } from "./callers.js";

/** Who asks, and about which topic. */
export interface Errand {
  readonly caller: Caller;
  readonly tenant: string;
  readonly topic: string;
}

export interface Probe {
  /** As an administrator knows it: `Topics.Create`. */
  readonly method: string;
  /** How it ends for whoever may: `OK`, or the reason for which it comes to nothing, with the field that is to blame. */
  readonly ends: readonly string[];
  /** Left out where it says nothing about the action, or where something would come of it. */
  readonly applies?: (errand: Errand) => boolean;
  /** Answers undefined where that says nothing. */
  call(errand: Errand): Promise<Answer<unknown> | undefined>;
}

/** An answer that takes longer is none: many more calls wait behind it. */
export const soon = (): CallOptions => callOptions(10_000);

/** Of the topic that has the name, the id is another one; or there is none. */
const noSuchTopic = ["TOPIC_ID_MISMATCH", "TOPIC_NOT_FOUND"];
const contradicted = ["INVALID_FIELD request_id"];

/** No topic has it: of 2^128 ids, each is as likely. */
const noId = (): Buffer => randomBytes(16);
/** No topic is as long. */
const noOffset = 2n ** 64n - 1n;

/** What is never stored; a request needs some. */
const idleRecords = [{ value: Buffer.from("aclog matrix: never to be stored") }];

/** A consumer group that nobody has. */
export function idleGroup(): string {
  return `aclog-matrix-${randomBytes(8).toString("hex")}`;
}

/**
 * `default` is made when it is first looked for, whatever comes of the call. So it must not be looked for: the server may not
 * have it yet.
 */
const isLookedFor = ({ topic }: Errand): boolean => topic !== defaultTopic;

const isOrdinary = ({ topic }: Errand): boolean => topic !== defaultTopic && !isSystemName(topic);

const named = ({ tenant, topic }: Errand): { tenant: string; topic: string } => ({ tenant, topic });

/** Bound to a topic and to a place in it that there are not: whatever else a server may overlook, it is never stored. */
export const vain = ({ tenant, topic }: Omit<Errand, "caller">): ProduceRequest => ({
  tenant,
  topic,
  records: idleRecords,
  topicId: noId(),
  expectedOffset: noOffset,
});

const produce: readonly Probe[] = [
  {
    method: "Produce",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => produceOnce(errand, vain(errand)),
  },
  {
    method: "ProduceStream",
    ends: contradicted,
    call: async (errand) => {
      const call = errand.caller.log.produceStream(soon());
      const answer = collected(call);
      // Refused for want of records, with a request id; then one without: never both on one stream.
      call.write({ requestId: 1n });
      call.end(vain(errand));
      return { ...(await answer), messages: [] };
    },
  },
  {
    method: "ProduceStream with request ids",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: async (errand) => {
      const call = errand.caller.log.produceStream(soon());
      const answering = collected<ProduceResponseOutput>(call);
      call.end({ ...vain(errand), requestId: 1n });
      const answer = await answering;
      const error = answer.messages[0]?.error;
      return error ? refusedIn(error) : answer;
    },
  },
  {
    method: "Import",
    ends: contradicted,
    call: (errand) =>
      once((done) => {
        const call = errand.caller.log.import(soon(), done);
        // A refusal may end the call before everything is sent.
        call.on("error", () => undefined);
        // Of an Import, no request has an id.
        call.end({ ...vain(errand), requestId: 1n });
      }),
  },
];

const consume: readonly Probe[] = [
  {
    method: "Consume",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), topicId: noId(), start: "EARLIEST", maxRecords: 1 } as const;
      return once((done) => errand.caller.log.consume(request, soon(), done));
    },
  },
  {
    method: "ConsumeStream",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), topicId: noId(), start: "EARLIEST" } as const;
      return collected(errand.caller.log.consumeStream(request, soon()), 1);
    },
  },
  {
    method: "Offsets.Delete",
    // What is not there is forgotten without a word on disk.
    ends: ["OK"],
    call: (errand) => {
      const request = { ...named(errand), group: idleGroup() };
      return once((done) => errand.caller.offsets.delete(request, soon(), done));
    },
  },
  {
    method: "Offsets.Commit",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), group: idleGroup(), topicId: noId(), offset: noOffset };
      return once((done) => errand.caller.offsets.commit(request, soon(), done));
    },
  },
  {
    method: "Offsets.Fetch",
    ends: ["OK", "TOPIC_NOT_FOUND"],
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), group: idleGroup() };
      return once((done) => errand.caller.offsets.fetch(request, soon(), done));
    },
  },
  {
    method: "Offsets.List",
    ends: ["OK"],
    call: async (errand) => {
      const request = { ...named(errand), pageSize: 1 };
      const answer = await once<ListOffsetsResponseOutput>((done) => errand.caller.offsets.list(request, soon(), done));
      return listed(
        answer,
        answer.messages.some(({ offsets }) => offsets.length > 0),
      );
    },
  },
];

const describe: readonly Probe[] = [
  {
    method: "Topics.Describe",
    ends: ["OK", "TOPIC_NOT_FOUND"],
    applies: isLookedFor,
    call: (errand) => once((done) => errand.caller.topics.describe(named(errand), soon(), done)),
  },
  {
    method: "Topics.List",
    ends: ["OK"],
    // A list looks for `default` where that would be on it.
    applies: ({ topic }) => !defaultTopic.startsWith(topic),
    call: async (errand) => {
      const { tenant, topic } = errand;
      // Of all names that begin so, the name itself comes first.
      const request = { tenant, prefix: topic, pageSize: 1 };
      const answer = await once<ListTopicsResponseOutput>((done) => errand.caller.topics.list(request, soon(), done));
      return listed(
        answer,
        answer.messages.some(({ topics }) => topics.some((each) => each.topic === topic)),
      );
    },
  },
];

const create: readonly Probe[] = [
  {
    method: "Topics.Create",
    ends: ["TOPIC_EXISTS"],
    // Anything else would be made.
    applies: (errand) => !isOrdinary(errand),
    call: (errand) => once((done) => errand.caller.topics.create(named(errand), soon(), done)),
  },
  {
    method: "Produce to a missing topic",
    ends: ["UNEXPECTED_OFFSET"],
    applies: isOrdinary,
    call: async (errand) => {
      if (!(await isMissing(errand))) return undefined;
      const request = { ...named(errand), records: idleRecords, expectedOffset: noOffset };
      const answer = await produceOnce(errand, request);
      // Who may produce to the topic, but not create it, is told that it is missing.
      if (answer.reason === "TOPIC_NOT_FOUND") return denied(answer);
      // If somebody has made it meanwhile, nobody was asked whether this caller may.
      return (await isMissing(errand)) ? answer : undefined;
    },
  },
];

/** In this order: a server that would truncate a topic of another id is not asked to delete one. */
const remove: readonly Probe[] = [
  {
    method: "Topics.Truncate",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), topicId: noId(), beforeOffset: 0n };
      return once((done) => errand.caller.topics.truncate(request, soon(), done));
    },
  },
  {
    method: "Topics.Delete",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), topicId: noId() };
      return once((done) => errand.caller.topics.delete(request, soon(), done));
    },
  },
];

const isServers =
  (name: string) =>
  ({ tenant, topic }: Errand): boolean =>
    tenant === systemTenant && topic === name;

/** No such version was ever in force. */
const noVersion = "000000000000";

const administer: readonly Probe[] = [
  {
    method: "Topics.Update",
    ends: noSuchTopic,
    applies: isLookedFor,
    call: (errand) => {
      const request = { ...named(errand), topicId: noId() };
      return once((done) => errand.caller.topics.update(request, soon(), done));
    },
  },
  {
    method: "Policy.Status",
    ends: ["OK"],
    applies: isServers(policyTopic),
    call: ({ caller }) => once((done) => caller.policy.status({}, soon(), done)),
  },
  {
    method: "Policy.Rollback",
    ends: ["POLICY_MOVED"],
    applies: isServers(policyTopic),
    call: ({ caller }) => {
      const request = { version: noVersion, basedOn: noVersion };
      return once((done) => caller.policy.rollback(request, soon(), done));
    },
  },
  {
    method: "Connections.List",
    ends: ["OK"],
    applies: isServers(connectionsTopic),
    call: ({ caller }) => once((done) => caller.connections.list({ pageSize: 1 }, soon(), done)),
  },
];

/** In the order in which they are tried. */
export const probesOf: Readonly<Record<Action, readonly Probe[]>> = {
  produce,
  consume,
  describe,
  create,
  delete: remove,
  admin: administer,
};

function produceOnce({ caller }: Errand, request: ProduceRequest): Promise<Answer<unknown>> {
  return once((done) => caller.log.produce(request, soon(), done));
}

/** Also false where the caller is not told. */
async function isMissing(errand: Errand): Promise<boolean> {
  return (await produceOnce(errand, vain(errand))).reason === "TOPIC_NOT_FOUND";
}

/** A list refuses by leaving out, and where it shows nothing there may be nothing: only what it shows counts. */
function listed<Message>(answer: Answer<Message>, isShown: boolean): Answer<Message> | undefined {
  return answer.code === status.OK && !isShown ? undefined : answer;
}

function denied<Message>(answer: Answer<Message>): Answer<Message> {
  return { ...answer, code: status.PERMISSION_DENIED, reason: "PERMISSION_DENIED" };
}
