/** In which disguises somebody tries to get in who must not. */
import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { StatedCase, StatedMatrix } from "../authz/index.js";
import { parsePrincipal } from "../names.js";
import { ShortLivedAuthority, type TrialAuthority, certificatesIn, issueSelfSigned } from "../pki/index.js";
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
  /** What signs as the real authority; without it, those cannot be tried who have its signature and still must not get in. */
  readonly authority: TrialAuthority | undefined;
  /** Why there is none; undefined where there is one, or where they are to be left out. */
  readonly noAuthority: string | undefined;
  /** Tenants that an authority is bound to, and who of them could be taken for. */
  readonly bindings: readonly Binding[];
  /** A tenant that the policy does not know. */
  readonly undeclaredTenant: string;
}

/** A tenant for which certain authorities alone vouch. */
export interface Binding {
  readonly tenant: string;
  /** Somebody of that tenant; undefined when nobody of them is present. */
  readonly victim: Victim | undefined;
  /** PEM of these authorities. */
  readonly authorities: readonly string[];
  /** Those of them whose key is here, each with the name of its file. */
  readonly signers: readonly (readonly [file: string, TrialAuthority])[];
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
  /** The word by which his refusal has to be counted. */
  readonly due: string;
  /** What the refusal has to say, where many things share the word. */
  readonly says?: RegExp;
  readonly speaks: "HTTP/1.1" | "gRPC";
  /** In whose place; that of the victim of all unless told. */
  readonly victim?: Victim;
  /** Begins to connect. */
  readonly knock: () => Socket;
}

/** Somebody who has no authority's signature, or has the right one and shows it in the wrong way. */
export function disguises(door: Door, { victim }: OutsiderOptions): readonly Disguise[] {
  const principal = parsePrincipal(victim.principal)!;
  const overTls = (who: string, due: string, options: ConnectionOptions): Disguise => ({
    who,
    due,
    speaks: "gRPC",
    knock: () => door.overTls(options),
  });
  const bearing = (who: string, { certificatePem, keyPem }: ReturnType<typeof issueSelfSigned>): Disguise =>
    overTls(who, "untrusted", { cert: certificatePem, key: keyPem });
  const authorities = certificatesIn(door.ca);
  return [
    { who: "plain text, HTTP/1.1", due: "protocol", speaks: "HTTP/1.1", knock: door.inPlainText },
    { who: "plain text, HTTP/2", due: "protocol", speaks: "gRPC", knock: door.inPlainText },
    overTls("TLS without a certificate", "no_certificate", {}),
    overTls("TLS 1.2, with the right certificate", "protocol", {
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
}

/**
 * Who gets most of what he asks for; undefined when nobody is present. Rather of a tenant that is not bound to an authority of
 * its own: in the place of one that is, the common one's signature is refused before any fault.
 */
export function victimAmong(
  { cases, standingOf }: StatedMatrix,
  present: readonly string[],
  keysOf: ReadonlyMap<string, ClientKeys>,
): Victim | undefined {
  const theirs = cases.filter(({ principal }) => present.includes(principal));
  const writers = theirs.filter(({ action, decision }) => action === "produce" && decision === "allow");
  const isFree = ({ principal }: StatedCase): boolean =>
    standingOf(parsePrincipal(principal)!.tenant).authorities === undefined;
  const whom = writers.find(isFree) ?? writers[0] ?? theirs[0];
  return whom && { ...whom, keys: keysOf.get(whom.principal)! };
}

/** A name that no tenant has. */
export function undeclaredAmong(tenants: readonly string[]): string {
  let name = "undeclared";
  while (tenants.includes(name)) name += "-";
  return name;
}

function subjectOf(pem: string): string {
  return new X509Certificate(pem).subject.replaceAll("\n", ",");
}
