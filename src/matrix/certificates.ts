/** Whose certificates there are, and those that are made because there are none. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { whyUnreadable } from "../read-file.js";
import { type Finding, OperatorError } from "../errors.js";
import { parsePrincipal } from "../names.js";
import { ShortLivedAuthority, TrialAuthority } from "../pki/index.js";
import type { ClientKeys } from "./stage.js";

/** Where certificates are. */
export interface CertificatePlaces {
  /** Each principal has `TENANT/NAME.crt` and `TENANT/NAME.key` in here. */
  readonly clients: string;
  /** The authorities that vouch for clients, PEM. */
  readonly ca: string;
  /** The key of one of them, which issues what is missing; undefined: do without, and leave out what needs it. */
  readonly caKey: string | undefined;
}

export interface Certificates {
  readonly keysOf: ReadonlyMap<string, ClientKeys>;
  /** Principals that had none, and were given one for this run. */
  readonly issued: readonly string[];
  /** What can sign as the real authority; undefined when its key is not here. */
  readonly authority: ShortLivedAuthority | undefined;
  /** The same, for what no authority signs; undefined with it. */
  readonly trial: TrialAuthority | undefined;
  /** Why it cannot sign; undefined where it can, or is not to. */
  readonly noAuthority: string | undefined;
}

/**
 * Reads the certificates of these principals. Whoever has none gets one for this run, if the authority's key is there;
 * nothing is written.
 * @throws OperatorError naming every file that is missing or cannot be used
 */
export async function findCertificates(
  principals: readonly string[],
  places: CertificatePlaces,
): Promise<Certificates> {
  const { lacking, ...found } = await lookForCertificates(principals, places);
  if (lacking.size > 0) throw lackOf([...lacking.values()].flat(), found, places);
  return found;
}

/** Why not every principal can be tried. */
export function lackOf(
  findings: readonly Finding[],
  { authority }: Certificates,
  { caKey }: CertificatePlaces,
): OperatorError {
  const instead =
    authority === undefined && caKey !== undefined ? `; with the authority's key in ${caKey} they would be made` : "";
  return new OperatorError(`not every principal of the matrix has its certificate${instead}:`, findings);
}

/**
 * The same, where some may do without.
 * @returns also what is wrong with the files of those who have neither
 * @throws OperatorError when the authority's key is there and cannot be used
 */
export async function lookForCertificates(
  principals: readonly string[],
  places: CertificatePlaces,
): Promise<Certificates & { readonly lacking: ReadonlyMap<string, readonly Finding[]> }> {
  const { authority, trial, noAuthority } = await openAuthority(places);
  const keysOf = new Map<string, ClientKeys>();
  const issued: string[] = [];
  const lacking = new Map<string, readonly Finding[]>();
  for (const name of principals) {
    const principal = parsePrincipal(name)!;
    const stem = join(places.clients, principal.tenant, principal.name);
    const [cert, key] = await Promise.all([tryRead(`${stem}.crt`), tryRead(`${stem}.key`)]);
    if (isMissing(cert) && isMissing(key) && authority !== undefined) {
      const { certificatePem, keyPem } = authority.issue(principal);
      keysOf.set(name, { cert: certificatePem, key: keyPem });
      issued.push(name);
    } else if (Buffer.isBuffer(cert) && Buffer.isBuffer(key)) {
      const problems = problemsOf(stem, cert, key);
      if (problems.length > 0) lacking.set(name, problems);
      else keysOf.set(name, { cert, key });
    } else {
      const unread = [
        { source: `${stem}.crt`, read: cert },
        { source: `${stem}.key`, read: key },
      ];
      const problems = unread.flatMap(({ source, read }) =>
        Buffer.isBuffer(read) ? [] : [{ source, problem: whyUnreadable(read) }],
      );
      lacking.set(name, problems);
    }
  }
  return { keysOf, issued, authority, trial, noAuthority, lacking };
}

async function openAuthority({
  ca,
  caKey,
}: CertificatePlaces): Promise<Pick<Certificates, "authority" | "trial" | "noAuthority">> {
  const none = { authority: undefined, trial: undefined };
  if (caKey === undefined) return { ...none, noAuthority: undefined };
  const key = await tryRead(caKey);
  if (isMissing(key)) return { ...none, noAuthority: `the authority's key is not in ${caKey}` };
  if (!Buffer.isBuffer(key)) {
    throw new OperatorError("the authority's key cannot be read:", [{ source: caKey, problem: whyUnreadable(key) }]);
  }
  const certificate = await tryRead(ca);
  if (!Buffer.isBuffer(certificate)) {
    const problem = whyUnreadable(certificate);
    throw new OperatorError("the authority's certificate cannot be read:", [{ source: ca, problem }]);
  }
  try {
    const [authority, trial] = [ShortLivedAuthority.of(certificate, key), TrialAuthority.of(certificate, key)];
    return { authority, trial, noAuthority: undefined };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError(`${ca} and ${caKey} cannot issue: ${error.message}`, [], { cause: error });
  }
}

function problemsOf(stem: string, cert: Buffer, key: Buffer): Finding[] {
  let certificate, privateKey;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    return [{ source: `${stem}.crt`, problem: "is not a certificate in PEM" }];
  }
  try {
    privateKey = createPrivateKey(key);
  } catch {
    return [{ source: `${stem}.key`, problem: "is not a private key in PEM without a passphrase" }];
  }
  if (certificate.checkPrivateKey(privateKey)) return [];
  return [{ source: `${stem}.key`, problem: `is not the key of ${stem}.crt` }];
}

async function tryRead(path: string): Promise<Buffer | Error> {
  try {
    return await readFile(path);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function isMissing(read: Buffer | Error): boolean {
  return !Buffer.isBuffer(read) && "code" in read && read.code === "ENOENT";
}
