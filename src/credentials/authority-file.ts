import { Authority, findCircle } from "../identity/index.js";
import { Stretches } from "../stretches.js";
import { Unusable } from "./part.js";
import { PemError, pemBlocks } from "./pem.js";

/** All authorities of a file. @throws Unusable when one of them is none, or all have expired */
export async function readAuthorities(source: string, pem: Buffer): Promise<readonly Authority[]> {
  const authorities: Authority[] = [];
  const stretches = new Stretches();
  for (const der of await blocksOf(source, pem)) {
    authorities.push(authorityOf(source, der));
    await stretches.step();
  }
  // One of several may have ended: beside its successor it does no harm.
  const now = Date.now();
  if (authorities.every(({ facts }) => facts.notAfterMs <= now)) {
    const last = Math.max(...authorities.map(({ facts }) => facts.notAfterMs));
    const which = authorities.length === 1 ? "this authority" : "the last of these authorities";
    throw new Unusable([{ source, problem: `${which} expired on ${new Date(last).toISOString()}` }]);
  }
  const problem = problemOfCircle(authorities);
  if (problem !== undefined) throw new Unusable([{ source, problem }]);
  return authorities;
}

/**
 * Why these authorities cannot be trusted together; undefined if they can. Node goes from the certificate that somebody shows to the
 * authority above it, and on from there until it comes to one that has signed itself. In a circle it would never come back.
 */
export function problemOfCircle(authorities: readonly Authority[]): string | undefined {
  const circle = findCircle(authorities);
  if (circle.length === 0) return undefined;
  const each = circle.map(({ subject, issuer }) => `${subject} by ${issuer}`).join(", ");
  return `these authorities have certified one another in a circle: ${each}; leave one of these certificates out`;
}

async function blocksOf(source: string, pem: Buffer): Promise<readonly Buffer[]> {
  const wrong = (why: string): Unusable =>
    new Unusable([{ source, problem: `this is not an authority's certificate, as PEM${why}` }]);
  try {
    const blocks = await pemBlocks(pem, "CERTIFICATE");
    if (blocks.length === 0) throw wrong("");
    return blocks;
  } catch (error) {
    if (error instanceof PemError) throw wrong(`: ${error.message}`);
    throw error;
  }
}

function authorityOf(source: string, der: Buffer): Authority {
  let authority: Authority;
  try {
    authority = Authority.of(der, source);
    // Now, and not when somebody comes whom it has vouched for.
    if (authority.keyId === "") throw new Error("it has no key");
  } catch (error) {
    const why = error instanceof Error ? `: ${error.message}` : "";
    throw new Unusable([{ source, problem: `this is not an authority's certificate, as PEM${why}` }]);
  }
  const { basicConstraints, keyUsage } = authority.facts;
  if (basicConstraints?.isCa !== true || keyUsage?.has("keyCertSign") === false) {
    throw new Unusable([{ source, problem: `this certificate is not an authority's: ${authority.subject}` }]);
  }
  return authority;
}
