/** The channel that new calls use: made at the first of them, and made anew when there are other certificates. */
import { credentials, type Channel } from "@grpc/grpc-js";
import { ConnectionsStub, LogStub, OffsetsStub, PolicyStub, TopicsStub } from "../wire/definition.js";
import type { ConnectionsClient } from "../wire/generated/admin/v1/Connections.js";
import type { LogClient } from "../wire/generated/log/v1/Log.js";
import type { OffsetsClient } from "../wire/generated/log/v1/Offsets.js";
import type { TopicsClient } from "../wire/generated/log/v1/Topics.js";
import type { PolicyClient } from "../wire/generated/policy/v1/Policy.js";
import { CallError, toCallError } from "./call-error.js";
import { openChannel, type Destination } from "./channel.js";
import type { CredentialSource, Identity } from "./credentials.js";

/** The services, as one call may use them. */
export interface Stubs {
  readonly log: LogClient;
  readonly topics: TopicsClient;
  readonly offsets: OffsetsClient;
  readonly policy: PolicyClient;
  readonly connections: ConnectionsClient;
}

export class Connection {
  readonly #destination: Destination;
  readonly #source: CredentialSource;
  #link: Link | undefined;

  constructor(destination: Destination, source: CredentialSource) {
    this.#destination = destination;
    this.#source = source;
  }

  /**
   * Who a call that starts now is made as.
   * @throws CredentialsError
   */
  identity(): Identity | Promise<Identity> {
    return this.#source.current();
  }

  /** What that call goes over. It has to `leave` it when it has ended. */
  enter(identity: Identity): Link {
    if (this.#link?.identity !== identity) {
      // Calls that are under way go on over the channel that they began on.
      this.#link?.retire();
      this.#link = new Link(openChannel(this.#destination, identity), identity);
    }
    this.#link.enter();
    return this.#link;
  }

  /** Notes whom a server takes for nobody: others are looked for at once. */
  noteRefused(identity: Identity): void {
    this.#source.wasRefused(identity);
  }

  /** What to throw for what grpc-js reports of a call. */
  failureOf(error: unknown): Error {
    const failure = toCallError(error) as Error;
    // The server's own refusals come with a reason. Without one, no server was reached, or none that would talk.
    if (failure instanceof CallError && failure.codeName === "UNAVAILABLE" && failure.reason === undefined) {
      this.#source.connectionFailed();
    }
    return failure;
  }

  /** When the calls under way have ended. */
  close(): void {
    this.#link?.retire();
    this.#link = undefined;
  }
}

/** One channel under one identity. It is closed when it is retired and its last call has left. */
export class Link {
  readonly identity: Identity;
  readonly stubs: Stubs;
  readonly #channel: Channel;
  #calls = 0;
  #isRetired = false;

  constructor(channel: Channel, identity: Identity) {
    this.identity = identity;
    this.#channel = channel;
    const override = [channel.getTarget(), credentials.createInsecure(), { channelOverride: channel }] as const;
    this.stubs = {
      log: new LogStub(...override),
      topics: new TopicsStub(...override),
      offsets: new OffsetsStub(...override),
      policy: new PolicyStub(...override),
      connections: new ConnectionsStub(...override),
    };
  }

  enter(): void {
    this.#calls++;
  }

  leave(): void {
    this.#calls--;
    this.#closeIfDone();
  }

  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isRetired && this.#calls === 0) this.#channel.close();
  }
}
