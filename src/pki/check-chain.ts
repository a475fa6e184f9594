import type { X509Certificate } from "node:crypto";
import { OperatorError } from "../errors.js";
import { linkedCertificates } from "../linked-certificates.js";
import { comparableName } from "../same-name.js";
import { isIssuedBy } from "./authorities.js";
import { type CertificateParts, partsOf } from "./certificate.js";
import { checkEnd } from "./check-dates.js";
import { type CheckFinding, checkVersion, isStrong, problem, warning } from "./check-finding.js";
import type { CheckOptions, ListFile } from "./check.js";
import { childrenOf, readOid, tags } from "./der.js";
import { type Usage, oids } from "./extensions.js";
import { distinguishedName, inspectCertificate } from "./inspect.js";
import { weaknessOf } from "./keys.js";
import { listsOf } from "./lists.js";
import { certificatesOf } from "./pem.js";
import { isSignedBy, type RevocationList } from "./revocation-list.js";

/** The server takes no longer ones, counted from the certificate to the authority. */
const longestChain = 5;

/**
 * Whether it leads to somebody who is trusted, over what lies beside it, and whether nobody on the way has been revoked.
 * @param usages what it is to be used for
 */
export function checkChain(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  usages: readonly Usage[],
  { authorities, lists, expiringWithin }: CheckOptions,
): CheckFinding[] {
  const trusted = authorities === undefined ? [] : readAuthorities(authorities);
  const revoked = lists === undefined ? undefined : lists.flatMap(readLists);
  const check = (chain: Chain): CheckFinding[] => {
    const top = chain.at(-1)!;
    const isTrusted = trusted.some((each) => each.raw.equals(top.raw));
    return [
      ...(authorities === undefined ? [untried(top)] : isTrusted ? [] : [untrusted(top, trusted)]),
      ...checkLength(chain),
      ...chain.slice(1).flatMap((authority, below) => checkAuthority(authority, { below, usages, expiringWithin })),
      ...(revoked === undefined ? [unlisted] : checkRevocation(chain, revoked)),
    ];
  };
  // Clients look at all that a server shows.
  const linked = usages.includes("clientAuth") ? linkedCertificates(leaf, others) : others;
  const chains = chainsFrom(leaf, linked, trusted);
  // One good way is enough.
  const ways = chains.map(check).sort((one, other) => errorsIn(one) - errorsIn(other));
  return [...ways[0]!, ...checkPlaces(others, linked, chains)];
}

type Chain = readonly [X509Certificate, ...X509Certificate[]];

/** More ways than these are not tried. */
const maxChains = 16;

/** From the leaf upwards, as far as each way goes; each certificate once. */
function chainsFrom(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): Chain[] {
  const chains: Chain[] = [];
  const climb = (chain: Chain): void => {
    const at = chain.at(-1)!;
    const isTrusted = trusted.some((each) => each.raw.equals(at.raw));
    const above = isTrusted
      ? // As the server: whichever of its certificates this wants, what an authority has revoked is not good again by another.
        trusted.filter(
          (each) => !chain.some(({ publicKey }) => publicKey.equals(each.publicKey)) && isCertifiedBy(at, each),
        )
      : [...trusted, ...others].filter(
          (each) => !chain.some(({ raw }) => raw.equals(each.raw)) && isIssuedBy(at, each),
        );
    if (above.length === 0) chains.push(chain);
    else for (const each of above) if (chains.length < maxChains) climb([...chain, each]);
  };
  climb([leaf]);
  return chains;
}

function errorsIn(findings: readonly CheckFinding[]): number {
  return findings.filter(({ severity }) => severity === "error").length;
}

function checkLength({ length }: Chain): CheckFinding[] {
  if (length <= longestChain) return [];
  return [
    problem(`${length} certificates lead to its authority, and ${longestChain} are the most`, "issue it nearer to it"),
  ];
}

/** Of each of the others, whether it is of use where it is in the file. */
function checkPlaces(
  others: readonly X509Certificate[],
  linked: readonly X509Certificate[],
  chains: readonly Chain[],
): CheckFinding[] {
  return others
    .filter((each) => !chains.some((chain) => chain.some(({ raw }) => raw.equals(each.raw))))
    .map((each) => {
      const isBelow = [...linked, ...others].some((other) => other !== each && isIssuedBy(other, each));
      return isBelow && !linked.includes(each)
        ? warning(
            `${nameOf(each)} is in the file before what it has signed, and is not seen there`,
            "put it behind that",
          )
        : warning(`${nameOf(each)} is in the file and leads nowhere`, "take it out");
    });
}

