/** How to reach the server: mutual TLS 1.3, whether it is named or dialled by its IP address. */
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext } from "node:tls";
import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { parseAddress } from "../address.js";
import { expected, isContent, requireOptions } from "./misuse.js";

/** Certificates and key are PEM. */
export interface ConnectOptions {
  /** `host:port`, or `[address]:port` for IPv6. */
  readonly address: string;
  /** Whoever may vouch for the server. */
  readonly ca: string | Buffer;
  /** Who the client is. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/**
 * @throws TypeError for an address without a port, or where a certificate or the key is missing
 * @throws Error of OpenSSL when certificate and key do not parse or do not belong together
 */
export function channelTo(connection: ConnectOptions): {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
} {
  requireOptions(connection);
  const { address, ca, cert, key } = connection;
  const parsed = typeof address === "string" ? parseAddress(address) : undefined;
  if (!parsed?.port) throw expected("address", "HOST:PORT, such as localhost:8400 or [::1]:8400", address);
  const { host } = parsed;
  for (const [name, pem] of Object.entries({ ca, cert, key })) {
    // Without an authority Node would trust everyone that browsers trust.
    if (!isContent(pem) || pem.length === 0) throw expected(name, "PEM as text or bytes", pem);
  }
  const context = createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" });
  const options: ChannelOptions = {
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    // A connection that died without a word, as under a server that was killed, is noticed while a call waits on it.
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // A proxy that is meant for the outside would look for the server on its own loopback.
    ...(isLoopback(host) ? { "grpc.enable_http_proxy": 0 } : {}),
  };
  if (isIP(host) === 0) return { credentials: credentials.createFromSecureContext(context), options };
  return {
    // What counts is that the certificate is for the address that was dialled, whatever name the handshake carries.
    credentials: credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    }),
    // RFC 6066 knows no IP address as a server name, and Node warns on stderr about one (DEP0123).
    options: { ...options, "grpc.ssl_target_name_override": "address.invalid" },
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
