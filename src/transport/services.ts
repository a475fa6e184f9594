import type { Refusals } from "../authz/index.js";
import type { LogService, OffsetService, TopicService } from "../service/index.js";
import type { ConnectionSources } from "./connection-list.js";
import { connectionsMethodAccess, connectionsRoutes, connectionsRoutesDefinition } from "./connections-routes.js";
import type { GrpcServerOptions } from "./grpc-server.js";
import type { ReportInternal } from "./handlers.js";
import type { MethodAccess } from "./interceptors.js";
import { offsetsMethodAccess, offsetsRoutes, offsetsRoutesDefinition } from "./offsets-routes.js";
import type { OpenCalls } from "./open-calls.js";
import { policyMethodAccess } from "./policy-access.js";
import type { PolicySources } from "./policy-questions.js";
import { policyRoutes, policyRoutesDefinition } from "./policy-routes.js";
import { logMethodAccess, logRoutes, logRoutesDefinition } from "./routes.js";
import { topicsMethodAccess, topicsRoutes, topicsRoutesDefinition } from "./topics-routes.js";

/** What every method needs from its callers, by path. @param refusals about which callers may ask */
export function methodAccess(refusals: Refusals): Readonly<Record<string, MethodAccess>> {
  return {
    ...logMethodAccess,
    ...topicsMethodAccess,
    ...offsetsMethodAccess,
    ...policyMethodAccess(refusals),
    ...connectionsMethodAccess,
  };
}

/** The services of `log.v1`, `policy.v1` and `admin.v1`, each with its handlers. What takes requests as they come ends when `shutdown` aborts. */
export function servicesOf(
  useCases: {
    readonly log: LogService;
    readonly topics: TopicService;
    readonly offsets: OffsetService;
    readonly policy: PolicySources;
    readonly connections: ConnectionSources;
  },
  openCalls: OpenCalls,
  report: ReportInternal,
  shutdown: AbortSignal,
): GrpcServerOptions["services"] {
  return [
    {
      definition: logRoutesDefinition,
      handlers: logRoutes(useCases.log, openCalls, report, shutdown),
      access: logMethodAccess,
    },
    {
      definition: topicsRoutesDefinition,
      handlers: topicsRoutes(useCases.topics, openCalls, report),
      access: topicsMethodAccess,
    },
    {
      definition: offsetsRoutesDefinition,
      handlers: offsetsRoutes(useCases.offsets, openCalls, report),
      access: offsetsMethodAccess,
    },
    {
      definition: policyRoutesDefinition,
      handlers: policyRoutes(useCases.policy, report, shutdown),
      access: policyMethodAccess(useCases.policy.refusals),
    },
    {
      definition: connectionsRoutesDefinition,
      handlers: connectionsRoutes(useCases.connections, report),
      access: connectionsMethodAccess,
    },
  ];
}
