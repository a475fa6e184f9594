import { constants } from "node:crypto";
import type { DropArgument, Socket } from "node:net";
import { type SecureContextOptions, type Server as TlsServer, type TLSSocket, createServer } from "node:tls";
import { formatAddress } from "../address.js";
import { IdentityRefused, type Connections } from "../identity/index.js";
import { formatPrincipal } from "../names.js";
import { type HandshakeFailure, whyHandshakeFailed } from "./handshake-failure.js";
import { type CutReason, Handshakes, handshakeMs, maxHandshakes } from "./handshakes.js";
import { type ShownCertificate, ShownCertificates } from "./shown-certificates.js";

/** PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A caller who was not let in, and why; the certificate as far as one was shown. */
export interface RefusedConnection extends HandshakeFailure, Partial<ShownCertificate> {
  readonly peer: string;
}

export interface TlsListenerOptions {
  readonly tls: TlsMaterial;
  readonly connections: Connections;
  readonly maxConnections: number;
  readonly onConnection: (event: { peer: string; principal: string }) => void;
  readonly onRefused: (event: RefusedConnection) => void;
}

export interface TlsListener {
  readonly server: TlsServer;
  /** For connections that begin from now on. Those that are there are not touched. */
  setTls(tls: TlsMaterial): void;
  /** Also those whose handshake is not finished: nobody else knows them. */
  readonly sockets: ReadonlySet<Socket>;
}

/** A TLS server that is not listening yet, and that gives `accept` the connections of principals alone. */
export function createTlsListener(options: TlsListenerOptions, accept: (socket: TLSSocket) => void): TlsListener {
  const { connections, maxConnections, onConnection, onRefused } = options;
  const server = createServer({
    ...secureContextOf(options.tls),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2"],
  });
  trustIntermediates(server);
  const shown = new ShownCertificates(server);
  const cut = new WeakSet<Socket>();
  const handshakes = new Handshakes(Math.min(maxHandshakes, maxConnections), (socket, why) => {
    cut.add(socket);
    onRefused({ peer: peerOf(socket), kind: why, reason: cutReasons[why] });
  });
  // Beyond it a connection is closed by Node at once: nothing is read from it, and TLS never begins.
  server.maxConnections = maxConnections;
  server.on("drop", (dropped?: DropArgument) => {
    const peer = peerOf(dropped ?? {});
    onRefused({ peer, kind: "full", reason: `the server has ${maxConnections} connections already` });
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    handshakes.end(socket);
    const peer = peerOf(socket);
    try {
      const principal = connections.admit(socket);
      onConnection({ peer, principal: formatPrincipal(principal) });
      accept(socket);
    } catch (error) {
      socket.destroy();
      const kind = error instanceof IdentityRefused ? error.problem : "other";
      const reason = error instanceof Error ? error.message : String(error);
      onRefused({ peer, kind, reason, ...shown.of(socket) });
    }
  });
  server.on("tlsClientError", (error, socket) => {
    const raw = rawSocketOf(socket);
    // One that was cut is reported already, and what comes of that is no failure of its own.
    if (!cut.has(raw)) {
      const failure = whyHandshakeFailed(error, socket, shown.findingOf(socket));
      const fault = shown.faultOf(socket, failure.kind);
      const better = fault === undefined ? {} : { kind: fault.problem, reason: fault.message };
      onRefused({ peer: peerOf(raw), ...failure, ...better, ...shown.of(socket) });
    }
    socket.destroy();
    raw.destroy();
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    handshakes.begin(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const setTls = (tls: TlsMaterial): void => {
    server.setSecureContext(secureContextOf(tls));
    trustIntermediates(server);
  };
  return { server, sockets, setTls };
}

/**
 * What every client of TLS 1.3 has one of. OpenSSL's defaults have finite fields besides, with which any caller, before he has shown
 * a certificate, makes the server reckon for a quarter of a second with a few bytes that cost him nothing.
 */
const keyExchanges = "X25519:P-256:P-384";

/** All of it each time: what a new context is not told is as lax as OpenSSL's defaults, TLS 1.2 and tickets among it. */
function secureContextOf(tls: TlsMaterial): SecureContextOptions {
  return {
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    minVersion: "TLSv1.3",
    ecdhCurve: keyExchanges,
    // A ticket would outlive the revocation of the certificate that it was given for.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/**
 * Whoever puts an intermediate among the authorities trusts it by itself, and need not trust all that is above it. Node takes
 * `allowPartialTrustChain` for contexts, but its servers do not hand it on to theirs: see
 * docs/decisions/2026-11-21-private-parts.md. Without it such an authority's clients are kept out.
 */
function trustIntermediates(server: TlsServer): void {
  const { _sharedCreds } = server as {
    readonly _sharedCreds?: { readonly context: { setAllowPartialTrustChain?(): void } };
  };
  _sharedCreds?.context.setAllowPartialTrustChain?.();
}

const cutReasons: Readonly<Record<CutReason, string>> = {
  timeout: `the handshake was not finished within ${handshakeMs / 1000} seconds`,
  handshakes: "too many handshakes were under way, and this was the oldest",
};

/** Beneath TLS: a TLS socket whose handshake failed has forgotten its peer. Node keeps it to itself. */
function rawSocketOf(socket: TLSSocket): Socket {
  return (socket as { readonly _parent?: Socket | null })._parent ?? socket;
}

export function peerOf(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
  return formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 });
}
