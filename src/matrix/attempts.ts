/** What each action of a policy is on the wire: every method that needs it, tried and compared with what is stored. */
import { status } from "@grpc/grpc-js";
import type { Action } from "../authz/index.js";
import { connectionsTopic, policyTopic } from "../authz/index.js";
import { defaultTopic, systemTenant } from "../names.js";
import type { ConsumeResponseOutput } from "../wire/generated/log/v1/ConsumeResponse.js";
import type { FetchOffsetResponseOutput } from "../wire/generated/log/v1/FetchOffsetResponse.js";
import type { ListOffsetsResponseOutput } from "../wire/generated/log/v1/ListOffsetsResponse.js";
import type { ListTopicsResponseOutput } from "../wire/generated/log/v1/ListTopicsResponse.js";
import type { ProduceResponseOutput } from "../wire/generated/log/v1/ProduceResponse.js";
import type { TopicOutput } from "../wire/generated/log/v1/Topic.js";
import { type Answer, callOptions, collected, once, refusedIn } from "./answer.js";
import type { Caller } from "./callers.js";
import type { TopicView } from "./topic-view.js";

/** One cell, set up to be tried. */
export interface Scene {
  readonly caller: Caller;
  readonly topic: TopicView;
  /** In whatever the caller sends to be stored, and nowhere else; also a valid name of a consumer group. */
  readonly mark: string;
  /** Whether the caller may produce to the topic: who creates by producing needs both. */
  readonly mayProduce: boolean;
  /** Why the server says that it denied the caller something about the topic, since this was asked the last time; undefined if it says nothing. */
  readonly saidDenied?: () => string | undefined;
}

export interface Attempt {
  /** As an administrator knows it: `Topics.Create`. */
  readonly method: string;
  /** What has to be so before. */
  readonly needs: "the topic" | "no topic";
  /** What it does to the topic when it is allowed, in the words of `changeBetween`; any one of them will do. */
  readonly effects: readonly string[];
  /** True when it refuses by leaving out, which is not worth a line in the log. */
  readonly lists?: true;
  /** True when it hands over what is stored. */
  readonly reads?: true;
  /** Left out where it says nothing about the action. */
  readonly applies?: (scene: Scene) => boolean;
  call(scene: Scene): Promise<Answer<unknown>>;
}

const produce: readonly Attempt[] = [
  {
    method: "Produce",
    needs: "the topic",
    effects: ["stored 1"],
    call: ({ caller, ...scene }) => once((done) => caller.log.produce(batch(scene), callOptions(), done)),
  },
  {
    method: "ProduceStream",
    needs: "the topic",
    effects: ["stored 1"],
    call: async ({ caller, ...scene }) => {
      const call = caller.log.produceStream(callOptions());
      const answer = collected(call);
      call.end(batch(scene));
      return answer;
    },
  },
  {
    method: "ProduceStream with request ids",
    needs: "the topic",
    effects: ["stored 1"],
    call: async ({ caller, ...scene }) => {
      const call = caller.log.produceStream(callOptions());
      const answering = collected<ProduceResponseOutput>(call);
      call.end({ ...batch(scene), requestId: 1n });
      const answer = await answering;
      const error = answer.messages[0]?.error;
      // The stream goes on, and the refusal is an answer like any other.
      return error ? refusedIn(error) : answer;
    },
  },
  {
    method: "Import",
    needs: "the topic",
    effects: ["stored 2"],
    call: ({ caller, ...scene }) =>
      once((done) => {
        const call = caller.log.import(callOptions(), done);
        // A refusal may end the call before everything is sent.
        call.on("error", () => undefined);
        call.write(batch(scene));
        call.end(batch(scene));
      }),
  },
];

