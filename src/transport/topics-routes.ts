import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { TopicService, TopicState } from "../service/index.js";
import { topicsServiceDefinition } from "../wire/definition.js";
import type { DeleteTopicResponse } from "../wire/generated/log/v1/DeleteTopicResponse.js";
import type { ListTopicsResponse } from "../wire/generated/log/v1/ListTopicsResponse.js";
import type { Topic } from "../wire/generated/log/v1/Topic.js";
import {
  type CreateTopicRequest,
  type ListTopicsRequest,
  type TruncateTopicRequest,
  type UpdateTopicRequest,
  readCreateTopicRequest,
  readDeleteTopicRequest,
  readDescribeTopicRequest,
  readListTopicsRequest,
  readTruncateTopicRequest,
  readUpdateTopicRequest,
} from "../wire/topic-requests.js";
import type { Admitted, Listing } from "./admission.js";
import { type ReportInternal, change, unary } from "./handlers.js";
import type { MethodAccess } from "./interceptors.js";
import type { OpenCalls } from "./open-calls.js";

/** What `log.v1.Topics` needs from its callers, by path. */
export const topicsMethodAccess: Readonly<Record<string, MethodAccess>> = {
  "/log.v1.Topics/Create": { action: "create", kind: "writes" },
  "/log.v1.Topics/Delete": { action: "delete", kind: "writes" },
  "/log.v1.Topics/Describe": { action: "describe", kind: "reads" },
  "/log.v1.Topics/List": { action: "describe", kind: "lists" },
  "/log.v1.Topics/Update": { action: "admin", kind: "writes" },
  "/log.v1.Topics/Truncate": { action: "delete", kind: "writes" },
};

/** `log.v1.Topics`, with our own walkers in. */
export const topicsRoutesDefinition: ServiceDefinition = {
  Create: { ...topicsServiceDefinition.Create, requestDeserialize: readCreateTopicRequest },
  Delete: { ...topicsServiceDefinition.Delete, requestDeserialize: readDeleteTopicRequest },
  Describe: { ...topicsServiceDefinition.Describe, requestDeserialize: readDescribeTopicRequest },
  List: { ...topicsServiceDefinition.List, requestDeserialize: readListTopicsRequest },
  Update: { ...topicsServiceDefinition.Update, requestDeserialize: readUpdateTopicRequest },
  Truncate: { ...topicsServiceDefinition.Truncate, requestDeserialize: readTruncateTopicRequest },
};

/** The handlers of `log.v1.Topics`. */
export function topicsRoutes(
  service: TopicService,
  openCalls: OpenCalls,
  report: ReportInternal,
): UntypedServiceImplementation {
  return {
    Create: change(report, openCalls, async ({ request, target }: Admitted<CreateTopicRequest>) =>
      topicOf(await service.create(target, request.settings)),
    ),
    Delete: change(report, openCalls, async ({ target }: Admitted): Promise<DeleteTopicResponse> => {
      const topicId = await service.delete(target);
      return { topicId: Buffer.from(topicId, "hex") };
    }),
    Describe: unary(report, async (admitted: Admitted) => topicOf(await service.describe(admitted.target))),
    List: unary(report, async (listing: Listing<ListTopicsRequest>, { signal }): Promise<ListTopicsResponse> => {
      if (!listing.showsSome) return {};
      const { prefix, page } = listing.request;
      const shown = (topic: string): boolean => listing.shows(topic);
      const wanted = { prefix, after: page.token, size: page.size, isShown: shown };
      const caller = listing.principal.tenant;
      const { topics, isLast } = await service.list({ caller, tenant: listing.tenant, ...wanted }, signal);
      // The policy may have changed since the first of them was looked at.
      const still = topics.filter(({ topic }) => shown(topic));
      const nextPageToken = isLast ? "" : (still.at(-1)?.topic ?? page.token);
      return { topics: still.map(topicOf), nextPageToken };
    }),
    Update: change(report, openCalls, async ({ request, target }: Admitted<UpdateTopicRequest>) =>
      topicOf(await service.update(target, request.change)),
    ),
    Truncate: change(report, openCalls, async ({ request, target }: Admitted<TruncateTopicRequest>) =>
      topicOf(await service.truncate(target, request.beforeOffset)),
    ),
  };
}

function topicOf({ topicId, settings, ...state }: TopicState): Topic {
  const { retentionMs = 0, retentionBytes = 0, retentionRecords = 0, compact } = settings;
  return {
    ...state,
    topicId: Buffer.from(topicId, "hex"),
    settings: { retentionMs, retentionBytes, retentionRecords, compact },
  };
}
