import { formatPrincipal, type Principal } from "../names.js";
import { Authorities, type Authority, type Certificate, type Chain, Shown, findChains } from "./chain.js";
import { type Identity, IdentityRefused, type Presented, type TenantStanding } from "./identity.js";
import { requireClient, requireForClients, requireStrength, requireStrongKey, requireUnderstood } from "./fitness.js";
import { type NameConstraints, mayVouchFor } from "./name-constraints.js";
import { type RevocationList, unspecified } from "./revocation-list.js";
import { IdentityRules } from "./rules.js";
import { RevocationLists } from "./revocation-lists.js";
import { type Step, Walk } from "./walk.js";

/** What the policy in force says of tenants, as far as it decides who somebody is. */
export interface TenantGate {
  /** With the fingerprints of its authorities; undefined for a tenant that is not declared. */
  standingOf(tenant: string): TenantStanding | undefined;
  /** Who gets in although his tenant may not be declared, or is suspended. */
  isBreakGlass(principal: Principal): boolean;
  /** The tenants that alone the authority with this fingerprint vouches for; none: it vouches for all that are bound to no other. */
  boundTo(authorityFingerprint: string): readonly string[];
}

export interface TrustParts {
  readonly authorities: readonly Authority[];
  readonly rules: IdentityRules;
  readonly lists: readonly RevocationList[];
  /** What an expired list means: that new connections which need it are refused, or nothing. */
  readonly expiredLists: "refuse" | "accept";
}

export interface JudgeOptions {
  /** Of a connection that was let in before: a list that has expired since does not end it. */
  readonly isLive?: boolean;
  /** The wall clock, in milliseconds since 1970. */
  readonly nowMs?: number;
}

/**
 * Who is trusted to say who somebody is: the authorities, what they have revoked, and how a name is read from a certificate.
 * Never changes; another one takes its place.
 */
export class Trust {
  readonly authorities: readonly Authority[];
  readonly #byName: Authorities;
  /** Fingerprints of the authorities that have a key. */
  readonly #byKey = new Map<string, string[]>();
  readonly rules: IdentityRules;
  readonly #lists: RevocationLists;
  readonly #expiredLists: TrustParts["expiredLists"];

  constructor({ authorities, rules, lists, expiredLists }: TrustParts) {
    this.authorities = authorities;
    this.#byName = new Authorities(authorities);
    for (const { keyId, fingerprint256 } of authorities)
      this.#byKey.set(keyId, [...(this.#byKey.get(keyId) ?? []), fingerprint256]);
    this.rules = rules;
    this.#lists = new RevocationLists(lists);
    this.#expiredLists = expiredLists;
  }

  /** Without those in whose place a newer one counts. */
  get listsInUse(): ReadonlySet<RevocationList> {
    return this.#lists.inUse(this.authorities);
  }

  /**
   * Who it is. Beside what OpenSSL has verified, not in its place: both have to agree.
   * @throws IdentityRefused
   */
  judge(presented: Presented, tenants: TenantGate, options: JudgeOptions = {}): Identity {
    return this.#judge(presented, tenants, options, new Walk(false));
  }

  /** The same, question by question. It does not throw what `judge` would: that is the step that refused. */
  explain(presented: Presented, tenants: TenantGate, options: JudgeOptions = {}): readonly Step[] {
    const walk = new Walk(true);
    try {
      this.#judge(presented, tenants, options, walk);
    } catch (error) {
      if (!(error instanceof IdentityRefused)) throw error;
    }
    return walk.steps;
  }

