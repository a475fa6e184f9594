/** In which disguises somebody tries to get in who must not. */
import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Principal, parsePrincipal } from "../names.js";
import { ShortLivedAuthority, type TrialAuthority, certificatesIn, issueSelfSigned } from "../pki/index.js";
import { credentials } from "./axes/credentials.js";
import type { ClientKeys } from "./stage.js";

/** Whose place an outsider tries to take: somebody who would get what he asks for. */
export interface Victim {
  readonly principal: string;
  readonly keys: ClientKeys;
  readonly tenant: string;
  readonly topic: string;
}

export interface OutsiderOptions {
  readonly victim: Victim;
  /** What signs as the real authority; without it, those are left out who have its signature and still must not get in. */
  readonly authority: ShortLivedAuthority | undefined;
  /** The same, for what no authority signs. */
  readonly trial?: TrialAuthority | undefined;
  /** A tenant that the policy does not know. */
  readonly undeclaredTenant: string;
}

/** Where they knock. */
export interface Door {
  /** The authorities that vouch for clients, PEM. */
  readonly ca: Buffer;
  /** Begins a connection. */
  readonly overTls: (options: ConnectionOptions) => Socket;
  readonly inPlainText: () => Socket;
}

/** What an outsider does. */
export interface Disguise {
  readonly who: string;
  /** The word by which his refusal has to be counted, where only one will do. */
  readonly due?: string;
  readonly speaks: "HTTP/1.1" | "gRPC";
  /** Begins to connect. */
  readonly knock: () => Socket;
}

export function disguises(
  door: Door,
  { victim, authority, trial, undeclaredTenant }: OutsiderOptions,
): readonly Disguise[] {
  const principal = parsePrincipal(victim.principal)!;
  const overTls = (who: string, options: ConnectionOptions): Disguise => ({
    who,
    speaks: "gRPC",
    knock: () => door.overTls(options),
  });
  const bearing = (who: string, { certificatePem, keyPem }: ReturnType<typeof issueSelfSigned>): Disguise =>
    overTls(who, { cert: certificatePem, key: keyPem });
  const authorities = certificatesIn(door.ca);
  const anyone = [
    { who: "plain text, HTTP/1.1", speaks: "HTTP/1.1", knock: door.inPlainText } as const,
    { who: "plain text, HTTP/2", speaks: "gRPC", knock: door.inPlainText } as const,
    overTls("TLS without a certificate", {}),
    overTls("TLS 1.2, with the right certificate", {
      ...victim.keys,
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.2",
    }),
    bearing("a certificate signed by itself", issueSelfSigned(principal)),
    bearing("a certificate of another authority", ShortLivedAuthority.unknown().issue(principal)),
    ...authorities.map((pem) =>
      bearing(
        `a certificate of a same-named authority${authorities.length > 1 ? ` (${subjectOf(pem)})` : ""}`,
        ShortLivedAuthority.pretending(pem).issue(principal),
      ),
    ),
  ];
  if (authority === undefined) return anyone;
  const expired = { notBefore: hoursAgo(2), notAfter: hoursAgo(1) };
  return [
    ...anyone,
    bearing("a certificate that has expired", authority.issue(principal, expired)),
    bearing("a certificate for servers", authority.issue(principal, { usage: "serverAuth" })),
    bearing(
      "a certificate of a tenant that is not declared",
      authority.issue({ ...principal, tenant: undeclaredTenant }),
    ),
    ...(trial === undefined ? [] : misfits(trial, principal)).map(({ who, due, options }) => ({
      ...overTls(who, options),
      due,
    })),
  ];
}

/** A name that no tenant has. */
export function undeclaredAmong(tenants: readonly string[]): string {
  let name = "undeclared";
  while (tenants.includes(name)) name += "-";
  return name;
}

/** Certificates of the real authority that make nobody a principal, whatever the policy says. */
function misfits(authority: TrialAuthority, who: Principal): readonly Misfit[] {
  return credentials.flatMap(({ name, entrance, isBadAnywhere, make }) => {
    if (!isBadAnywhere || make === undefined || entrance === "in") return [];
    // None of these is signed by another one.
    const signers = {
      authority,
      intermediate: authority,
      ofGlobex: authority,
      unknown: authority,
      namesake: authority,
    };
    const { certificate } = make(signers, who);
    const options = { cert: certificate.certificatePem, key: certificate.keyPem };
    return [{ who: `a certificate: ${name}`, due: entrance.word, options }];
  });
}

interface Misfit {
  readonly who: string;
  readonly due: string;
  readonly options: ConnectionOptions;
}

function subjectOf(pem: string): string {
  return new X509Certificate(pem).subject.replaceAll("\n", ",");
}

function hoursAgo(hours: number): Date {
  return new Date(Date.now() - hours * 3_600_000);
}
