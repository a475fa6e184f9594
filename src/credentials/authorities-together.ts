/** Which authorities a server can go by at a time, and whose they are. */
import type { Finding } from "../errors.js";
import { type Authority, findCircle, vouchesForClients } from "../identity/index.js";
import type { Part } from "./part.js";

/** OpenSSL makes its store of them in one go, and takes more for each the more there are: of thousands, seconds. */
const maxAuthorities = 1_000;
/**
 * Every handshake names them, and has room for 64 KiB (RFC 8446, 4.2.4), with what else belongs there. With more, OpenSSL makes
 * the server, and lets nobody in.
 */
const maxNamesBytes = 64_000;

/** Why no server can go by so many; undefined if one can. */
export function whyTooMany(count: number): string | undefined {
  return count > maxAuthorities
    ? `${count} authorities are more than the ${maxAuthorities} that a server takes in all`
    : undefined;
}

/** Why no server can go by all of these; undefined if one can. */
export function whyNotTogether(authorities: readonly Authority[]): string | undefined {
  return whyNoRoom(authorities.length, namesBytesOf(authorities)) ?? whyEndless(authorities);
}

function whyNoRoom(count: number, namesBytes: number): string | undefined {
  const tooMany = whyTooMany(count);
  if (tooMany !== undefined || namesBytes <= maxNamesBytes) return tooMany;
  return `the names of ${count} authorities take ${namesBytes} bytes, and TLS has room for ${maxNamesBytes}`;
}

function namesBytesOf(authorities: readonly Authority[]): number {
  return authorities.reduce((sum, { facts }) => sum + 2 + facts.subjectBytes.length, 0);
}

/**
 * Node goes from the certificate that somebody shows to the authority above it, and on from there until it comes to one that
 * has signed itself. In a circle it would never come back.
 */
function whyEndless(authorities: readonly Authority[]): string | undefined {
  const circle = findCircle(authorities);
  if (circle.length === 0) return undefined;
  const each = circle.map(({ subject, issuer }) => `${subject} by ${issuer}`).join(", ");
  return `these authorities have certified one another in a circle: ${each}; leave one of these certificates out`;
}

export interface FittingAuthorities {
  /** Those of the server, then those that only tenants name, each once. */
  readonly authorities: readonly Authority[];
  /** By the name of a file that a tenant is bound to: fingerprints of the authorities in it that count. */
  readonly tenantFiles: ReadonlyMap<string, readonly string[]>;
  /** About files that are good by themselves, and not beside the others: nothing in them counts, which keeps only their tenants out. */
  readonly findings: readonly Finding[];
}

/** The server's own authorities, and those of as many tenants' files as can be beside them. */
export function fitAuthorities(
  own: readonly Authority[],
  tenants: ReadonlyMap<string, Part<readonly Authority[]>>,
): FittingAuthorities {
  const together = new Together(
    own,
    [...tenants.values()].flatMap(({ value = [] }) => value),
  );
  const findings: Finding[] = [];
  const tenantFiles = new Map<string, readonly string[]>();
  for (const [name, { value = [], paths }] of tenants) {
    const problem = together.add(value);
    if (problem !== undefined)
      findings.push({ source: paths[0]!, problem: `it does not count beside the others: ${problem}` });
    tenantFiles.set(name, problem === undefined ? value.map((each) => each.fingerprint256) : []);
  }
  return { authorities: together.authorities, tenantFiles, findings };
}

/** Grows by one file after the other, and looks at each of a thousand alone, not at all that are there already. */
class Together {
  readonly #byFingerprint: Map<string, Authority>;
  #namesBytes: number;
  /** A circle of some is a circle of all: whoever is in none of these is in none of fewer. */
  readonly #circling: ReadonlySet<string>;

  /** @param others that may be added */
  constructor(own: readonly Authority[], others: readonly Authority[]) {
    this.#byFingerprint = byFingerprint(own);
    this.#namesBytes = namesBytesOf(this.authorities);
    const all = [...byFingerprint([...own, ...others]).values()];
    this.#circling = new Set(findCircle(all).map(({ fingerprint256 }) => fingerprint256));
  }

  get authorities(): readonly Authority[] {
    return [...this.#byFingerprint.values()];
  }

  /** Those that are not there yet: all of them, or none, and then it says why. */
  add(authorities: readonly Authority[]): string | undefined {
    const added = [...byFingerprint(authorities).values()].filter(
      (each) => !this.#byFingerprint.has(each.fingerprint256),
    );
    const namesBytes = this.#namesBytes + namesBytesOf(added);
    const problem = whyNoRoom(this.#byFingerprint.size + added.length, namesBytes) ?? this.#whyEndless(added);
    if (problem !== undefined) return problem;
    for (const each of added) this.#byFingerprint.set(each.fingerprint256, each);
    this.#namesBytes = namesBytes;
    return undefined;
  }

  #whyEndless(added: readonly Authority[]): string | undefined {
    const isCircling = ({ fingerprint256 }: Authority): boolean => this.#circling.has(fingerprint256);
    return added.some(isCircling) ? whyEndless([...this.authorities, ...added].filter(isCircling)) : undefined;
  }
}

/** Each once: the first one of a fingerprint. */
function byFingerprint(authorities: readonly Authority[]): Map<string, Authority> {
  const found = new Map<string, Authority>();
  for (const each of authorities) if (!found.has(each.fingerprint256)) found.set(each.fingerprint256, each);
  return found;
}

/** A path length is never so long. */
const noPathLength = 65_536;

/** Each a number that is greater the more an authority's certificate forbids; those that weigh most come first. */
const restrictions: readonly ((authority: Authority) => number)[] = [
  ({ facts }) => Number(!vouchesForClients(facts)),
  ({ facts }) => Number(facts.nameConstraints !== undefined),
  ({ facts }) => -(facts.basicConstraints?.pathLength ?? noPathLength),
];

/**
 * In the order in which OpenSSL has to have them. Of several certificates of one authority it goes by the first that is valid by the
 * clock, whatever that forbids, where we ask each: an authority that was certified anew for more would be as narrow as before for as
 * long as the old certificate is beside the new one.
 */
export function leastRestrictedFirst(authorities: readonly Authority[]): readonly Authority[] {
  return restrictions.reduceRight((sorted, of) => sorted.toSorted((one, other) => of(one) - of(other)), authorities);
}
