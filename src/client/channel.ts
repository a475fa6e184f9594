/** How to reach the servers: mutual TLS 1.3, whether they are named or dialled by their IP addresses. */
import { checkServerIdentity } from "node:tls";
import { Channel, credentials, type ChannelOptions } from "@grpc/grpc-js";
import { parseAddress } from "../address.js";
import { hostOf, inTurn, serverNameOf, targetOf } from "./balancing.js";
import type { Identity } from "./credentials.js";
import { expected } from "./misuse.js";
import { noticingResets } from "./resets.js";
import { serviceConfig } from "./service-config.js";

/** Where the servers are, and how a connection to them is kept. */
export interface Destination {
  /** At least one, each `HOST:PORT`. */
  readonly addresses: readonly string[];
  readonly keepaliveMs: number;
}

/** @throws TypeError unless it is `HOST:PORT` or a list of them */
export function requireAddresses(address: unknown): readonly string[] {
  const addresses: readonly unknown[] = Array.isArray(address) ? address : [address];
  if (addresses.length === 0) throw expected("address", "at least one HOST:PORT", address);
  return addresses.map((each, at) => {
    const name = Array.isArray(address) ? `address[${at}]` : "address";
    if (typeof each === "string" && parseAddress(each)?.port) return each;
    throw expected(name, "HOST:PORT, such as localhost:8400 or [::1]:8400", each);
  });
}

/** Does not dial before the first call. */
export function openChannel({ addresses, keepaliveMs }: Destination, identity: Identity): Channel {
  const channelCredentials = noticingResets(
    credentials.createFromSecureContext(identity.context, {
      // What counts is that the certificate is for whom was dialled, whatever name the handshake carries.
      checkServerIdentity: (name, certificate) => checkServerIdentity(hostOf(name), certificate),
    }),
  );
  const common: ChannelOptions = {
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    // Half of it is let go at a time, so this is some 100 MB/s over 10 ms there and back; 64 KiB, the default, are 3 MB/s. It
    // is also what a stream may bring that nobody reads.
    "grpc-node.flow_control_window": 2 * 1024 * 1024,
    // A connection that died without a word, as under a server that was killed, is noticed while a call waits on it.
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": Math.min(keepaliveMs, 10_000),
    // Calls fail at once while the next attempt to connect is waited for; by itself grpc-js waits two minutes.
    "grpc.initial_reconnect_backoff_ms": 250,
    "grpc.max_reconnect_backoff_ms": 5_000,
    // Whoever answers for DNS has no say in what is tried again.
    "grpc.service_config_disable_resolution": 1,
  };
  const [address = ""] = addresses;
  if (addresses.length > 1) {
    return new Channel(targetOf(addresses), channelCredentials, {
      ...common,
      "grpc.service_config": serviceConfig(inTurn),
      // It would be asked for the first address only.
      "grpc.enable_http_proxy": 0,
    });
  }
  const host = parseAddress(address)?.host ?? "";
  return new Channel(address, channelCredentials, {
    ...common,
    "grpc.service_config": serviceConfig("pick_first"),
    "grpc.ssl_target_name_override": serverNameOf(host),
    // A proxy that is meant for the outside would look for the server on its own loopback.
    ...(isLoopback(host) ? { "grpc.enable_http_proxy": 0 } : {}),
  });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
