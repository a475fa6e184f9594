import { Authority } from "../identity/index.js";
import { Stretches } from "../stretches.js";
import { whyNotTogether, whyTooMany } from "./authorities-together.js";
import { Unusable } from "./part.js";
import { PemError, pemBlocks } from "./pem.js";

/** All authorities of a file. @throws Unusable when one of them is none, all have expired, or they are too many */
export async function readAuthorities(source: string, pem: Buffer): Promise<readonly Authority[]> {
  const authorities: Authority[] = [];
  const stretches = new Stretches();
  const blocks = await blocksOf(source, pem);
  // Before they are read, which is what takes long.
  refuse(source, whyTooMany(blocks.length));
  for (const der of blocks) {
    authorities.push(authorityOf(source, der));
    await stretches.step();
  }
  refuse(source, whyNotTogether(authorities));
  // One of several may have ended: beside its successor it does no harm.
  const now = Date.now();
  if (authorities.every(({ facts }) => facts.notAfterMs <= now)) {
    const last = Math.max(...authorities.map(({ facts }) => facts.notAfterMs));
    const which = authorities.length === 1 ? "this authority" : "the last of these authorities";
    throw new Unusable([{ source, problem: `${which} expired on ${new Date(last).toISOString()}` }]);
  }
  return authorities;
}

/** @throws Unusable unless there is no problem */
function refuse(source: string, problem: string | undefined): void {
  if (problem !== undefined) throw new Unusable([{ source, problem }]);
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
