/** The principals of the matrix, each on a connection of its own, under its own certificate. */
import { Channel, type ChannelCredentials, type ChannelOptions, type Interceptor } from "@grpc/grpc-js";
import { ConnectionsStub, LogStub, OffsetsStub, PolicyStub, TopicsStub } from "../wire/definition.js";
import type { ConnectionsClient } from "../wire/generated/admin/v1/Connections.js";
import type { LogClient } from "../wire/generated/log/v1/Log.js";
import type { OffsetsClient } from "../wire/generated/log/v1/Offsets.js";
import type { TopicsClient } from "../wire/generated/log/v1/Topics.js";
import type { PolicyClient } from "../wire/generated/policy/v1/Policy.js";
import { type ClientKeys, channelOptions } from "./stage.js";

/** Whom principals call. */
export interface CalledServer {
  readonly address: string;
  /** How channels to it are set up, where that is not as usual. */
  readonly channelOptions?: ChannelOptions;
  /** What every call goes through. */
  readonly interceptors?: Interceptor[];
  /** @throws Error of OpenSSL when certificate and key do not parse or do not belong together */
  credentials(client: ClientKeys): ChannelCredentials;
}

/** Connections that are open at a time, beyond those in use. */
const usualIdle = 64;

/** Stubs of all services on one connection. */
export class Caller implements Disposable {
  readonly log: LogClient;
  readonly topics: TopicsClient;
  readonly offsets: OffsetsClient;
  readonly policy: PolicyClient;
  readonly connections: ConnectionsClient;
  readonly #channel: Channel;

  constructor(
    address: string,
    credentials: ChannelCredentials,
    { channelOptions: set = channelOptions, interceptors = [] }: Omit<CalledServer, "address" | "credentials"> = {},
  ) {
    this.#channel = new Channel(address, credentials, set);
    const options = { channelOverride: this.#channel, interceptors };
    this.log = new LogStub(address, credentials, options);
    this.topics = new TopicsStub(address, credentials, options);
    this.offsets = new OffsetsStub(address, credentials, options);
    this.policy = new PolicyStub(address, credentials, options);
    this.connections = new ConnectionsStub(address, credentials, options);
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}

interface Held {
  readonly caller: Caller;
  uses: number;
}

export class Callers implements Disposable {
  readonly #server: CalledServer;
  readonly #keysOf: ReadonlyMap<string, ClientKeys>;
  readonly #maxIdle: number;
  /** The one that was used longest ago comes first. */
  readonly #held = new Map<string, Held>();

  constructor(server: CalledServer, keysOf: ReadonlyMap<string, ClientKeys>, maxIdle = usualIdle) {
    this.#server = server;
    this.#keysOf = keysOf;
    this.#maxIdle = maxIdle;
  }

  /** Runs `use` as `principal`, who keeps his connection for the next time. */
  async as<T>(principal: string, use: (caller: Caller) => Promise<T>): Promise<T> {
    const held = this.#held.get(principal) ?? { caller: this.#connect(principal), uses: 0 };
    this.#held.delete(principal);
    this.#held.set(principal, held);
    held.uses++;
    try {
      return await use(held.caller);
    } finally {
      held.uses--;
      this.#closeIdle();
    }
  }

  [Symbol.dispose](): void {
    for (const { caller } of this.#held.values()) caller[Symbol.dispose]();
    this.#held.clear();
  }

  #connect(principal: string): Caller {
    const keys = this.#keysOf.get(principal);
    if (keys === undefined) throw new TypeError(`there is no certificate of ${principal}`);
    return new Caller(this.#server.address, this.#server.credentials(keys), this.#server);
  }

  #closeIdle(): void {
    for (const [principal, { caller, uses }] of this.#held) {
      if (this.#held.size <= this.#maxIdle) return;
      if (uses > 0) continue;
      this.#held.delete(principal);
      caller[Symbol.dispose]();
    }
  }
}
