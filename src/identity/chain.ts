import { createHash, type KeyObject } from "node:crypto";
import { x509Of } from "../x509.js";
import { type CertificateFacts, certificateFacts, fingerprint256, readCertificate } from "./certificate.js";
import { comparableName } from "../same-name.js";
import { formatName } from "./distinguished-name.js";
import type { AuthorityKey } from "./extensions.js";
import { IdentityRefused, type Presented } from "./identity.js";

/** A certificate with what has been found out about it. */
export class Certificate {
  readonly der: Buffer;
  readonly facts: CertificateFacts;
  /** By the key of an issuer: whether it has signed this. That never changes. */
  readonly #signedBy = new Map<string, boolean>();
  #fingerprint256: string | undefined;
  #subject: string | undefined;
  #issuer: string | undefined;
  #keyId: string | undefined;
  #subjectName: string | undefined;
  #issuerName: string | undefined;
  #key: KeyObject | undefined;

  constructor(der: Buffer, facts: CertificateFacts) {
    this.der = der;
    this.facts = facts;
  }

  /** SHA-256, as `AB:CD:…`. */
  get fingerprint256(): string {
    return (this.#fingerprint256 ??= fingerprint256(this.der));
  }

  /** As RFC 4514 writes it. */
  get subject(): string {
    return (this.#subject ??= formatName(this.facts.subject));
  }

  get issuer(): string {
    return (this.#issuer ??= formatName(this.facts.issuer));
  }

  /** The same for all certificates of this subject, however they spell it: see `comparableName`. */
  get subjectName(): string {
    return (this.#subjectName ??= comparableName(this.facts.subject));
  }

  get issuerName(): string {
    return (this.#issuerName ??= comparableName(this.facts.issuer));
  }

  /** The same for all certificates with this public key. */
  get keyId(): string {
    return (this.#keyId ??= createHash("sha256")
      .update(this.publicKey.export({ type: "spki", format: "der" }))
      .digest("hex"));
  }

  /** @throws Error for a key that OpenSSL does not know */
  get publicKey(): KeyObject {
    return (this.#key ??= x509Of(this.der).publicKey);
  }

  /** Whether the other one has its issuer's name and the key that signed it, and is the one of that issuer's that this wants. */
  isIssuedBy(issuer: Certificate): boolean {
    return this.isSignedBy(issuer) && isWanted(issuer, this.facts.authorityKey);
  }

  /** Whether the other one has its issuer's name and the key that signed it. */
  isSignedBy(issuer: Certificate): boolean {
    if (this.issuerName !== issuer.subjectName) return false;
    try {
      const known = this.#signedBy.get(issuer.keyId);
      if (known !== undefined) return known;
      const isSigned = x509Of(this.der).verify(issuer.publicKey);
      this.#signedBy.set(issuer.keyId, isSigned);
      return isSigned;
    } catch {
      // A key or an algorithm that OpenSSL does not know.
      return false;
    }
  }
}

/** As OpenSSL (X509_check_akid): what one of the two does not say does not matter. */
function isWanted({ facts, issuerName }: Certificate, wanted: AuthorityKey | undefined): boolean {
  if (wanted === undefined) return true;
  const { keyId, serial, issuer } = wanted;
  return (
    (keyId === undefined || facts.keyId === undefined || keyId === facts.keyId) &&
    (serial === undefined || serial === facts.serial) &&
    (issuer === undefined || comparableName(issuer) === issuerName)
  );
}

/** An authority that somebody has put among ours. */
export class Authority extends Certificate {
  /** The file that it came from. */
  readonly source: string;

  constructor(der: Buffer, facts: CertificateFacts, source: string) {
    super(der, facts);
    this.source = source;
  }

  /** @throws DerError */
  static of(der: Buffer, source: string): Authority {
    return new Authority(der, readCertificate(der), source);
  }
}

/** From a leaf to an authority of ours, each one signed by the next. Nothing else is judged yet. */
export type Chain = readonly [Certificate, ...Certificate[]];

/** In all, with the leaf and the authority. */
export const maxChain = 5;
/** What somebody may show, however little of it is of use. */
const maxShown = 10;
/** More ways than these are not tried. */
const maxChains = 16;

/** What a peer showed, read once. */
export class Shown {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
  static readonly #known = new WeakMap<Presented, Shown>();

  /** @throws IdentityRefused ("malformed", "chain_too_long") */
  private constructor({ leaf, others }: Presented) {
    if (others.length >= maxShown) {
      throw new IdentityRefused(
        "chain_too_long",
        `${others.length + 1} certificates were shown, and ${maxShown} may be`,
      );
    }
    this.leaf = new Certificate(leaf, certificateFacts(leaf));
    this.others = others.map((der) => new Certificate(der, certificateFacts(der, "a certificate of the chain")));
  }

  /** The same one each time: reading and checking signatures is nine tenths of what a judgement costs. */
  static of(presented: Presented): Shown {
    const known = this.#known.get(presented);
    if (known !== undefined) return known;
    const shown = new Shown(presented);
    this.#known.set(presented, shown);
    return shown;
  }
}

/** Finds those of a name at once. */
export class Authorities implements Iterable<Authority> {
  readonly #byName = new Map<string, Authority[]>();
  readonly #all: readonly Authority[];

  constructor(authorities: readonly Authority[]) {
    this.#all = authorities;
    for (const authority of authorities) {
      const named = this.#byName.get(authority.subjectName);
      if (named === undefined) this.#byName.set(authority.subjectName, [authority]);
      else named.push(authority);
    }
  }

  /** Those whose name this is, by their `subjectName`. */
  named(name: string): readonly Authority[] {
    return this.#byName.get(name) ?? [];
  }

  [Symbol.iterator](): Iterator<Authority> {
    return this.#all[Symbol.iterator]();
  }
}

/**
 * Those that have certified one another in a circle, and what stands between two circles; empty if there is none. By names, as
 * OpenSSL goes from one to the next where a certificate says no more; certificates of one name are told apart by their keys.
 */
export function findCircle(authorities: readonly Authority[]): readonly Authority[] {
  let left = authorities.filter((authority) => !authority.isIssuedBy(authority));
  for (;;) {
    const byName = new Authorities(left);
    const led = new Set<Authority>();
    const leading = left.filter((authority) => {
      const { issuerName, subjectName } = authority;
      const isOfOneName = issuerName === subjectName;
      const above = byName.named(issuerName).filter((other) => !isOfOneName || authority.isIssuedBy(other));
      for (const other of above) led.add(other);
      return above.length > 0;
    });
    const inside = leading.filter((authority) => led.has(authority));
    if (inside.length === left.length) return left;
    left = inside;
  }
}

/**
 * Every way from the leaf to an authority of ours by certificates that were shown, shortest first at each step. An authority
 * need not be its own issuer: whoever puts an intermediate among ours trusts it by itself. But where the one above is among
 * ours too, a chain goes on to that: what it may not, or has revoked, counts whether or not the one below is beside it.
 *
 * @throws IdentityRefused ("untrusted", "chain_too_long") when there is none
 */
export function findChains(shown: Shown, authorities: Authorities): readonly Chain[] {
  const chains: Chain[] = [];
  const tooLong: Chain[] = [];
  const climb = (path: Chain): void => {
    const last = path.at(-1)!;
    // One with the same key is the same authority, certified anew. Whichever of its certificates the one below wants: what the
    // authority has revoked is not good again because it has another one.
    const above = authorities
      .named(last.issuerName)
      .filter((other) => !path.slice(1).some(({ keyId }) => keyId === other.keyId) && last.isSignedBy(other));
    if (path.length > maxChain) tooLong.push(path);
    else if (above.length === 0) chains.push(path);
    else for (const authority of above) if (chains.length < maxChains) climb([...path, authority]);
  };
  const leading = leadingAmong(shown.others, authorities);
  const extend = (path: Chain): void => {
    const last = path.at(-1)!;
    for (const authority of authorities.named(last.issuerName)) {
      if (chains.length >= maxChains) return;
      if (last.isIssuedBy(authority)) climb([...path, authority]);
    }
    if (path.length > maxChain) return;
    for (const other of leading) {
      if (chains.length >= maxChains) return;
      if (!path.includes(other) && last.isIssuedBy(other)) extend([...path, other]);
    }
  };
  extend([shown.leaf]);
  if (chains.length > 0) return chains;
  throw tooLong.length > 0 ? chainTooLong() : whyNoChain(shown, authorities);
}

/** Those that lead to an authority of ours, in their order. Of nine that have certified one another, 15,000 ways lead nowhere. */
function leadingAmong(others: readonly Certificate[], authorities: Authorities): readonly Certificate[] {
  const leading = new Set<Certificate>();
  for (let before = -1; leading.size > before;) {
    before = leading.size;
    for (const each of others) {
      const above = [...authorities.named(each.issuerName), ...leading];
      if (above.some((other) => each.isIssuedBy(other))) leading.add(each);
    }
  }
  return others.filter((each) => leading.has(each));
}

function chainTooLong(): IdentityRefused {
  const most = `${maxChain} certificates, with its own and the authority's`;
  return new IdentityRefused("chain_too_long", `the certificate's chain is longer than ${most}`);
}

function whyNoChain({ leaf, others }: Shown, authorities: Authorities): IdentityRefused {
  const untrusted = (problem: string): IdentityRefused => new IdentityRefused("untrusted", problem);
  if (leaf.isIssuedBy(leaf)) return untrusted("the certificate is self-signed");
  // As far as it leads: one that has issued itself leads no further than its name did.
  const path = [leaf];
  const next = (): Certificate | undefined =>
    others.find((other) => !path.includes(other) && !other.isIssuedBy(other) && path.at(-1)!.isIssuedBy(other));
  for (let found = next(); found !== undefined; found = next()) path.push(found);
  const last = path.at(-1)!;
  // Not that they were shown: Node puts authorities that were ours behind what was.
  const what = last === leaf ? "the certificate" : `the certificate leads to ${last.subject}, which`;
  const named = authorities.named(last.issuerName);
  if (named.some((authority) => last.isIssuedBy(authority))) return chainTooLong();
  if (named.some((authority) => last.isSignedBy(authority))) {
    return untrusted(
      `${what} was signed by ${last.issuer}, but wants another certificate of it than is here (authorityKeyIdentifier)`,
    );
  }
  const nameOnly = `was signed in the name of ${last.issuer}, but not by the key of the authority of that name`;
  if (named.length > 0) return untrusted(`${what} ${nameOnly}`);
  const end = "that is not among the authorities, and nothing that was shown leads on from there";
  return untrusted(`${what} was issued by ${last.issuer}: ${end}`);
}
