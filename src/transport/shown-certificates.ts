import { X509Certificate } from "node:crypto";
import type { Server as TlsServer, TLSSocket } from "node:tls";

/** What of a certificate an operator finds it again by. */
export interface ShownCertificate {
  /** As RFC 4514 writes it, the last part first, cut to a bounded length. */
  readonly subject: string;
  readonly serial: string;
}

/** Of a name, in characters: a certificate may have a hundred thousand. */
const maxSubject = 512;

/**
 * The certificates that peers have shown, also those that are refused. Node forgets such a peer before it tells anybody, so its
 * certificate is looked at before Node looks: see docs/decisions/2026-11-21-private-parts.md. For the log alone.
 */
export class ShownCertificates {
  readonly #watched = new WeakSet<TLSSocket>();
  readonly #certificates = new WeakMap<TLSSocket, Buffer>();

  constructor(server: TlsServer) {
    // The one event of Node that has the socket before its handshake is finished. What it is there for is of no use here, and
    // must be in memory no longer than it has to.
    server.on("keylog", (secrets: Buffer, socket: TLSSocket) => {
      secrets.fill(0);
      if (this.#watched.has(socket)) return;
      this.#watched.add(socket);
      socket.prependOnceListener("secure", () => {
        // Not getPeerX509Certificate(), which takes away what was shown with it: see presentedBy in identity/. Without a
        // certificate it is an empty object, whatever its type says.
        const der = socket.getPeerCertificate().raw as Buffer | undefined;
        if (der !== undefined) this.#certificates.set(socket, der);
      });
    });
  }

  /** Undefined if the peer has shown none, or its handshake did not come so far. */
  of(socket: TLSSocket): ShownCertificate | undefined {
    const der = this.#certificates.get(socket);
    if (der === undefined) return undefined;
    const certificate = new X509Certificate(der);
    // One part of the name a line, escaped: no character of a name makes a line of its own.
    const parts = (certificate.subject as string | undefined)?.split("\n") ?? [];
    const subject = parts.map((part) => part.replaceAll(" + ", "+")).reverse();
    return { subject: subject.join(",").slice(0, maxSubject), serial: certificate.serialNumber };
  }
}