  #judge(presented: Presented, tenants: TenantGate, options: JudgeOptions, walk: Walk): Identity {
    const shown = walk.ask("the certificates that were shown", () => Shown.of(presented), tellShown);
    const find = (): readonly Chain[] => {
      const chains = findChains(shown, this.#byName);
      const sound = chains.filter((chain) => whyUnsound(chain) === undefined);
      if (sound.length === 0) throw new IdentityRefused("untrusted", whyUnsound(chains[0]!)!);
      return sound;
    };
    const chains = walk.ask("the chain to an authority", find, tellChains);
    return walk.first(chains, (chain, way) => this.#judgeChain(chain, tenants, options, way));
  }

  #judgeChain(chain: Chain, tenants: TenantGate, { isLive = false, nowMs = Date.now() }: JudgeOptions, walk: Walk) {
    const [leaf] = chain;
    const endsMs = Math.min(...chain.map(({ facts }) => facts.notAfterMs));
    walk.ask(
      "the days on which they are valid",
      () => chain.forEach((certificate) => refuseOutdated(certificate, leaf, nowMs)),
      () => `until ${new Date(endsMs).toISOString()}`,
    );
    walk.ask(
      "the strength",
      () => {
        chain.slice(0, -1).forEach((certificate) => refuseUnfit(certificate, leaf));
        const authority = chain.at(-1)!;
        requireStrongKey(authority.facts, `the authority ${authority.subject}`);
      },
      () => "keys and signatures are strong enough, and nothing critical is unknown",
    );
    walk.ask(
      "the usage",
      () => {
        requireClient(leaf.facts);
        for (const { facts, subject } of chain.slice(1)) requireForClients(facts, `the authority ${subject}`);
      },
      () => "a client's",
    );
    walk.ask(
      "revocation",
      () => chain.slice(1).map((_, at) => this.#refuseRevoked(chain, at, isLive, nowMs)),
      (lists) => (lists.some((count) => count > 0) ? "on no list" : "no authority of the chain has a list here"),
    );
    // As the authority writes its own name: one that spells it otherwise below itself is not beyond the rules that name it.
    const facts = { ...leaf.facts, issuer: chain[1]?.facts.subject ?? leaf.facts.issuer };
    const vouchers = chain.slice(1).map(({ fingerprint256 }) => fingerprint256);
    const { principal } = walk.ask(
      "the name",
      () => this.rules.evaluate(facts, vouchers),
      ({ principal, rule }) => `${formatPrincipal(principal)}, by rule ${rule}`,
      () => this.rules.explain(facts, vouchers),
    );
    walk.ask(
      "the tenant",
      () => refuseTenant(principal, tenants),
      () => "declared",
    );
    walk.ask(
      "the tenant's authority",
      () => this.#refuseOtherAuthority(principal.tenant, chain, tenants),
      (isBound) => (isBound ? "the tenant is bound to an authority of the chain" : "the tenant is bound to none"),
    );
    const { serial } = leaf.facts;
    const { subject, issuer, fingerprint256 } = leaf;
    return { principal, serial, subject, issuer, fingerprint256, endsMs };
  }

  /** How many lists were asked. @throws IdentityRefused ("revoked", "revocation_unknown") */
  #refuseRevoked(chain: Chain, at: number, isLive: boolean, nowMs: number): number {
    const [certificate, issuer, isLeaf] = [chain[at]!, chain[at + 1]!, at === 0];
    const lists = this.#lists.of(issuer);
    for (const list of lists) {
      const reason = list.reasonOf(certificate.facts.serial);
      if (reason !== undefined) {
        const what = isLeaf ? "the certificate" : `the authority ${certificate.subject}`;
        throw new IdentityRefused("revoked", `${what} was revoked${reason === unspecified ? "" : ` (${reason})`}`);
      }
    }
    const expired = lists.find(({ nextUpdateMs = Infinity }) => nextUpdateMs <= nowMs);
    if (expired !== undefined && !isLive && this.#expiredLists === "refuse") {
      const when = new Date(expired.nextUpdateMs!).toISOString();
      const problem = `the revocation list of ${expired.issuer} expired on ${when}: nobody knows what it has revoked since`;
      throw new IdentityRefused("revocation_unknown", problem);
    }
    return lists.length;
  }

