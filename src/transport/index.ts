/** gRPC: the listener, the interceptors, and how use cases and errors get on the wire. */
export { listenOn } from "./listen.js";
export type { ConnectionLimits } from "./connection-limits.js";
export { GrpcServer, type GrpcServerOptions, type StrayRequest } from "./grpc-server.js";
export { type MethodAccess, authorize } from "./interceptors.js";
export type { CallObserver, Outcome, RefusalObserver, StartedCall } from "./outcomes.js";
export { OpenCalls } from "./open-calls.js";
export { logMethodAccess, logRoutes, logRoutesDefinition } from "./routes.js";
export { breakGlassMethods } from "./policy-access.js";
export { methodAccess, servicesOf } from "./services.js";
export { isInternal } from "./status.js";
export { traceCall } from "./tracing.js";
export { type RefusalKind, refusalKinds } from "./handshake-failure.js";
export type { RefusedConnection, TlsMaterial } from "./tls-listener.js";
