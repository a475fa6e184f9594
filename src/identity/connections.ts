import type { TLSSocket } from "node:tls";
import { QuotaExceeded, ShuttingDown, Unauthenticated } from "../errors.js";
import type { Principal } from "../names.js";
import { Stretches } from "../stretches.js";
import type { TenantLimits } from "../tenant-limits.js";
import { type Connection, type Judging, LiveConnection } from "./connection.js";
import { ExpiryTimer } from "./expiry-timer.js";
import { type Identity, IdentityRefused, type Judge, type Presented, presentedBy } from "./identity.js";

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

interface ConnectionsOptions {
  /** Asked at each admission, as `limitsOf` is, so both may follow what changes. */
  readonly judge: Judge;
  readonly limitsOf: (tenant: string) => Pick<TenantLimits, "connections">;
  /** Who gets in whatever the policy says of his tenant, and counts for none. */
  readonly isBreakGlass?: (principal: Principal) => boolean;
  /** The wall clock, by which certificates end. */
  readonly now?: () => number;
  /** Told of each connection that is let in. */
  readonly onAdmitted?: (connection: Connection) => void;
}

/** Told of a connection whose peer is nobody any more. It lets no message in from before it is called. Must not throw. */
type EndListener = (ended: Connection) => void;

/**
 * Who is at the other end of each live connection. Established when the connection is accepted and before any byte of
 * HTTP/2; a call is then one look-up. Judged again when what it rests on has changed, and when a certificate ends. Iterates
 * over the live connections.
 */
export class Connections implements AsyncDisposable {
  // The local end is part of the key: one remote address and port can be connected to two addresses of ours.
  readonly #live = new Map<string, LiveConnection>();
  readonly #tenants = new Map<string, { within: number; over: number }>();
  readonly #options: ConnectionsOptions;
  readonly #expiry: ExpiryTimer;
  readonly #listeners: EndListener[] = [];
  /** Of whom each of the listeners is still to be told. */
  readonly #untold: Connection[][] = [];
  readonly #judging: Judging & { round: number };
  /** How many of `#inStretches` are under way. */
  #underWay = 0;
  #nextId = 1;
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#judging = {
      round: 0,
      judge: (presented) => this.#judge(presented),
      noteEnded: (connection) => this.#noteEnded(connection),
    };
    this.#expiry = new ExpiryTimer(options.now ?? Date.now, (nowMs) => this.#lookForExpired(nowMs));
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
    const connection = new LiveConnection(this.#judging, { id: this.#nextId++, socket, presented, identity, refusal });
    this.#live.set(key, connection);
    this.#expiry.note(identity.endsMs);
    socket.once("close", () => {
      if (this.#live.get(key) === connection) this.#live.delete(key);
    });
    this.#options.onAdmitted?.(connection);
    return principal;
  }

  /**
   * Ask when a call starts, and keep the answer: the ends of a connection that has died may be another's by then.
   * @throws Unauthenticated when no live connection has these ends, and IdentityRefused when its peer is nobody any more
   * @throws QuotaExceeded on a connection beyond its tenant's limit
   */
  connectionOf(info: ConnectionInfo): Connection {
    const connection = this.#live.get(keyOf(info));
    // Never a default: without a connection of ours there is nobody whom the call could belong to.
    if (connection === undefined) throw new Unauthenticated("the connection is not known");
    connection.check();
    if (connection.refusal !== undefined) throw connection.refusal;
    return connection;
  }

  /**
   * Listeners are told in the order in which they came; of many that end together, the first one of all of them before the
   * second one of any. So nobody waits for his reason until the connections of others are closed.
   */
  onEnded(listener: EndListener): void {
    this.#listeners.push(listener);
    this.#untold.push([]);
  }

  /**
   * To be called when identities rest on something else: who is trusted, what is revoked, which tenants there are. From now
   * on no connection lets a message in by what was known before. Those whose peers are nobody any more, or somebody else, are
   * ended; when it resolves, all of them.
   */
  async judgeAgain(): Promise<void> {
    this.#judging.round++;
    await this.#inStretches([...this.#live.values()], (connection) => connection.whyEnded());
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#live.values();
  }

  /** Destroys every socket, resolves when all are closed, and admits nobody any more. Safe to repeat. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#expiry.stop();
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

  /** When the next certificate ends; undefined if there is none. */
  #lookForExpired(nowMs: number): number | undefined {
    const ends = (connection: Connection): boolean => connection.identity.endsMs <= nowMs;
    const expired = [...this.#live.values()].filter(ends);
    // Nobody, as a rule; and whom a change is just finding, that will tell of.
    if (expired.length > 0) void this.#inStretches(expired, (connection) => connection.judge());
    let next: number | undefined;
    for (const connection of this) if (!ends(connection)) next = Math.min(next ?? Infinity, connection.identity.endsMs);
    return next;
  }

  /** Tells of each that is ended by it: to end its calls takes longer than to judge it. Of a few, all is done when it returns. */
  async #inStretches(
    connections: readonly LiveConnection[],
    judge: (connection: LiveConnection) => unknown,
  ): Promise<void> {
    const stretches = new Stretches();
    this.#underWay++;
    try {
      for (const connection of connections) {
        judge(connection);
        this.#tellNext(1);
        const turn = stretches.step();
        if (turn !== undefined) await turn;
      }
      while (this.#tellNext(this.#listeners.length)) {
        const turn = stretches.step();
        if (turn !== undefined) await turn;
      }
    } finally {
      this.#underWay--;
    }
  }

  /** @throws IdentityRefused, or whatever else the judge throws */
  #judge(presented: Presented): Identity {
    const { judge, now = Date.now } = this.#options;
    const identity = judge(presented, true);
    if (identity.endsMs <= now()) throw new IdentityRefused("expired", "the certificate has expired");
    this.#expiry.note(identity.endsMs);
    return identity;
  }

  /** What is found when a message asks is told in a turn of its own: its refusal goes first. */
  #noteEnded(connection: Connection): void {
    const isFirst = this.#untold[0]?.push(connection) === 1;
    if (isFirst && this.#underWay === 0) setImmediate(() => void this.#inStretches([], () => undefined));
  }

  /** @param listeners how many of them, the first ones, may be told now @returns whether one was */
  #tellNext(listeners: number): boolean {
    for (let at = 0; at < listeners; at++) {
      const ended = this.#untold[at]?.shift();
      if (ended === undefined) continue;
      this.#listeners[at]!(ended);
      this.#untold[at + 1]?.push(ended);
      return true;
    }
    return false;
  }
}

function keyOf({ localAddress, localPort, remoteAddress, remotePort }: ConnectionInfo): string {
  return `${localAddress}|${localPort}|${remoteAddress}|${remotePort}`;
}
