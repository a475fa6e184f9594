import { type Server as TlsServer, type TLSSocket, createServer } from "node:tls";
import { constants } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import {
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { formatAddress } from "../address.js";
import { IdentityRefused, type Connections } from "../identity/index.js";
import { formatPrincipal } from "../names.js";
import { whyHandshakeFailed } from "./handshake-failure.js";
import { listenOn } from "./listen.js";
import { resetUndelivered } from "./reset-undelivered.js";

/** The largest message that a client may send, in bytes. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** Calls that one connection may have open: each can make the server hold a message that is still to be finished. */
const maxConcurrentStreams = 256;

/** A handshake that is not finished by then is cut. */
const handshakeTimeoutMs = 10_000;

/** A status that its caller has not taken by then is given up, together with its stream. */
const undeliveredMs = 2_000;

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface GrpcServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: TlsMaterial;
  readonly connections: Connections;
  /** The first one is nearest the wire. */
  readonly interceptors: readonly ServerInterceptor[];
  readonly services: readonly {
    readonly definition: ServiceDefinition;
    readonly handlers: UntypedServiceImplementation;
  }[];
  /** Services of libraries, which add themselves. */
  readonly extensions: readonly { addToServer(server: Server): void }[];
  readonly onConnection: (event: { peer: string; principal: string }) => void;
  /** A caller who was not let in, and why. */
  readonly onRefused: (event: { peer: string; reason: string }) => void;
}

/**
 * gRPC behind a TLS server of our own: whoever has no certificate that makes him a principal is gone before the first
 * byte of HTTP/2.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #tls: TlsServer;
  readonly #grpc: Server;
  readonly #injector: ReturnType<Server["createConnectionInjector"]>;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(
    tls: TlsServer,
    grpc: Server,
    injector: ReturnType<Server["createConnectionInjector"]>,
    sockets: ReadonlySet<Socket>,
  ) {
    this.#tls = tls;
    this.#grpc = grpc;
    this.#injector = injector;
    this.#sockets = sockets;
  }

  /** Serves when it resolves. @throws OperatorError when the address cannot be had */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    const { connections, onConnection, onRefused } = options;
    const grpc = new Server({
      interceptors: [resetUndelivered(undeliveredMs), ...options.interceptors],
      // A peer that was switched off says nothing: only its silence tells.
      "grpc.keepalive_time_ms": 60_000,
      "grpc.keepalive_timeout_ms": 20_000,
      "grpc.max_receive_message_length": maxMessageBytes,
      "grpc.max_concurrent_streams": maxConcurrentStreams,
    });
    for (const { definition, handlers } of options.services) grpc.addService(definition, handlers);
    for (const extension of options.extensions) extension.addToServer(grpc);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const tls = createServer({
      ...options.tls,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
      handshakeTimeout: handshakeTimeoutMs,
      // A ticket would outlive the revocation of the certificate that it was given for.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    tls.on("secureConnection", (socket: TLSSocket) => {
      const peer = peerOf(socket);
      try {
        const principal = connections.admit(socket);
        onConnection({ peer, principal: formatPrincipal(principal) });
        injector.injectConnection(socket);
      } catch (error) {
        socket.destroy();
        onRefused({ peer, reason: error instanceof IdentityRefused ? error.message : String(error) });
      }
    });
    tls.on("tlsClientError", (error, socket) => {
      const raw = rawSocketOf(socket);
      onRefused({ peer: peerOf(raw), reason: whyHandshakeFailed(error, socket) });
      // Node reports a handshake that took too long, and leaves the connection open.
      socket.destroy();
      raw.destroy();
    });
    // A connection that has not finished its handshake is known to nobody else.
    const sockets = new Set<Socket>();
    tls.on("connection", (socket: Socket) => {
      sockets.add(socket);
      // A socket remembers what it was asked while it was open.
      peerOf(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    await listenOn(tls, options.listen);
    tls.on("error", (error: Error) => onRefused({ peer: "unknown", reason: error.message }));
    return new GrpcServer(tls, grpc, injector, sockets);
  }

  /** Where it listens, as in `127.0.0.1:8400`. */
  get address(): string {
    const { address, port } = this.#tls.address() as AddressInfo;
    return formatAddress({ host: address, port });
  }

  /** Takes no more connections and no more calls, and waits up to `graceMs` for those under way. */
  async drain(graceMs: number): Promise<void> {
    this.#tls.close();
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => {
        this.#grpc.forceShutdown();
        resolve();
      }, graceMs);
      this.#grpc.tryShutdown(() => {
        clearTimeout(deadline);
        resolve();
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#tls.close(resolve));
    this.#injector.destroy();
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Beneath TLS: a TLS socket whose handshake failed has forgotten its peer. Node keeps it to itself. */
function rawSocketOf(socket: TLSSocket): Socket {
  return (socket as { readonly _parent?: Socket | null })._parent ?? socket;
}

function peerOf(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
  return formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 });
}
