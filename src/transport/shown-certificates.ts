import type { Server as TlsServer, TLSSocket } from "node:tls";
import { type IdentityRefused, certificateFacts, faultIn, formatName } from "../identity/index.js";
import { x509Of } from "../x509.js";
import type { RefusalKind } from "./handshake-failure.js";

/** What of a certificate an operator finds it again by. */
export interface ShownCertificate {
  /** As RFC 4514 writes it, the last part first, cut to a bounded length. */
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
}

/** Of a name, in characters: a certificate may have a hundred thousand. */
const maxName = 512;

/**
 * The certificates that peers have shown, also those that are refused. Node forgets such a peer before it tells anybody, so its
 * certificate is looked at before Node looks: see docs/decisions/2026-11-21-private-parts.md. For the log alone.
 */
export class ShownCertificates {
  readonly #watched = new WeakSet<TLSSocket>();
  readonly #certificates = new WeakMap<TLSSocket, Buffer>();
  readonly #findings = new WeakMap<TLSSocket, string>();

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
        const finding = findingOf(socket);
        if (finding !== undefined) this.#findings.set(socket, finding);
      });
    });
  }

  /** Undefined if the peer has shown none, or its handshake did not come so far. */
  of(socket: TLSSocket): ShownCertificate | undefined {
    const der = this.#certificates.get(socket);
    if (der === undefined) return undefined;
    return describe(der);
  }

  /** What OpenSSL has against it, in OpenSSL's words; Node has codes for the half of them. Undefined if nothing. */
  findingOf(socket: TLSSocket): string | undefined {
    return this.#findings.get(socket);
  }

  /** What is wrong with the certificate itself, whoever issued it; OpenSSL often has no word for it. Undefined if nothing is. */
  faultOf(socket: TLSSocket, kind: RefusalKind): IdentityRefused | undefined {
    const der = this.#certificates.get(socket);
    return der !== undefined && (kind === "untrusted" || kind === "wrong_usage") ? faultIn(der, kind) : undefined;
  }
}

/** Node's own next step is to ask this, to keep the code and to forget the words. */
function findingOf(socket: TLSSocket): string | undefined {
  const { _handle } = socket as { readonly _handle?: { verifyError?(): Error | null | undefined } | null };
  return _handle?.verifyError?.()?.message;
}

function describe(der: Buffer): ShownCertificate {
  try {
    const { subject, issuer, serial } = certificateFacts(der);
    return { subject: cut(formatName(subject)), issuer: cut(formatName(issuer)), serial };
  } catch {
    // OpenSSL puts up with more than we do.
    const { subject, issuer, serialNumber } = x509Of(der);
    return { subject: cut(linesOf(subject)), issuer: cut(linesOf(issuer)), serial: serialNumber };
  }
}

function cut(name: string): string {
  return name.slice(0, maxName);
}

/** One part of the name a line, escaped: no character of a name makes a line of its own. Without a name there is no text. */
function linesOf(name: string | undefined): string {
  const parts = name?.split("\n") ?? [];
  return parts
    .map((part) => part.replaceAll(" + ", "+"))
    .reverse()
    .join(",");
}
