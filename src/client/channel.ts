/** How to reach the server: mutual TLS 1.3, whether it is named or dialled by its IP address. */
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext } from "node:tls";
import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

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

/** @throws Error of OpenSSL when certificate and key do not parse or do not belong together */
export function channelTo({ address, ca, cert, key }: ConnectOptions): {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
} {
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const context = createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" });
  const options: ChannelOptions = {
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
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