function checkAuthority(
  authority: X509Certificate,
  {
    below,
    usages,
    expiringWithin,
  }: {
    /** How many authorities there are between it and the leaf. */
    readonly below: number;
    readonly usages: readonly Usage[];
    readonly expiringWithin: number | undefined;
  },
): CheckFinding[] {
  const name = nameOf(authority);
  const { isCa, keyUsage, extendedKeyUsage, notAfter, notBefore, daysLeft } = inspectCertificate(authority.raw);
  const parts = partsOf(authority);
  const remedy = "have it made anew by whoever runs that authority";
  const weakness = weaknessOf(authority.publicKey);
  const isRoot = isIssuedBy(authority, authority);
  const findings: CheckFinding[] = [...checkVersion(name, parts)];
  if (!isCa) findings.push(problem(`${name} has issued it, and is no authority`, "have an authority issue it"));
  if (keyUsage !== undefined && !keyUsage.includes("keyCertSign")) {
    findings.push(problem(`${name} has issued it, and its key usage lacks keyCertSign`, remedy));
  }
  const missing = usages.filter((usage) => extendedKeyUsage?.includes(usage) === false);
  if (missing.length > 0) {
    const has = extendedKeyUsage!.join(", ");
    findings.push(problem(`${name} vouches for ${has} alone, and this needs ${missing.join(" and ")}`, remedy));
  }
  if (parts.extensions.has(oids.nameConstraints)) {
    findings.push(
      warning(`${name} may vouch for certain names alone, and at those this does not look`, "ask `aclog identity`"),
    );
  }
  const most = pathLengthOf(parts);
  if (below > most) findings.push(problem(`${name} may have ${most} authorities below it, and has ${below}`, remedy));
  if (notAfter.getTime() <= Date.now()) findings.push(problem(`${name} ended on ${notAfter.toISOString()}`, remedy));
  else findings.push(...checkEnd(name, { notAfter, daysLeft }, remedy, expiringWithin));
  if (notBefore.getTime() > Date.now()) findings.push(problem(`${name} is not valid yet`, remedy));
  if (weakness !== undefined) findings.push(problem(`of ${name}: ${weakness}`, remedy));
  // What a root says of itself nobody takes from its signature.
  if (!isRoot && !isStrong(parts.signatureOid)) findings.push(problem(`${name} is signed by a weak algorithm`, remedy));
  return findings;
}

/** How many authorities there may be between this one and a leaf. */
function pathLengthOf({ extensions }: CertificateParts): number {
  const constraints = extensions.get(oids.basicConstraints);
  const length = constraints && childrenOf(constraints.value).find(({ tag }) => tag === tags.integer);
  return length === undefined ? Infinity : Number(`0x${length.content.toString("hex")}`);
}

function checkRevocation(chain: readonly X509Certificate[], lists: readonly RevocationList[]): CheckFinding[] {
  return chain.slice(0, -1).flatMap((certificate, index) => {
    const issuer = chain[index + 1]!;
    const name = comparable(partsOf(issuer).subject);
    const own = lists.filter((list) => comparable(list.issuer) === name && isSignedBy(list, issuer));
    const findings: CheckFinding[] = [];
    if (own.some((list) => list.revoked.some(({ serial }) => serial === certificate.serialNumber))) {
      findings.push(problem(`${nameOf(certificate)} was revoked by ${nameOf(issuer)}`, "have another one issued"));
    }
    if (own.some(({ nextUpdate }) => nextUpdate !== undefined && nextUpdate.getTime() <= Date.now())) {
      findings.push(
        problem(`the revocation list of ${nameOf(issuer)} has ended`, "get the new one: `aclog certs crl` writes ours"),
      );
    }
    const early = own.find(({ thisUpdate }) => thisUpdate.getTime() > Date.now());
    if (early !== undefined) {
      const when = early.thisUpdate.toISOString();
      findings.push(
        problem(
          `the revocation list of ${nameOf(issuer)} is not valid before ${when}`,
          "compare the clocks of this machine and of whoever made it: a server refuses it until then",
        ),
      );
    }
    if (own.length === 0) {
      findings.push(warning(`there is no revocation list of ${nameOf(issuer)}`, "give its list, too, if it has one"));
    }
    return findings;
  });
}

/** By name and signature alone. */
function isCertifiedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  const name = comparable(partsOf(certificate).issuer);
  return name === comparable(partsOf(authority).subject) && certificate.verify(authority.publicKey);
}

/** @param name DER */
function comparable(name: Buffer): string {
  const rdns = childrenOf(name).map((set) => childrenOf(set.whole, tags.set));
  return comparableName(
    rdns.map((rdn) =>
      rdn.map(({ whole }) => {
        const [type, value] = childrenOf(whole);
        return { oid: readOid(type!.content), tag: value!.tag, bytes: value!.content };
      }),
    ),
  );
}

function untrusted(top: X509Certificate, trusted: readonly X509Certificate[]): CheckFinding {
  const issuer = distinguishedName(top.issuer);
  if (trusted.some((each) => isCertifiedBy(top, each))) {
    return problem(
      `${issuer} is trusted and has signed it, but by its authorityKeyIdentifier it wants another certificate of that`,
      "name that certificate with --ca, too, or issue it anew",
    );
  }
  if (trusted.some(({ subject }) => subject === top.issuer)) {
    return problem(
      `an authority of the name ${issuer} is trusted, but it was signed with another key`,
      "give the right authority with --ca, or have that one issue it",
    );
  }
  return problem(
    `nobody who is trusted has issued it: it ends at ${issuer}`,
    `put the certificate of ${issuer} behind it in the file, if a trusted authority issued that, or name the right --ca`,
  );
}

function untried(top: X509Certificate): CheckFinding {
  return warning(
    `whether anybody trusts ${distinguishedName(top.issuer)}, who issued it, was not looked at`,
    "name the authorities of the other side with --ca",
  );
}

const unlisted = warning(
  "whether it was revoked was not looked at",
  "give the revocation lists of those who issued it with --crl",
);

function readAuthorities(bytes: Buffer): X509Certificate[] {
  try {
    return certificatesOf(bytes);
  } catch (error) {
    throw new OperatorError("there is no certificate in the file of those who are trusted", [], { cause: error });
  }
}

function readLists({ source, bytes, mayHaveNone }: ListFile): RevocationList[] {
  let lists: RevocationList[] = [];
  try {
    lists = listsOf(bytes);
  } catch (error) {
    throw new OperatorError(`there is no revocation list in ${source} that can be read`, [], { cause: error });
  }
  if (lists.length === 0 && !mayHaveNone) throw new OperatorError(`there is no revocation list in ${source}`);
  return lists;
}

function nameOf(certificate: X509Certificate): string {
  return distinguishedName(certificate.subject) || "the certificate";
}
