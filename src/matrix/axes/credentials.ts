/** The axis of credentials: what a caller shows, and, in plain words, what it is to come to. */
import type { TrialAuthority, TrialCertificate, TrialContent } from "../../pki/index.js";
import { issueAlone } from "../../pki/index.js";

/** Where a caller is turned away before it can ask for anything. `TLS`: by OpenSSL; `identity`: by what aclog makes of its certificate. */
export type EntranceLayer = "TLS" | "identity";

/** What a refusal at the entrance looks like from within. */
export interface TurnedAway {
  readonly layer: EntranceLayer;
  /** As it is counted, in `aclog_connections_refused_total`, and in the log's `kind`. */
  readonly word: string;
}

export interface Credential {
  readonly name: string;
  readonly entrance: "in" | TurnedAway;
  /** Whether it is turned away for something else once the clients' authority is not trusted any more. */
  readonly needsAuthority: boolean;
  /** What is shown. Left out for what is no certificate: `plain`. */
  readonly plain?: "HTTP/1.1" | "HTTP/2" | "TLS without a certificate" | "TLS 1.2";
  readonly make?: (signers: Signers, who: Who) => Shown;
  /** What is done with it before it is tried: it is a good one until then. */
  readonly spoiledBy?: "revocation" | "expiry";
  /** It is let in once, while it is good, and tries to go on with the session of then. */
  readonly resumes?: true;
}

/** Who can sign for this run. */
export interface Signers {
  readonly authority: TrialAuthority;
  readonly intermediate: TrialAuthority;
  /** Vouches for the tenant `globex` alone. */
  readonly ofGlobex: TrialAuthority;
  /** Not trusted. */
  readonly unknown: TrialAuthority;
  /** Not trusted, with the name of `authority`. */
  readonly namesake: TrialAuthority;
}

/** Whose certificate it is, or pretends to be. */
export interface Who {
  readonly tenant: string;
  readonly name: string;
  readonly notAfter?: Date;
}

/** A certificate, with those that are shown beside it. */
export interface Shown {
  readonly certificate: TrialCertificate;
  readonly chain?: readonly string[];
}

/** The trust domain of the matrix. */
export const trustDomain = "matrix.example";

const subjectOf = ({ tenant, name }: Who): TrialContent["subject"] => [
  ["O", tenant],
  ["CN", name],
];
const plainly = (who: Who): TrialContent => ({
  subject: subjectOf(who),
  ...(who.notAfter && { notAfter: who.notAfter }),
});
const spiffeId = ({ tenant, name }: Who): string => `spiffe://${trustDomain}/ns/${tenant}/sa/${name}`;

/** Signed by the clients' authority. */
const bySigner =
  (content: (who: Who) => Partial<TrialContent>) =>
  ({ authority }: Signers, who: Who): Shown => ({
    certificate: authority.issue({ ...plainly(who), ...content(who) }),
  });

const hourMs = 3_600_000;
const fromNow = (hours: number): Date => new Date(Date.now() + hours * hourMs);

const atTls = (word: string): TurnedAway => ({ layer: "TLS", word });
const atIdentity = (word: string): TurnedAway => ({ layer: "identity", word });

const plain: readonly Credential[] = [
  { name: "plain text, HTTP/1.1", entrance: atTls("protocol"), needsAuthority: false, plain: "HTTP/1.1" },
  { name: "plain text, HTTP/2", entrance: atTls("protocol"), needsAuthority: false, plain: "HTTP/2" },
  {
    name: "TLS without a certificate",
    entrance: atTls("no_certificate"),
    needsAuthority: false,
    plain: "TLS without a certificate",
  },
];

const welcome: readonly Credential[] = [
  { name: "valid", entrance: "in", needsAuthority: true, make: bySigner(plainly) },
  {
    name: "valid, through an intermediate",
    entrance: "in",
    needsAuthority: true,
    make: ({ intermediate }, who) => ({
      certificate: intermediate.issue(plainly(who)),
      chain: [intermediate.certificatePem],
    }),
  },
  {
    name: "SPIFFE",
    entrance: "in",
    needsAuthority: true,
    make: bySigner((who) => ({ subject: [], uris: [spiffeId(who)] })),
  },
];

