import type { ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { connectionsTopic } from "../authz/index.js";
import { type ListConnectionsRequest, readListConnectionsRequest } from "../wire/admin-requests.js";
import { connectionsServiceDefinition } from "../wire/definition.js";
import type { ListConnectionsResponse } from "../wire/generated/admin/v1/ListConnectionsResponse.js";
import type { Admitted } from "./admission.js";
import { type ConnectionSources, listConnections } from "./connection-list.js";
import { type ReportInternal, unary } from "./handlers.js";
import type { MethodAccess } from "./interceptors.js";
import { partOf } from "./server-access.js";

/** What `admin.v1.Connections` needs from its callers, by path. */
export const connectionsMethodAccess: Readonly<Record<string, MethodAccess>> = {
  "/admin.v1.Connections/List": { action: "admin", kind: "reads", ways: partOf(connectionsTopic) },
};

/** `admin.v1.Connections`, with our own walker in. */
export const connectionsRoutesDefinition: ServiceDefinition = {
  List: { ...connectionsServiceDefinition.List, requestDeserialize: readListConnectionsRequest },
};

/** The handlers of `admin.v1.Connections`. */
export function connectionsRoutes(sources: ConnectionSources, report: ReportInternal): UntypedServiceImplementation {
  return {
    List: unary(report, ({ request }: Admitted<ListConnectionsRequest>, { signal }): Promise<ListConnectionsResponse> =>
      listConnections(sources, request, signal),
    ),
  };
}
