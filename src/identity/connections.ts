import type { TLSSocket } from "node:tls";
import { ShuttingDown, Unauthenticated } from "../errors.js";
import type { Principal } from "../names.js";
import { IdentityRefused, principalFromCertificate } from "./principal.js";

/** Both ends of a connection, as grpc-js reports them with each call and as a socket carries them. */
export interface ConnectionInfo {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** A live connection whose peer is known. */
export interface Connection {
  readonly principal: Principal;
  /** SHA-256 of the peer's certificate, as `AB:CD:…`. */
  readonly fingerprint256: string;
  readonly since: Date;
  readonly socket: TLSSocket;
}

/**
 * Who is at the other end of each live connection. Established once, when the connection is accepted and before any
 * byte of HTTP/2; a call is then one look-up. Iterates over the live connections.
 */
export class Connections implements AsyncDisposable {
  // The local end is part of the key: one remote address and port can be connected to two addresses of ours.
  readonly #live = new Map<string, Connection>();
  readonly #isDeclaredTenant: (name: string) => boolean;
  #closed = false;

  /** `isDeclaredTenant` is asked at each admission, so it may follow a policy that changes. */
  constructor(options: { readonly isDeclaredTenant: (name: string) => boolean }) {
    this.#isDeclaredTenant = options.isDeclaredTenant;
  }

  /** How many connections are live. */
  get size(): number {
    return this.#live.size;
  }

  /**
   * Establishes who is at the other end, for as long as the socket lives. Call it once, on `secureConnection`.
   *
   * @throws IdentityRefused when the peer has no trusted certificate that makes it a principal, when the session was
   *   resumed, or when the socket is gone already; the caller then destroys the socket
   * @throws ShuttingDown after disposal
   */
  admit(socket: TLSSocket): Principal {
    if (this.#closed) throw new ShuttingDown();
    const key = keyOf(socket);
    if (socket.destroyed || socket.remotePort === undefined || socket.localPort === undefined) {
      throw new IdentityRefused("the connection is closed already");
    }
    if (!socket.authorized) throw new IdentityRefused("the certificate is missing or not trusted");
    // A ticket outlives the revocation of the certificate that it was given for.
    if (socket.isSessionReused()) throw new IdentityRefused("the TLS session was resumed");
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new IdentityRefused("the peer showed no certificate");
    const principal = principalFromCertificate(certificate.raw, this.#isDeclaredTenant);

    // The kernel gives both ends out again only when they are free, so whoever is still listed here is dead, and its
    // calls must not find the newcomer.
    this.#live.get(key)?.socket.destroy();
    const connection = { principal, fingerprint256: certificate.fingerprint256, since: new Date(), socket };
    this.#live.set(key, connection);
    socket.once("close", () => {
      if (this.#live.get(key) === connection) this.#live.delete(key);
    });
    return principal;
  }

  /**
   * Ask when a call starts, and keep the answer: the ends of a connection that has died may be another's by then.
   * @throws Unauthenticated when no live connection has these ends
   */
  principalOf(info: ConnectionInfo): Principal {
    return this.#find(info).principal;
  }

  /**
   * SHA-256 of the peer's certificate, as `AB:CD:…`.
   * @throws Unauthenticated when no live connection has these ends
   */
  fingerprintOf(info: ConnectionInfo): string {
    return this.#find(info).fingerprint256;
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
