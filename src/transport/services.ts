import type { LogService, OffsetService, TopicService } from "../service/index.js";
import type { GrpcServerOptions } from "./grpc-server.js";
import type { ReportInternal } from "./handlers.js";
import type { MethodAccess } from "./interceptors.js";
import { offsetsMethodAccess, offsetsRoutes, offsetsRoutesDefinition } from "./offsets-routes.js";
import type { OpenCalls } from "./open-calls.js";
import { logMethodAccess, logRoutes, logRoutesDefinition } from "./routes.js";
import { topicsMethodAccess, topicsRoutes, topicsRoutesDefinition } from "./topics-routes.js";

/** What every method of `log.v1` needs from its callers, by path. */
export const methodAccess: Readonly<Record<string, MethodAccess>> = {
  ...logMethodAccess,
  ...topicsMethodAccess,
  ...offsetsMethodAccess,
};

/** The services of `log.v1`, each with its handlers. What takes requests as they come ends when `shutdown` aborts. */
export function servicesOf(
  useCases: { readonly log: LogService; readonly topics: TopicService; readonly offsets: OffsetService },
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
  ];
}