const consume: readonly Attempt[] = [
  {
    method: "Consume",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: async ({ caller, topic }) => {
      const request = { ...named(topic), start: "EARLIEST", maxRecords: 1 } as const;
      const answer = await once<ConsumeResponseOutput>((done) => caller.log.consume(request, callOptions(), done));
      return { ...answer, messages: answer.messages.flatMap(({ records }) => records) };
    },
  },
  {
    method: "ConsumeStream",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: ({ caller, topic }) => {
      const request = { ...named(topic), start: "EARLIEST" } as const;
      return collected(caller.log.consumeStream(request, callOptions()), 1);
    },
  },
  // Forgotten before it is there, so that positions stay behind that a list could give away to the next caller.
  {
    method: "Offsets.Delete",
    needs: "the topic",
    effects: ["nothing"],
    call: ({ caller, topic, mark }) => {
      const request = { ...named(topic), group: mark };
      return once((done) => caller.offsets.delete(request, callOptions(), done));
    },
  },
  {
    method: "Offsets.Commit",
    needs: "the topic",
    effects: ["nothing"],
    call: ({ caller, topic, mark }) => {
      const request = { ...named(topic), group: mark, offset: topic.range.base };
      return once((done) => caller.offsets.commit(request, callOptions(), done));
    },
  },
  {
    method: "Offsets.Fetch",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: async ({ caller, topic, mark }) => {
      const request = { ...named(topic), group: mark };
      const answer = await once<FetchOffsetResponseOutput>((done) =>
        caller.offsets.fetch(request, callOptions(), done),
      );
      return { ...answer, messages: answer.messages.filter(({ offset }) => offset !== undefined) };
    },
  },
  {
    method: "Offsets.List",
    lists: true,
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: async ({ caller, topic }) => {
      const request = { ...named(topic), pageSize: 1000 };
      const answer = await once<ListOffsetsResponseOutput>((done) => caller.offsets.list(request, callOptions(), done));
      return listed({ ...answer, messages: answer.messages.flatMap(({ offsets }) => offsets) });
    },
  },
];

const describe: readonly Attempt[] = [
  {
    method: "Topics.Describe",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: async ({ caller, topic }) => {
      const answer = await once<TopicOutput>((done) => caller.topics.describe(named(topic), callOptions(), done));
      return {
        ...answer,
        messages: answer.messages.filter(({ topicId }) => topicId.toString("hex") === topic.topicId),
      };
    },
  },
  {
    method: "Topics.List",
    lists: true,
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    call: async ({ caller, topic }) => listed(await listTopics(caller, topic)),
  },
];

const create: readonly Attempt[] = [
  {
    method: "Topics.Create",
    needs: "no topic",
    effects: ["made the topic"],
    applies: ({ topic }) => topic.topic !== defaultTopic,
    call: ({ caller, topic }) => once((done) => caller.topics.create(named(topic), callOptions(), done)),
  },
  {
    method: "Produce to a missing topic",
    needs: "no topic",
    effects: ["made the topic, stored 1"],
    applies: ({ topic, mayProduce }) => topic.topic !== defaultTopic && mayProduce,
    call: async ({ caller, ...scene }) => {
      const answer = await once((done) => caller.log.produce(batch(scene), callOptions(), done));
      // Who may produce to the topic, but not create it, is told that it is missing.
      return answer.reason === "TOPIC_NOT_FOUND" ? denied(answer) : answer;
    },
  },
  {
    method: "Topics.Create of the topic that always exists",
    needs: "the topic",
    effects: ["nothing"],
    applies: ({ topic }) => topic.topic === defaultTopic,
    call: async ({ caller, topic }) => {
      const answer = await once((done) => caller.topics.create(named(topic), callOptions(), done));
      return answer.reason === "TOPIC_EXISTS" ? { ...answer, code: status.OK } : answer;
    },
  },
];

const remove: readonly Attempt[] = [
  {
    method: "Topics.Truncate",
    needs: "the topic",
    effects: ["removed records"],
    call: ({ caller, topic }) => {
      const request = { ...named(topic), beforeOffset: topic.range.base + 1n };
      return once((done) => caller.topics.truncate(request, callOptions(), done));
    },
  },
  {
    method: "Topics.Delete",
    needs: "the topic",
    // `default` is there again at once.
    effects: ["removed the topic", "replaced the topic"],
    call: ({ caller, topic }) => once((done) => caller.topics.delete(named(topic), callOptions(), done)),
  },
];