const untrusted: readonly Credential[] = [
  {
    name: "TLS 1.2, with a valid certificate",
    entrance: atTls("protocol"),
    needsAuthority: false,
    plain: "TLS 1.2",
    make: bySigner(plainly),
  },
  {
    name: "unknown authority",
    entrance: atTls("untrusted"),
    needsAuthority: false,
    make: ({ unknown }, who) => ({ certificate: unknown.issue(plainly(who)) }),
  },
  {
    name: "same-named authority with another key",
    entrance: atTls("untrusted"),
    needsAuthority: false,
    make: ({ namesake }, who) => ({ certificate: namesake.issue(plainly(who)) }),
  },
  {
    name: "self-signed",
    entrance: atTls("untrusted"),
    needsAuthority: false,
    make: (_signers, who) => ({ certificate: issueAlone(plainly(who)) }),
  },
  {
    name: "missing intermediate",
    entrance: atTls("untrusted"),
    needsAuthority: false,
    make: ({ intermediate }, who) => ({ certificate: intermediate.issue(plainly(who)) }),
  },
  {
    name: "expired",
    entrance: atTls("expired"),
    needsAuthority: false,
    make: bySigner(() => ({ notBefore: fromNow(-2), notAfter: fromNow(-1) })),
  },
  {
    name: "not yet valid",
    entrance: atTls("not_yet_valid"),
    needsAuthority: false,
    make: bySigner(() => ({ notBefore: fromNow(1), notAfter: fromNow(2) })),
  },
  {
    name: "for servers only",
    entrance: atTls("wrong_usage"),
    // Of two things that are wrong, the usage is told, and below it the key.
    needsAuthority: false,
    make: bySigner(() => ({ usage: "serverAuth" })),
  },
];

const unfit: readonly Credential[] = [
  {
    name: "no usage",
    entrance: atIdentity("wrong_usage"),
    needsAuthority: true,
    make: bySigner(() => ({ usage: "none" })),
  },
  {
    name: "an authority's, as a client's",
    entrance: atIdentity("authority_as_client"),
    needsAuthority: true,
    make: bySigner(() => ({ isCa: true })),
  },
  {
    name: "weak key, RSA with 1,024 bits",
    entrance: atIdentity("weak"),
    needsAuthority: false,
    make: bySigner(() => ({ key: "weak" })),
  },
  {
    name: "revoked",
    entrance: atIdentity("revoked"),
    needsAuthority: true,
    make: bySigner(plainly),
    spoiledBy: "revocation",
  },
  {
    name: "right name, from another tenant's authority",
    entrance: atIdentity("other_authority"),
    needsAuthority: false,
    make: ({ ofGlobex }, who) => ({ certificate: ofGlobex.issue(plainly(who)) }),
  },
  {
    name: "resumed session, after expiry",
    entrance: atTls("expired"),
    needsAuthority: false,
    make: bySigner(plainly),
    spoiledBy: "expiry",
    resumes: true,
  },
  {
    name: "resumed session, after revocation",
    entrance: atIdentity("revoked"),
    needsAuthority: true,
    make: bySigner(plainly),
    spoiledBy: "revocation",
    resumes: true,
  },
];

/** What may stand in the place of a CN and is no name here: any of it makes nobody of whoever is signed so. */
export const misnomers: readonly { readonly name: string; readonly values: (name: string) => readonly string[] }[] = [
  { name: "empty CN", values: () => [""] },
  { name: "two CNs", values: (name) => [name, name] },
  { name: "separators in the CN", values: (name) => [`${name},O=globex`] },
  { name: "a path in the CN", values: (name) => [`../acme/${name}`] },
  { name: "NUL in the CN", values: (name) => [`${name}\0.globex`] },
  { name: "newline in the CN", values: (name) => [`${name}\nCN=root`] },
  // The first letter is a Cyrillic one.
  { name: "non-ASCII in the CN", values: (name) => [`\u0430${name.slice(1)}`] },
  { name: "a wildcard as the CN", values: () => ["*"] },
];

const misnamed: readonly Credential[] = [
  ...misnomers.map(({ name, values }): Credential => ({
    name,
    entrance: atIdentity("no_name"),
    needsAuthority: true,
    make: bySigner((who) => ({
      subject: [["O", who.tenant], ...values(who.name).map((value) => ["CN", value] as const)],
    })),
  })),
  {
    name: "SPIFFE, of another trust domain",
    entrance: atIdentity("no_name"),
    needsAuthority: true,
    make: bySigner((who) => ({ uris: [`spiffe://other.example/ns/${who.tenant}/sa/${who.name}`] })),
  },
  {
    name: "of a tenant that is not declared",
    entrance: atIdentity("tenant_undeclared"),
    needsAuthority: true,
    make: bySigner(({ name }) => ({ subject: subjectOf({ tenant: "nobody", name }) })),
  },
];

/** In the order in which a report has them. */
export const credentials: readonly Credential[] = [...welcome, ...plain, ...untrusted, ...unfit, ...misnamed];
