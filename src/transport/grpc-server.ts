import type { OutgoingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import {
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
  logVerbosity,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { formatAddress } from "../address.js";
import { BufferPool } from "../buffer-pool.js";
import { ShuttingDown, Unauthenticated } from "../errors.js";
import type { Connection } from "../identity/index.js";
import { limits as requestLimits } from "../wire/records.js";
import type { ConnectionLimits } from "./connection-limits.js";
import { http2ServerOf } from "./http2-server.js";
import type { MethodAccess } from "./interceptors.js";
import { listenOn } from "./listen.js";
import { type CallObserver, type RefusalObserver, observeCalls } from "./outcomes.js";
import { resetLater } from "./reset-undelivered.js";
import { Sessions } from "./sessions.js";
import {
  type TlsListener,
  type TlsListenerOptions,
  type TlsMaterial,
  createTlsListener,
  peerOf,
} from "./tls-listener.js";

/** A status that its caller has not taken by then is given up, together with its stream. */
const undeliveredMs = 2_000;

/** How long a drain waits, behind its deadline, for what it has cut off to be told so. */
const partingMs = 200;

/** What of a path that nobody serves is reported, in characters. */
const maxStrayPath = 200;

/** With one of these an operator asks for it. Source: grpc-js, environment variables. */
const verbosityVariables = ["GRPC_NODE_VERBOSITY", "GRPC_VERBOSITY"];

/** A request that is no call of any method here: grpc-js answers it before an interceptor could see it. */
export interface StrayRequest {
  readonly peer: string;
  /** As its sender wrote it, cut to a bounded length: escape it when printing. */
  readonly path: string;
  /** The gRPC status code; undefined if it was not even gRPC. */
  readonly code: number | undefined;
}

export interface GrpcServerOptions extends Omit<TlsListenerOptions, "maxConnections"> {
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: ConnectionLimits;
  /** Told of every call, before an interceptor sees it. */
  readonly observers?: readonly CallObserver[];
  readonly onRefusedRequest?: RefusalObserver;
  /** The first one is nearest the wire. */
  readonly interceptors: readonly ServerInterceptor[];
  readonly services: readonly {
    readonly definition: ServiceDefinition;
    readonly handlers: UntypedServiceImplementation;
    /** What its methods need of their callers, by path. */
    readonly access: Readonly<Record<string, MethodAccess>>;
  }[];
  /** Services of libraries, which add themselves. */
  readonly extensions: readonly { addToServer(server: Server): void }[];
  /** A connection that is cut off because it floods the server with what is not calls. */
  readonly onFlood?: (event: { peer: string }) => void;
  readonly onStray?: (event: StrayRequest) => void;
  /** A connection that is ended because its peer is nobody any more. */
  readonly onEnded?: (connection: Connection) => void;
}

/** What is told to the calls that did not end in time: what was under way, such as a batch on its way to the disk, goes on. */
class CutOff extends Unauthenticated {
  constructor({ message }: Error) {
    super(`${message}; it is not known whether what was under way was done`);
  }
}

/**
 * gRPC behind a TLS server of our own: whoever has no certificate that makes him a principal is gone before the first
 * byte of HTTP/2.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #listener: TlsListener;
  readonly #grpc: Server;
  readonly #injector: ReturnType<Server["createConnectionInjector"]>;
  readonly #sessions: Sessions;

  private constructor(options: GrpcServerOptions) {
    const { onFlood, onStray, onEnded, limits } = options;
    this.#sessions = new Sessions(
      {
        maxAgeMs: limits.maxConnectionAgeMs,
        ageGraceMs: limits.maxConnectionAgeGraceMs,
        maxIdleMs: limits.maxConnectionIdleMs,
        undeliveredMs,
        keepaliveMs: limits.keepaliveMs,
        keepaliveTimeoutMs: limits.keepaliveTimeoutMs,
      },
      (session) => onFlood?.({ peer: peerOf(session.socket) }),
    );
    options.connections.onEnded((connection) => {
      onEnded?.(connection);
      this.#sessions.end(connection.socket, connection.endedAt!, () => new CutOff(connection.ended!));
    });
    let observed: ServerHttp2Stream | undefined;
    const observation = observeCalls({
      connections: options.connections,
      observers: options.observers ?? [],
      onRefusedRequest: options.onRefusedRequest ?? (() => undefined),
      register: this.#sessions,
      onlyReads: (path) => options.services.some(({ access }) => isReading(access[path])),
      endsItself: (path) => options.services.some(({ access }) => endsItself(access[path])),
      undeliveredMs,
      buffers: new BufferPool(),
      onStream: (stream) => (observed = stream),
    });
    this.#grpc = new Server({
      interceptors: [observation, ...options.interceptors],
      "grpc.max_receive_message_length": requestLimits.messageBytes,
      "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
      // Nobody asks for it here, and it notes several times of each call. Without it grpc-js ends no session by force: we do.
      "grpc.enable_channelz": 0,
    });
    for (const { definition, handlers } of options.services) this.#grpc.addService(definition, handlers);
    for (const extension of options.extensions) extension.addToServer(this.#grpc);
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const http2 = http2ServerOf(this.#grpc);
    let accepted: TLSSocket | undefined;
    // While its socket is handed over.
    http2.on("session", (session) => this.#sessions.watch(session, accepted!));
    // Behind grpc-js, which makes a call of a stream at once or not at all.
    http2.on("stream", (stream, headers) => {
      if (stream === observed) return;
      onStray?.(strayOf(stream, headers[":path"] ?? ""));
      resetLater(stream, undeliveredMs);
    });
    const { maxConnections } = limits;
    this.#listener = createTlsListener({ ...options, maxConnections }, (socket) => {
      accepted = socket;
      this.#injector.injectConnection(socket);
      accepted = undefined;
    });
  }

  /** Serves when it resolves. @throws OperatorError when the address cannot be had */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    // By itself grpc-js prints what callers send, as it is, past our log.
    if (!verbosityVariables.some((name) => name in process.env)) setLogVerbosity(logVerbosity.NONE);
    const server = new GrpcServer(options);
    const { server: tls } = server.#listener;
    await listenOn(tls, options.listen);
    tls.on("error", ({ message }: Error) => options.onRefused({ peer: "unknown", kind: "other", reason: message }));
    return server;
  }

  /** Where it listens, as in `127.0.0.1:8400`. */
  get address(): string {
    const { address, port } = this.#listener.server.address() as AddressInfo;
    return formatAddress({ host: address, port });
  }

  /** How many calls of each method are open on a connection, by its socket. */
  openCallsOn(socket: TLSSocket): ReadonlyMap<string, number> {
    return this.#sessions.openCallsOn(socket);
  }

  /** For connections that begin from now on: another certificate and key, or other authorities. */
  setTls(tls: TlsMaterial): void {
    this.#listener.setTls(tls);
  }

  /** Takes no more connections and no more calls, and waits up to `graceMs` for those under way; then it tells them so. */
  async drain(graceMs: number): Promise<void> {
    this.#listener.server.close();
    const finished = new Promise<void>((resolve) => this.#grpc.tryShutdown(() => resolve()));
    if (await within(graceMs, finished)) return;
    this.#sessions.cutAll(new ShuttingDown());
    await within(partingMs, finished);
    this.#grpc.forceShutdown();
    this.#sessions.destroyAll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { server, sockets } = this.#listener;
    const closed = new Promise((resolve) => server.close(resolve));
    this.#injector.destroy();
    this.#grpc.forceShutdown();
    this.#sessions.destroyAll();
    for (const socket of sockets) socket.destroy();
    await closed;
  }
}

function isReading(access: MethodAccess | undefined): boolean {
  return access !== undefined && access !== "open" && access.kind === "reads";
}

function endsItself(access: MethodAccess | undefined): boolean {
  return access !== undefined && access !== "open" && access.endsItself === true;
}

function strayOf(stream: ServerHttp2Stream, path: string): StrayRequest {
  // Of a stream that has gone already neither is there, whatever the types say.
  const headers = stream.sentHeaders as OutgoingHttpHeaders | undefined;
  const session = stream.session as ServerHttp2Session | undefined;
  const code = headers?.["grpc-status"];
  return {
    peer: peerOf(session?.socket ?? {}),
    path: path.slice(0, maxStrayPath),
    code: code === undefined ? undefined : Number(code),
  };
}

/** Whether it is done in time. */
async function within(milliseconds: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  const inTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
