import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { OffsetService } from "../service/index.js";
import { offsetsServiceDefinition } from "../wire/definition.js";
import type { CommitOffsetResponse } from "../wire/generated/log/v1/CommitOffsetResponse.js";
import type { DeleteOffsetResponse } from "../wire/generated/log/v1/DeleteOffsetResponse.js";
import type { FetchOffsetResponse } from "../wire/generated/log/v1/FetchOffsetResponse.js";
import type { ListOffsetsResponse } from "../wire/generated/log/v1/ListOffsetsResponse.js";
import {
  type CommitOffsetRequest,
  type GroupRequest,
  type ListOffsetsRequest,
  offsetsPageToken,
  readCommitOffsetRequest,
  readGroupRequest,
  readListOffsetsRequest,
} from "../wire/offset-requests.js";
import type { Admitted, Listing } from "./admission.js";
import { type ReportInternal, change, unary } from "./handlers.js";
import type { MethodAccess } from "./interceptors.js";
import type { OpenCalls } from "./open-calls.js";

/** What `log.v1.Offsets` needs from its callers, by path: who may read a topic may say how far he has come. */
export const offsetsMethodAccess: Readonly<Record<string, MethodAccess>> = {
  "/log.v1.Offsets/Commit": { action: "consume", kind: "writes" },
  "/log.v1.Offsets/Fetch": { action: "consume", kind: "reads" },
  "/log.v1.Offsets/List": { action: "consume", kind: "lists" },
  "/log.v1.Offsets/Delete": { action: "consume", kind: "writes" },
};

/** `log.v1.Offsets`, with our own walkers in. */
export const offsetsRoutesDefinition: ServiceDefinition = {
  Commit: { ...offsetsServiceDefinition.Commit, requestDeserialize: readCommitOffsetRequest },
  Fetch: { ...offsetsServiceDefinition.Fetch, requestDeserialize: readGroupRequest },
  List: { ...offsetsServiceDefinition.List, requestDeserialize: readListOffsetsRequest },
  Delete: { ...offsetsServiceDefinition.Delete, requestDeserialize: readGroupRequest },
};

/** The handlers of `log.v1.Offsets`. */
export function offsetsRoutes(
  service: OffsetService,
  openCalls: OpenCalls,
  report: ReportInternal,
): UntypedServiceImplementation {
  return {
    Commit: change(
      report,
      openCalls,
      async ({ request, access, target }: Admitted<CommitOffsetRequest>): Promise<CommitOffsetResponse> => {
        const topicId = await service.commit(access.principal, request.group, target, request.offset);
        return { topicId: Buffer.from(topicId, "hex") };
      },
    ),
    Fetch: unary(report, async ({ request, access, target }: Admitted<GroupRequest>): Promise<FetchOffsetResponse> => {
      const { topicId, position } = await service.fetch(access.principal, request.group, target);
      const { offset, committedMs } = position ?? {};
      return {
        topicId: Buffer.from(topicId, "hex"),
        ...(offset !== undefined && { offset }),
        ...(committedMs !== undefined && { committedMs }),
      };
    }),
    List: unary(report, async (listing: Listing<ListOffsetsRequest>, { signal }): Promise<ListOffsetsResponse> => {
      if (!listing.showsSome) return {};
      const { principal, tenant, request } = listing;
      const { topic, group, after, page } = request;
      const shown = (name: string): boolean => listing.shows(name);
      const wanted = { tenant, topic, group, after, size: page.size, isShown: shown };
      const { offsets, isLast } = await service.list(principal, wanted, signal);
      // The policy may have changed since the first of them was looked at.
      const still = offsets.filter((entry) => shown(entry.topic));
      const last = still.at(-1);
      const goOn = last === undefined ? page.token : offsetsPageToken(last.topic, last.group);
      const listed = still.map((entry) => ({ ...entry, topicId: Buffer.from(entry.topicId, "hex") }));
      return { offsets: listed, nextPageToken: isLast ? "" : goOn };
    }),
    Delete: change(
      report,
      openCalls,
      async ({ request, access, target }: Admitted<GroupRequest>): Promise<DeleteOffsetResponse> => {
        await service.forget(access.principal, request.group, target);
        return {};
      },
    ),
  };
}
