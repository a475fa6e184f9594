import { type KeyObject, X509Certificate, createPrivateKey } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { isTenantName } from "../names.js";
import { exists } from "./files.js";
import { distinguishedName } from "./inspect.js";
import { weaknessOf } from "./keys.js";
import { certificatesIn } from "./pem.js";
import { readPart } from "./read.js";
import { signatureOf } from "./signing.js";

/** An authority whose certificate is in the folder: `STEM.crt`. */
export interface Authority {
  /** `ca`, the first one; `acme-ca`, a tenant's own; `ca-issuing`, below the first. */
  readonly stem: string;
  readonly certificate: X509Certificate;
  /** As RFC 4514 writes it. */
  readonly name: string;
}

/** One that can sign. */
export interface Signer extends Authority {
  readonly key: KeyObject;
}

/** The authority that `aclog certs init` makes first. */
export const firstAuthority = "ca";
const belowSuffix = "-issuing";
const tenantSuffix = "-ca";

/** The authority of a tenant. */
export function tenantAuthority(tenant: string): string {
  return tenant + tenantSuffix;
}

/** Whose authority it is, or the one below it, by the name of its files; undefined where it is no tenant's. */
export function tenantOfAuthority(stem: string): string | undefined {
  const above = stem.endsWith(belowSuffix) ? stem.slice(0, -belowSuffix.length) : stem;
  const tenant = above.endsWith(tenantSuffix) ? above.slice(0, -tenantSuffix.length) : "";
  return isTenantName(tenant) ? tenant : undefined;
}

/**
 * A server that trusts a tenant's authority beside its own takes whomever that vouches for.
 * @param tenant undefined: of a server, or of somebody who is no principal
 * @throws OperatorError unless this authority may sign for principals of that tenant
 */
export function refuseOtherTenant(stem: string, tenant: string | undefined): void {
  const owner = tenantOfAuthority(stem);
  if (owner === undefined || owner === tenant) return;
  throw new OperatorError(
    `${stem}.crt is the authority of tenant ${owner} and signs for its principals alone: name another with --ca, or, ` +
      `if it is no tenant's, give its files (.crt, .key, .crl) a name that does not end in ${tenantSuffix}`,
  );
}

/** The authority below another, which signs in its place. */
export function issuingBelow(stem: string): string {
  return stem + belowSuffix;
}

/** The file with the lists of an authority and of the one below it. */
export function listFileOf(stem: string): string {
  return `${stem.endsWith(belowSuffix) ? stem.slice(0, -belowSuffix.length) : stem}.crl`;
}

/** Every authority whose certificate lies in the folder, sorted by file; those in a bundle, too. */
export async function authoritiesIn(directory: string): Promise<Authority[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith(".crt")).sort();
  const found: Authority[] = [];
  for (const file of files) {
    const pem = await readPart(join(directory, file)).catch(() => Buffer.alloc(0));
    for (const certificate of readable(pem).filter(({ ca }) => ca)) {
      found.push(authorityOf(file.slice(0, -".crt".length), certificate));
    }
  }
  return found;
}

/** Every authority of the folder that can sign. One that has ended, or whose key is put away, holds up no other. */
export async function signersIn(directory: string): Promise<Signer[]> {
  const stems = new Set((await authoritiesIn(directory)).map(({ stem }) => stem));
  const signers: Signer[] = [];
  for (const stem of stems) {
    const signer = await openSigner(directory, stem).catch((error: unknown) => {
      if (!(error instanceof OperatorError)) throw error;
      return undefined;
    });
    if (signer !== undefined) signers.push(signer);
  }
  return signers;
}

/** What issues for an authority: the one below it, where there is one, so that its own key can be put away. */
export async function issuerOf(directory: string, stem: string): Promise<Signer> {
  const below = issuingBelow(stem);
  const hasBelow = (await hasFile(directory, `${below}.crt`)) || (await hasFile(directory, `${below}.key`));
  return openSigner(directory, hasBelow ? below : stem);
}

/**
 * @throws OperatorError when the authority is missing, incomplete or unfit to sign
 */
