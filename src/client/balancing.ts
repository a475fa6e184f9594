/**
 * Several addresses behind one grpc-js channel: calls go to them in turn, past those that cannot be reached, and each
 * server has to show a certificate for its own name. grpc-js by itself expects one name of all servers of a channel.
 */
import { isIP } from "node:net";
import { experimental } from "@grpc/grpc-js";
import { parseAddress } from "../address.js";

const scheme = "aclog";

/** Goes into the service config of a channel to `targetOf(...)`. */
export const inTurn = "aclog_in_turn";

/** A channel target for all of these addresses. */
export function targetOf(addresses: readonly string[]): string {
  return `${scheme}:${addresses.join(",")}`;
}

/** The server name of the handshake. RFC 6066 knows no IP address as one, and Node warns on stderr about it (DEP0123). */
export function serverNameOf(host: string): string {
  return isIP(host) === 0 ? host : `ip-${host.replaceAll(":", "-")}${addressSuffix}`;
}

/** Back from the server name to whom the certificate has to be for. */
export function hostOf(serverName: string): string {
  if (!serverName.endsWith(addressSuffix)) return serverName;
  return serverName.slice("ip-".length, -addressSuffix.length).replaceAll("-", ":");
}

// A top-level domain that never exists (RFC 2606).
const addressSuffix = ".address.invalid";

/** Hands on the addresses as they are: a name is looked up with every attempt to connect, so no answer of DNS grows old. */
class ListedAddresses implements experimental.Resolver {
  readonly #endpoints: experimental.Endpoint[];
  readonly #listener: experimental.ResolverListener;
  #isGiven = false;

  constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener) {
    this.#endpoints = addressesOf(target).flatMap((text) => {
      const address = parseAddress(text);
      return address === undefined ? [] : [{ addresses: [address] }];
    });
    this.#listener = listener;
  }

  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return addressesOf(target)[0]!;
  }

  updateResolution(): void {
    // They never change, and round_robin starts anew with every list that it is given.
    if (this.#isGiven) return;
    this.#isGiven = true;
    process.nextTick(() => this.#listener(experimental.statusOrFromValue(this.#endpoints), {}, null, ""));
  }

  destroy(): void {
    this.#isGiven = false;
  }
}

/** grpc-js's round_robin, with the name that each server's certificate has to be for. */
class InTurn extends experimental.ChildLoadBalancerHandler {
  constructor(helper: experimental.ChannelControlHelper) {
    super(
      experimental.createChildChannelControlHelper(helper, {
        createSubchannel: (address, options) => {
          const name = serverNameOf("host" in address ? address.host : "");
          return helper.createSubchannel(address, { ...options, "grpc.ssl_target_name_override": name });
        },
      }),
    );
  }

  override updateAddressList(...[endpoints, , ...rest]: Parameters<InTurnParent["updateAddressList"]>): boolean {
    return super.updateAddressList(endpoints, experimental.parseLoadBalancingConfig({ round_robin: {} }), ...rest);
  }

  override getTypeName(): string {
    return inTurn;
  }
}

type InTurnParent = experimental.ChildLoadBalancerHandler;

class InTurnConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson(): InTurnConfig {
    return new InTurnConfig();
  }

  getLoadBalancerName(): string {
    return inTurn;
  }

  toJsonObject(): object {
    return { [inTurn]: {} };
  }
}

function addressesOf(target: experimental.GrpcUri): string[] {
  return target.path.split(",");
}

experimental.registerResolver(scheme, ListedAddresses);
experimental.registerLoadBalancerType(inTurn, InTurn, InTurnConfig);
