/** Connections to the matrix's own server, on which the matrix itself decides what is said. */
import type { Socket } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";
import { formatAddress } from "../address.js";

/** TLS towards this machine. Who answers is not asked: it is the server that was started for this. */
export function connectTls(port: number, options: ConnectionOptions): TLSSocket {
  return connect({ host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false, ...options });
}

/** How the server calls the other end of this connection, as in `127.0.0.1:50000`. */
export function localAddressOf({ localAddress, localPort }: Socket): string {
  return formatAddress({ host: localAddress ?? "unknown", port: localPort ?? 0 });
}
