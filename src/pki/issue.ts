import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError } from "../errors.js";
import { formatPrincipal, isPrincipalName, isTenantName, nameRules, type Principal } from "../names.js";
import { type Authority, type Issued, issueClient, issueServer, makeAuthority } from "./authority.js";
import { exists, type NewFile, refuseExisting, writeSet } from "./files.js";

/** The principals that the example policy speaks about. */
export const examplePrincipals: readonly Principal[] = [
  { tenant: "acme", name: "root" },
  { tenant: "acme", name: "billing" },
  { tenant: "acme", name: "reports" },
  { tenant: "acme", name: "nobody" },
  { tenant: "globex", name: "root" },
  { tenant: "globex", name: "nobody" },
  { tenant: "ops", name: "root" },
];

/**
 * Makes a new authority (`ca.crt`, `ca.key`), a server for localhost (`server.crt`, `server.key`) and one client for
 * each principal (`clients/TENANT/NAME.crt`, `.key`) in `directory`, which need not exist. Two runs may overlap:
 * without `force` one of them makes the whole set and the other is refused.
 *
 * @param options.force makes everything anew, also the authority: what the old one issued is trusted no longer
 * @param options.onProgress is told each path, relative to `directory`, when the file is in place
 * @returns the same paths
 * @throws OperatorError when a file is in the way and `force` is not set, or a principal is not valid; nothing was made
 */
export async function initCertificates(
  directory: string,
  options: { readonly principals: readonly Principal[]; readonly force: boolean; onProgress?: (made: string) => void },
): Promise<string[]> {
  for (const principal of options.principals) checkNames(principal);
  // The first file decides between two runs that overlap, so its order is part of the promise.
  const stems = ["ca", "server", ...options.principals.map(stemOf)];
  refuseRepeated(stems);
  if (!options.force) await refuseExisting(directory, stems.flatMap(pairOf));

  const { authority, issued } = await makeAuthority();
  // Signing holds the thread for about 30 ms each, but the far slower search for primes runs beside it.
  const leaves = await Promise.all([
    issueServer(authority),
    ...options.principals.map((principal) => issueClient(authority, principal)),
  ]);
  const files = [issued, ...leaves].flatMap((pair, index) => filesOf(stems[index]!, pair));
  return writeSet(directory, files, options);
}

/**
 * One more client of the authority in `directory`: `clients/TENANT/NAME.crt` and `.key`.
 *
 * @returns the paths made, relative to `directory`
 * @throws OperatorError when the authority is missing, incomplete or unfit, when the client exists and `force` is not
 *   set, or when the principal is not valid; nothing was made
 */
export async function issueCertificate(
  directory: string,
  principal: Principal,
  options: { readonly force: boolean },
): Promise<string[]> {
  checkNames(principal);
  const authority = await openAuthority(directory);
  const stem = stemOf(principal);
  if (!options.force) await refuseExisting(directory, pairOf(stem));
  return writeSet(directory, filesOf(stem, await issueClient(authority, principal)), options);
}

async function openAuthority(directory: string): Promise<Authority> {
  const [certificatePath, keyPath] = [join(directory, "ca.crt"), join(directory, "ca.key")];
  const [hasCertificate, hasKey] = await Promise.all([exists(certificatePath), exists(keyPath)]);
  if (!hasCertificate && !hasKey) {
    throw new OperatorError(`${directory} has no certificate authority: run \`aclog certs init\` first`);
  }
  if (!hasCertificate || !hasKey) {
    const [there, missing] = hasCertificate ? [certificatePath, keyPath] : [keyPath, certificatePath];
    throw new OperatorError(
      `half a certificate authority: ${there} exists, but ${missing} does not; ` +
        "restore it, or make a new set with `aclog certs init --force`",
    );
  }
  const [certificatePem, keyPem] = await Promise.all([
    readFile(certificatePath, "latin1"),
    readFile(keyPath, "latin1"),
  ]);
  const problem = unfitness(certificatePem, keyPem);
  if (problem !== undefined) throw new OperatorError(`${directory} cannot issue certificates: ${problem}`);
  return { certificatePem, keyPem };
}

/** Why this pair cannot sign for us; undefined when it can. */
function unfitness(certificatePem: string, keyPem: string): string | undefined {
  let certificate, key;
  try {
    certificate = new X509Certificate(certificatePem);
    key = createPrivateKey(keyPem);
  } catch {
    // OpenSSL's own words would not help, and are about the inside of a key.
    return "ca.crt or ca.key is not readable as PEM";
  }
  if (key.asymmetricKeyType !== "rsa")
    return `the authority's key is ${key.asymmetricKeyType}, and only RSA can be used`;
  if (!certificate.checkPrivateKey(key)) return "ca.key is not the key of ca.crt";
  if (!certificate.ca) return "ca.crt is not the certificate of an authority";
  if (Date.parse(certificate.validTo) <= Date.now()) return `ca.crt expired on ${certificate.validTo}`;
  return undefined;
}

function checkNames(principal: Principal): void {
  if (!isTenantName(principal.tenant)) {
    throw new OperatorError(`${JSON.stringify(principal.tenant)} is not a tenant name: ${nameRules.tenant}`);
  }
  if (!isPrincipalName(principal.name)) {
    throw new OperatorError(`${JSON.stringify(principal.name)} is not a principal name: ${nameRules.principal}`);
  }
}

function refuseRepeated(stems: readonly string[]): void {
  const repeated = stems.find((stem, index) => stems.indexOf(stem) !== index);
  if (repeated !== undefined) throw new OperatorError(`${repeated} is asked for twice`);
}

// Valid names hold no separator and never begin with a dot, so a principal cannot lead out of the directory.
function stemOf(principal: Principal): string {
  return `clients/${formatPrincipal(principal)}`;
}

function pairOf(stem: string): [key: string, certificate: string] {
  return [`${stem}.key`, `${stem}.crt`];
}

function filesOf(stem: string, issued: Issued): NewFile[] {
  const [key, certificate] = pairOf(stem);
  return [
    { path: key, text: issued.keyPem, secret: true },
    { path: certificate, text: issued.certificatePem, secret: false },
  ];
}