export async function openSigner(directory: string, stem: string): Promise<Signer> {
  const [certificatePath, keyPath] = [join(directory, `${stem}.crt`), join(directory, `${stem}.key`)];
  const [hasCertificate, hasKey] = await Promise.all([exists(certificatePath), exists(keyPath)]);
  if (!hasCertificate && !hasKey) {
    throw new OperatorError(
      stem === firstAuthority
        ? `${directory} has no certificate authority: run \`aclog certs init\` first`
        : `${directory} has no certificate authority ${stem}: there is no ${stem}.crt`,
    );
  }
  if (!hasCertificate || !hasKey) {
    const [there, missing] = hasCertificate ? [certificatePath, keyPath] : [keyPath, certificatePath];
    throw new OperatorError(
      `half a certificate authority: ${there} exists, but ${missing} does not; ` +
        "restore it, or, should it be lost for good, have another authority follow this one: " +
        "`aclog certs init --ca NAME`, and docs/certificates.md on rolling an authority",
    );
  }
  const [certificatePem, keyPem] = await Promise.all([readPart(certificatePath), readPart(keyPath)]);
  return fitSigner(directory, stem, certificatePem, keyPem);
}

/** Whether the key beside the file is that of this certificate, which in a bundle is one of several. */
export async function hasKey(directory: string, { stem, certificate }: Authority): Promise<boolean> {
  // Nobody has to be able to read keys in order to look at what was issued.
  const pem = await readPart(join(directory, `${stem}.key`)).catch(() => Buffer.alloc(0));
  const key = readableKey(pem);
  return key !== undefined && certificate.checkPrivateKey(key);
}

/** What leads from what an authority issues to its root, as far as it is in the folder. */
export interface Chain {
  /** The nearest first, and not the root, which whoever checks has. */
  readonly certificates: readonly X509Certificate[];
  /** Who has signed the last of them, where neither that one nor a root is in the folder; as RFC 4514 writes it. */
  readonly missing: string | undefined;
}

export async function chainAbove(directory: string, signer: Authority): Promise<Chain> {
  const authorities = (await authoritiesIn(directory)).map(({ certificate }) => certificate);
  const chain: X509Certificate[] = [];
  for (let at: X509Certificate | undefined = signer.certificate; at !== undefined && !isRoot(at);) {
    chain.push(at);
    at = authorities.find((above) => !chain.includes(above) && isIssuedBy(chain.at(-1)!, above));
  }
  const last = chain.at(-1);
  // Anywhere on the way: an authority that another one has certified, too, may be a root itself.
  const roots = authorities.filter(isRoot);
  const isWhole = last === undefined || chain.some((each) => roots.some((root) => isIssuedBy(each, root)));
  return { certificates: chain, missing: isWhole ? undefined : distinguishedName(last.issuer) };
}

/** By name and by signature. */
export function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

async function hasFile(directory: string, name: string): Promise<boolean> {
  return exists(join(directory, name));
}

function authorityOf(stem: string, certificate: X509Certificate): Authority {
  return { stem, certificate, name: distinguishedName(certificate.subject) };
}

function fitSigner(directory: string, stem: string, certificatePem: Buffer, keyPem: Buffer): Signer {
  const refuse = (problem: string) => new OperatorError(`${directory} cannot issue certificates: ${problem}`);
  const certificates = readable(certificatePem);
  const key = readableKey(keyPem);
  // OpenSSL's own words would not help, and are about the inside of a key.
  if (certificates.length === 0 || key === undefined) throw refuse(`${stem}.crt or ${stem}.key is not readable as PEM`);
  // In a bundle, the one whose key it is.
  const certificate = certificates.find((each) => each.checkPrivateKey(key));
  if (certificate === undefined) throw refuse(`${stem}.key is not the key of ${stem}.crt`);
  const problem = unfitness(certificate, key);
  if (problem !== undefined) throw refuse(`${stem}.crt ${problem}`);
  return { ...authorityOf(stem, certificate), key };
}

/** Why nothing that this authority signed would be good for anything; undefined when it can sign. */
function unfitness(certificate: X509Certificate, key: KeyObject): string | undefined {
  if (!certificate.ca) return "is not the certificate of an authority";
  const weakness = weaknessOf(certificate.publicKey);
  if (weakness !== undefined) return `cannot be used: ${weakness}`;
  if (signatureOf(key) === undefined) return `has a key of the kind ${key.asymmetricKeyType}, which cannot sign here`;
  if (Date.parse(certificate.validTo) <= Date.now()) return `expired on ${certificate.validTo}`;
  return undefined;
}

/** What can be read of the certificates of a PEM file. */
function readable(pem: Buffer): X509Certificate[] {
  return certificatesIn(pem).flatMap((each) => {
    try {
      return new X509Certificate(each);
    } catch {
      return [];
    }
  });
}

function readableKey(pem: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function isRoot(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}
