import type { TLSSocket } from "node:tls";
import { Unauthenticated } from "../errors.js";
import type { Principal } from "../names.js";

/** The certificates that a peer showed in its handshake, as DER. */
export interface Presented {
  /** Its own. */
  readonly leaf: Buffer;
  /** What it brought along to lead from there to an authority, in the order of its chain. */
  readonly others: readonly Buffer[];
}

/** Who somebody is, and what it rests on. */
export interface Identity {
  readonly principal: Principal;
  /** Of his certificate, upper-case hexadecimal. */
  readonly serial: string;
  /** As RFC 4514 writes it, the last part first: `CN=billing,O=acme`. */
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256 of his certificate, as `AB:CD:…`. */
  readonly fingerprint256: string;
  /** When the first of the certificates that lead to the authority ends, in milliseconds since 1970. */
  readonly endsMs: number;
}

/**
 * Who the bearer of these certificates is, by what is trusted and declared at this moment.
 *
 * @param isLive asked of a connection that was let in before: what keeps only new ones out does not count
 * @throws IdentityRefused
 */
export type Judge = (presented: Presented, isLive?: boolean) => Identity;

export type { TenantStanding } from "../tenant-standing.js";

/** Why somebody is nobody here: one word each, to count by. Add, never rename: dashboards and tests go by them. */
export const identityProblems = [
  "no_certificate",
  "malformed",
  "untrusted",
  "not_yet_valid",
  "expired",
  "revoked",
  "revocation_unknown",
  "weak",
  "wrong_usage",
  "authority_as_client",
  "chain_too_long",
  "no_name",
  "tenant_undeclared",
  "tenant_suspended",
  "other_authority",
  "resumed",
  "over_limit",
  "gone",
] as const;

export type IdentityProblem = (typeof identityProblems)[number];

/** This peer gets no principal, or loses the one that it had, and the message says exactly why, on one line. */
export class IdentityRefused extends Unauthenticated {
  readonly problem: IdentityProblem;

  constructor(problem: IdentityProblem, message: string, options?: ErrorOptions) {
    // Nobody reads its stack trace, and to take one costs more than to judge. A thousand connections may end at once.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, {}, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.problem = problem;
  }
}

/**
 * Undefined when the peer showed no certificate. Only while the socket is open.
 *
 * Node puts authorities of ours behind what was shown, as far as they carry the chain on. That is no harm: what stands here
 * is only what may lead to somebody who is trusted, and anybody can show a certificate that is not his own.
 */
export function presentedBy(socket: TLSSocket): Presented | undefined {
  // Not getPeerX509Certificate(): in Node 20 it takes the certificates that were shown away from the connection, so that
  // nobody finds them any more and their memory is never given back.
  let at = socket.getPeerCertificate(true);
  // Without a certificate it is an empty object, whatever its type says.
  const leaf = at.raw as Buffer | undefined;
  if (leaf === undefined) return undefined;
  const others: Buffer[] = [];
  // At its root a chain names itself as its issuer.
  const seen = new Set([at]);
  while (at.issuerCertificate as unknown) {
    at = at.issuerCertificate;
    if (seen.has(at)) break;
    seen.add(at);
    others.push(at.raw);
  }
  return { leaf, others };
}
