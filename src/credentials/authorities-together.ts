/** Which authorities a server can go by at a time, and whose they are. */
import type { Finding } from "../errors.js";
import { type Authority, findCircle } from "../identity/index.js";
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
  return whyTooMany(authorities.length) ?? whyNoRoom(authorities) ?? whyEndless(authorities);
}

function whyNoRoom(authorities: readonly Authority[]): string | undefined {
  const bytes = authorities.reduce((sum, { facts }) => sum + 2 + facts.subjectBytes.length, 0);
  if (bytes <= maxNamesBytes) return undefined;
  return `the names of ${authorities.length} authorities take ${bytes} bytes, and TLS has room for ${maxNamesBytes}`;
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
  const all = unique([...own, ...[...tenants.values()].flatMap(({ value = [] }) => value)]);
  const doAllFit = whyNotTogether(all) === undefined;
  let authorities = doAllFit ? all : unique(own);
  const findings: Finding[] = [];
  const tenantFiles = new Map<string, readonly string[]>();
  for (const [name, { value = [], paths }] of tenants) {
    const together = doAllFit ? all : unique([...authorities, ...value]);
    const problem = doAllFit ? undefined : whyNotTogether(together);
    if (problem === undefined) authorities = together;
    else findings.push({ source: paths[0]!, problem: `it does not count beside the others: ${problem}` });
    tenantFiles.set(name, problem === undefined ? value.map((each) => each.fingerprint256) : []);
  }
  return { authorities, tenantFiles, findings };
}

function unique(authorities: readonly Authority[]): readonly Authority[] {
  return [...new Map(authorities.toReversed().map((each) => [each.fingerprint256, each])).values()].toReversed();
}
