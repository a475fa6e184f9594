import { constants } from "node:crypto";
import type { DropArgument, Socket } from "node:net";
import { type Server as TlsServer, type TLSSocket, createServer } from "node:tls";
import { formatAddress } from "../address.js";
import { IdentityRefused, type Connections } from "../identity/index.js";
import { formatPrincipal } from "../names.js";
import { whyHandshakeFailed } from "./handshake-failure.js";

/** A handshake that is not finished by then is cut. */
const handshakeTimeoutMs = 10_000;

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * `full`: the process has all the connections that it may; `handshake`: TLS failed; `identity`: the certificate makes nobody
 * a principal, or its tenant has all the connections that it may; `system`: the operating system gave none.
 */
export type RefusalKind = "full" | "handshake" | "identity" | "system";

export interface TlsListenerOptions {
  readonly tls: TlsMaterial;
  readonly connections: Connections;
  readonly maxConnections: number;
  readonly onConnection: (event: { peer: string; principal: string }) => void;
  /** A caller who was not let in, and why. */
  readonly onRefused: (event: { peer: string; kind: RefusalKind; reason: string }) => void;
}

export interface TlsListener {
  readonly server: TlsServer;
  /** Also those whose handshake is not finished: nobody else knows them. */
  readonly sockets: ReadonlySet<Socket>;
}

/** A TLS server that is not listening yet, and that gives `accept` the connections of principals alone. */
export function createTlsListener(options: TlsListenerOptions, accept: (socket: TLSSocket) => void): TlsListener {
  const { connections, onConnection, onRefused } = options;
  const server = createServer({
    ...options.tls,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2"],
    handshakeTimeout: handshakeTimeoutMs,
    // A ticket would outlive the revocation of the certificate that it was given for.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
  // Beyond it a connection is closed by Node at once: nothing is read from it, and TLS never begins.
  server.maxConnections = options.maxConnections;
  server.on("drop", (dropped?: DropArgument) => {
    const peer = peerOf(dropped ?? {});
    onRefused({ peer, kind: "full", reason: `the server has ${options.maxConnections} connections already` });
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const peer = peerOf(socket);
    try {
      const principal = connections.admit(socket);
      onConnection({ peer, principal: formatPrincipal(principal) });
      accept(socket);
    } catch (error) {
      socket.destroy();
      const reason = error instanceof IdentityRefused ? error.message : String(error);
      onRefused({ peer, kind: "identity", reason });
    }
  });
  server.on("tlsClientError", (error, socket) => {
    const raw = rawSocketOf(socket);
    onRefused({ peer: peerOf(raw), kind: "handshake", reason: whyHandshakeFailed(error, socket) });
    // Node reports a handshake that took too long, and leaves the connection open.
    socket.destroy();
    raw.destroy();
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    // A socket remembers what it was asked while it was open.
    peerOf(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return { server, sockets };
}

/** Beneath TLS: a TLS socket whose handshake failed has forgotten its peer. Node keeps it to itself. */
function rawSocketOf(socket: TLSSocket): Socket {
  return (socket as { readonly _parent?: Socket | null })._parent ?? socket;
}

export function peerOf(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
  return formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 });
}