/** The whole policy; a tenant's part is open to who may administer the whole, whatever is stated of the tenant. */
const isPolicy = ({ topic }: Scene): boolean => topic.tenant === systemTenant && topic.topic === policyTopic;

/** Everybody's connections, for the same reason. */
const isConnections = ({ topic }: Scene): boolean => topic.tenant === systemTenant && topic.topic === connectionsTopic;

const administer: readonly Attempt[] = [
  {
    method: "Topics.Update",
    needs: "the topic",
    effects: ["changed the settings"],
    applies: (scene) => !isPolicy(scene) && !isConnections(scene),
    call: ({ caller, topic }) => {
      const request = { ...named(topic), retentionRecords: nextRetention() };
      return once((done) => caller.topics.update(request, callOptions(), done));
    },
  },
];

/** No such version was ever in force. */
const noVersion = "000000000000";

const administerPolicy: readonly Attempt[] = [
  {
    method: "Policy.Status",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    applies: isPolicy,
    call: ({ caller }) => once((done) => caller.policy.status({}, callOptions(), done)),
  },
  {
    method: "Policy.Rollback",
    needs: "the topic",
    effects: ["nothing"],
    applies: isPolicy,
    call: async ({ caller }) => {
      const request = { version: noVersion, basedOn: noVersion };
      const answer = await once((done) => caller.policy.rollback(request, callOptions(), done));
      return answer.reason === "POLICY_MOVED" ? { ...answer, code: status.OK } : answer;
    },
  },
];

const administerConnections: readonly Attempt[] = [
  {
    method: "Connections.List",
    needs: "the topic",
    effects: ["nothing"],
    reads: true,
    applies: isConnections,
    call: ({ caller }) => once((done) => caller.connections.list({}, callOptions(), done)),
  },
];

/** In the order in which they are tried. */
export const attemptsOf: Readonly<Record<Action, readonly Attempt[]>> = {
  produce,
  consume,
  describe,
  create,
  delete: remove,
  admin: [...administer, ...administerPolicy, ...administerConnections],
};

let retentions = 1_000_000_000;

/** Another number each time, so that a change shows, and one that lets no record go. */
function nextRetention(): number {
  return retentions++;
}

function named({ tenant, topic }: TopicView): { tenant: string; topic: string } {
  return { tenant, topic };
}

function batch({ topic, mark }: Pick<Scene, "topic" | "mark">): {
  tenant: string;
  topic: string;
  records: { value: Buffer }[];
} {
  return { ...named(topic), records: [{ value: Buffer.from(mark) }] };
}

/** A list is refused by leaving out what the caller may not see. */
function listed<Message>(answer: Answer<Message>): Answer<Message> {
  return answer.code === status.OK && answer.messages.length === 0 ? denied(answer) : answer;
}

function denied<Message>(answer: Answer<Message>): Answer<Message> {
  return { ...answer, code: status.PERMISSION_DENIED, reason: "PERMISSION_DENIED" };
}

/** The entry of this topic in the list of its tenant's topics, page after page. */
async function listTopics(caller: Caller, { tenant, topic }: TopicView): Promise<Answer<TopicOutput>> {
  let pageToken = "";
  for (;;) {
    const request = { tenant, prefix: topic, pageSize: 1000, pageToken };
    const answer = await once<ListTopicsResponseOutput>((done) => caller.topics.list(request, callOptions(), done));
    const found = answer.messages.flatMap(({ topics }) => topics).filter((listing) => listing.topic === topic);
    pageToken = answer.messages[0]?.nextPageToken ?? "";
    if (answer.code !== status.OK || found.length > 0 || pageToken === "") return { ...answer, messages: found };
  }
}
