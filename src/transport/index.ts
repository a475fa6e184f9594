/** gRPC: the listener, the interceptors, and how use cases and errors get on the wire. */
export { listenOn } from "./listen.js";
export { GrpcServer, type GrpcServerOptions, type TlsMaterial } from "./grpc-server.js";
export { type MethodAccess, type Outcome, authorize, recordOutcome } from "./interceptors.js";
export { OpenCalls } from "./open-calls.js";
export { logMethodAccess, logRoutes, logRoutesDefinition } from "./routes.js";
export { isInternal } from "./status.js";
