import type { TLSSocket } from "node:tls";
import { QuotaExceeded, ShuttingDown, Unauthenticated } from "../errors.js";
import type { Principal } from "../names.js";
import type { TenantLimits } from "../tenant-limits.js";
import { type Identity, IdentityRefused, type Judge, presentedBy } from "./identity.js";

/** Both ends of a connection, as grpc-js reports them with each call and as a socket carries them. */
export interface ConnectionInfo {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** A connection that is one too many is answered, so that its client learns why, and then closed. */
const overLimitMs = 1_500;
/** How many of them a tenant may have at a time. */
const maxOverLimit = 16;

/** A live connection whose peer is known. */
export interface Connection {
  readonly identity: Identity;
  readonly since: Date;
  readonly socket: TLSSocket;
  /** Why no call is let in: its tenant has as many connections as it may. */
  readonly refusal: QuotaExceeded | undefined;
}

interface ConnectionsOptions {
  /** Asked at each admission, as `limitsOf` is, so both may follow what changes. */
  readonly judge: Judge;
  readonly limitsOf: (tenant: string) => Pick<TenantLimits, "connections">;
  /** Who gets in whatever the policy says of his tenant, and counts for none. */
  readonly isBreakGlass?: (principal: Principal) => boolean;
}

/**
 * Who is at the other end of each live connection. Established once, when the connection is accepted and before any
 * byte of HTTP/2; a call is then one look-up. Iterates over the live connections.
 */
export class Connections implements AsyncDisposable {
  // The local end is part of the key: one remote address and port can be connected to two addresses of ours.
  readonly #live = new Map<string, Connection>();
  readonly #tenants = new Map<string, { within: number; over: number }>();
  readonly #options: ConnectionsOptions;
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** How many connections are live. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * Establishes who is at the other end, for as long as the socket lives. Call it once, on `secureConnection`. A
   * connection beyond its tenant's limit is let in for a moment, in which every call on it is refused.
   *
   * @throws IdentityRefused when the peer has no trusted certificate that makes it a principal, when the session was
   *   resumed, when too many of its tenant's connections are beyond the limit, or when the socket is gone already; the
   *   caller then destroys the socket
   * @throws ShuttingDown after disposal
   */
  admit(socket: TLSSocket): Principal {
    if (this.#closed) throw new ShuttingDown();
    const key = keyOf(socket);
    if (socket.destroyed || socket.remotePort === undefined || socket.localPort === undefined) {
      throw new IdentityRefused("gone", "the connection is closed already");
    }
    if (!socket.authorized) throw new IdentityRefused("untrusted", "the certificate is missing or not trusted");
    // A ticket outlives the revocation of the certificate that it was given for.
    if (socket.isSessionReused()) throw new IdentityRefused("resumed", "the TLS session was resumed");
    const presented = presentedBy(socket);
    if (presented === undefined) throw new IdentityRefused("no_certificate", "the peer showed no certificate");
    const { judge, isBreakGlass = () => false } = this.#options;
    const identity = judge(presented);
    const { principal } = identity;
    const refusal = isBreakGlass(principal) ? undefined : this.#enter(principal.tenant, socket);

    // The kernel gives both ends out again only when they are free, so whoever is still listed here is dead, and its
    // calls must not find the newcomer.
    this.#live.get(key)?.socket.destroy();
    const connection = { identity, since: new Date(), socket, refusal };
    this.#live.set(key, connection);
    socket.once("close", () => {
      if (this.#live.get(key) === connection) this.#live.delete(key);
    });
    return principal;
  }

  /**
   * Ask when a call starts, and keep the answer: the ends of a connection that has died may be another's by then.
   * @throws Unauthenticated when no live connection has these ends
   * @throws QuotaExceeded on a connection beyond its tenant's limit
   */
  principalOf(info: ConnectionInfo): Principal {
    const { identity, refusal } = this.#find(info);
    if (refusal !== undefined) throw refusal;
    return identity.principal;
  }

  /**
   * SHA-256 of the peer's certificate, as `AB:CD:…`.
   * @throws Unauthenticated when no live connection has these ends
   */
  fingerprintOf(info: ConnectionInfo): string {
    return this.#find(info).identity.fingerprint256;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#live.values();
  }

  /** Destroys every socket, resolves when all are closed, and admits nobody any more. Safe to repeat. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const closing = Array.from(this, ({ socket }) => new Promise((resolve) => socket.once("close", resolve)));
    for (const { socket } of this) socket.destroy();
    await Promise.all(closing);
  }

  /** Counts the connection until it closes. Gives the reason if it is one too many. @throws IdentityRefused */
  #enter(tenant: string, socket: TLSSocket): QuotaExceeded | undefined {
    const { connections: maximum } = this.#options.limitsOf(tenant);
    const count = this.#tenants.get(tenant) ?? { within: 0, over: 0 };
    const kind = count.within < maximum ? "within" : "over";
    if (kind === "over" && count.over >= maxOverLimit) {
      throw new IdentityRefused("over_limit", `tenant ${tenant} is at its limit: connections is ${maximum}`);
    }
    count[kind]++;
    this.#tenants.set(tenant, count);
    socket.once("close", () => {
      count[kind]--;
      if (count.within + count.over === 0) this.#tenants.delete(tenant);
    });
    if (kind === "within") return undefined;
    const timer = setTimeout(() => socket.destroy(), overLimitMs);
    socket.once("close", () => clearTimeout(timer));
    return new QuotaExceeded(tenant, "connections", maximum, overLimitMs);
  }

  #find(info: ConnectionInfo): Connection {
    const connection = this.#live.get(keyOf(info));
    // Never a default: without a connection of ours there is nobody whom the call could belong to.
    if (connection === undefined) throw new Unauthenticated("the connection is not known");
    return connection;
  }
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: ConnectionInfo): string {
  return `${localAddress}|${localPort}|${remoteAddress}|${remotePort}`;
}