  /** Whether the tenant is bound. @throws IdentityRefused ("other_authority") */
  #refuseOtherAuthority(tenant: string, [, ...vouchers]: Chain, tenants: TenantGate): boolean {
    // An authority is its key: a certificate that another one has made for it does not set it free.
    const known = vouchers.flatMap((each) => [each.fingerprint256, ...(this.#byKey.get(each.keyId) ?? [])]);
    const isForOthers = known.some((fingerprint) => {
      const bound = tenants.boundTo(fingerprint);
      return bound.length > 0 && !bound.includes(tenant);
    });
    if (isForOthers) {
      throw new IdentityRefused(
        "other_authority",
        `an authority of the certificate's chain vouches for other tenants alone, not for "${tenant}"`,
      );
    }
    const bound = tenants.standingOf(tenant)?.authorities;
    if (bound === undefined) return false;
    if (bound.length === 0) {
      const problem = `tenant "${tenant}" is bound to authorities of which none is here`;
      throw new IdentityRefused("other_authority", problem);
    }
    if (!vouchers.some(({ fingerprint256 }) => bound.includes(fingerprint256))) {
      throw new IdentityRefused(
        "other_authority",
        `tenant "${tenant}" is bound to an authority that is not in the certificate's chain`,
      );
    }
    return true;
  }
}

/** Why a chain of good signatures vouches for nobody. Source: RFC 5280, 6.1.4. */
function whyUnsound(chain: Chain): string | undefined {
  let below = 0;
  for (const [at, authority] of chain.slice(1).entries()) {
    const { basicConstraints, keyUsage, nameConstraints } = authority.facts;
    const isAuthority = basicConstraints?.isCa === true && (keyUsage?.has("keyCertSign") ?? true);
    const issued = at === 0 ? "the certificate" : chain[at]!.subject;
    if (!isAuthority) return `${issued} was issued by ${authority.subject}, which is no authority`;
    if (basicConstraints.pathLength !== undefined && below > basicConstraints.pathLength) {
      return `${authority.subject} may not have as many authorities below it as the certificate's chain has`;
    }
    const forbidden =
      nameConstraints && chain.slice(0, at + 1).find((each) => isForbidden(each, chain[0], nameConstraints));
    if (forbidden !== undefined) {
      const what = forbidden === chain[0] ? "the certificate" : forbidden.subject;
      return `${authority.subject} may vouch for certain names alone, and not for ${what}`;
    }
    // One that is its own issuer, as in a roll-over, does not count.
    if (at < chain.length - 2 && !isSelfIssued(authority)) below++;
  }
  return undefined;
}

/** Source: RFC 5280, 6.1.4 (b) and 6.1.3 (b). */
function isForbidden(certificate: Certificate, leaf: Certificate, constraints: NameConstraints): boolean {
  const isLeaf = certificate === leaf;
  return (isLeaf || !isSelfIssued(certificate)) && !mayVouchFor(constraints, certificate.facts, isLeaf);
}

function isSelfIssued({ issuerName, subjectName }: Certificate): boolean {
  return issuerName === subjectName;
}

/** As OpenSSL: the last moment is over when it comes. @throws IdentityRefused ("expired", "not_yet_valid") */
function refuseOutdated(certificate: Certificate, leaf: Certificate, nowMs: number): void {
  const { notBeforeMs, notAfterMs } = certificate.facts;
  const what = certificate === leaf ? "the certificate" : `the authority ${certificate.subject}`;
  if (nowMs >= notAfterMs) throw new IdentityRefused("expired", `${what} has expired`);
  if (nowMs < notBeforeMs) throw new IdentityRefused("not_yet_valid", `${what} is not valid yet`);
}

/** @throws IdentityRefused ("weak", "untrusted") */
function refuseUnfit(certificate: Certificate, leaf: Certificate): void {
  const what = certificate === leaf ? "the certificate" : `the authority ${certificate.subject}`;
  requireStrength(certificate.facts, what);
  requireUnderstood(certificate.facts, what);
}

/** @throws IdentityRefused ("tenant_undeclared", "tenant_suspended") */
function refuseTenant(principal: Principal, tenants: TenantGate): void {
  if (tenants.isBreakGlass(principal)) return;
  const standing = tenants.standingOf(principal.tenant);
  if (standing === undefined) {
    throw new IdentityRefused("tenant_undeclared", `tenant "${principal.tenant}" is not declared`);
  }
  if (standing.isSuspended) {
    throw new IdentityRefused("tenant_suspended", `tenant ${principal.tenant} is suspended`);
  }
}

function tellShown({ leaf, others }: Shown): string {
  const name = `${leaf.subject}, number ${leaf.facts.serial}`;
  return others.length === 0 ? name : `${name}, and ${others.map(({ subject }) => subject).join(", ")}`;
}

function tellChains(chains: readonly Chain[]): string {
  return chains.map(([, ...vouchers]) => vouchers.map(({ subject }) => subject).join(" ← ")).join("; or ");
}
