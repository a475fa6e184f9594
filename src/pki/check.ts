import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkChain } from "./check-chain.js";
import { checkDates } from "./check-dates.js";
import { type CheckFinding, checkVersion, isStrong, problem } from "./check-finding.js";
import { checkKey } from "./check-key.js";
import { partsOf } from "./certificate.js";
import type { Usage } from "./extensions.js";
import { inspectCertificate, type CertificateSummary } from "./inspect.js";
import { weaknessOf } from "./keys.js";
import { certificatesOf } from "./pem.js";

export type Role = "client" | "server";

/** Revocation lists, PEM or DER. */
export interface ListFile {
  readonly source: string;
  readonly bytes: Buffer;
  /** It may be of something else, as PEM in a folder is. */
  readonly mayHaveNone: boolean;
}

export interface CheckOptions {
  /** Undefined: whatever its usages say. */
  readonly role?: Role | undefined;
  /** A DNS name or an IP address by which clients reach the server. */
  readonly host?: string | undefined;
  /** Days: to end so soon is an error, also for an authority on the way. Undefined: 30 days, and a warning. */
  readonly expiringWithin?: number | undefined;
  /** PEM of those who are trusted; undefined: whether somebody trusts it is not looked at, which is a warning. */
  readonly authorities?: Buffer | undefined;
  /** Undefined: whether it was revoked is not looked at, which is a warning. */
  readonly lists?: readonly ListFile[] | undefined;
  /** PEM. */
  readonly key?: Buffer | undefined;
}

export interface Checked {
  /** As whose it was looked at. */
  readonly roles: readonly Role[];
  /** Why as that. */
  readonly because: string;
  /** Errors come first. */
  readonly findings: readonly CheckFinding[];
}

const usages: Readonly<Record<Role, Usage>> = { client: "clientAuth", server: "serverAuth" };

/** Extensions that OpenSSL knows: any other that is critical makes it refuse a certificate. */
const knownExtensions: ReadonlySet<string> = new Set([
  ...["15", "17", "19", "30", "31", "32", "33", "36", "37", "54"].map((last) => `2.5.29.${last}`),
  ...["1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.8", "1.3.6.1.5.5.7.1.14", "1.3.6.1.5.5.7.1.24", "2.16.840.1.113730.1.1"],
]);

/**
 * Whether a certificate, of whatever origin, will be of use here as that of a client or a server: the first one of the file,
 * with the others as what leads to its authority.
 *
 * @throws OperatorError when one of the files is not what it is said to be
 */
export function checkCertificate(file: Buffer, options: CheckOptions): Checked {
  const [leaf, ...others] = certificatesOf(file);
  const summary = inspectCertificate(leaf.raw);
  const { roles, because } =
    options.role === undefined ? rolesOf(summary) : { roles: [options.role], because: "as was asked for" };
  const findings = [
    ...checkDates(summary, options.expiringWithin),
    ...checkStrength(leaf),
    ...checkUsage(summary, roles),
    ...(roles.includes("server") ? checkNames(leaf, summary, options.host) : []),
    ...checkExtensions(leaf),
    ...checkChain(
      leaf,
      others,
      roles.map((role) => usages[role]),
      options,
    ),
    ...checkKey(leaf, options.key),
  ];
  const isError = ({ severity }: CheckFinding) => severity === "error";
  return { roles, because, findings: [...findings.filter(isError), ...findings.filter((each) => !isError(each))] };
}

/** Where it says nothing of either, it is looked at as a client's, which is what most of them are. */
function rolesOf({ extendedKeyUsage = [] }: CertificateSummary): Pick<Checked, "roles" | "because"> {
  const roles = (["client", "server"] as const).filter((role) => extendedKeyUsage.includes(usages[role]));
  if (roles.length === 0) return { roles: ["client"], because: "since its usages name neither client nor server" };
  return { roles, because: `by its usages: ${roles.map((role) => usages[role]).join(", ")}` };
}

function checkStrength(certificate: X509Certificate): CheckFinding[] {
  const weakness = weaknessOf(certificate.publicKey);
  const { signatureOid } = partsOf(certificate);
  return [
    ...(weakness === undefined
      ? []
      : [problem(weakness, "make another key, RSA of 2048 bits or P-256, and issue it anew")]),
    ...(isStrong(signatureOid)
      ? []
      : [problem(`it is signed by ${nameOfAlgorithm(signatureOid)}`, "have it signed with SHA-256 or better")]),
  ];
}

function checkUsage({ isCa, keyUsage, extendedKeyUsage }: CertificateSummary, roles: readonly Role[]): CheckFinding[] {
  const findings: CheckFinding[] = [];
  if (isCa)
    findings.push(problem("it is the certificate of an authority", "have the authority issue one that is none"));
  if (keyUsage !== undefined && !keyUsage.includes("digitalSignature")) {
    findings.push(
      problem("its key usage lacks digitalSignature, by which TLS 1.3 proves who has the key", "issue it with that"),
    );
  }
  for (const role of roles) {
    const usage = usages[role];
    if (extendedKeyUsage?.includes(usage)) continue;
    const has =
      extendedKeyUsage === undefined ? "it has no extended key usage" : `its usage is ${extendedKeyUsage.join(", ")}`;
    findings.push(problem(`${has}, and a ${role} needs ${usage}`, `issue it with extendedKeyUsage ${usage}`));
  }
  return findings;
}

function checkNames(
  certificate: X509Certificate,
  { subjectAltNames }: CertificateSummary,
  host?: string,
): CheckFinding[] {
  const remedy = "issue it for the names that clients use: `aclog certs issue --server --dns … --ip …`";
  const names = subjectAltNames.filter((name) => /^(DNS|IP Address):/.test(name));
  if (names.length === 0)
    return [problem("it has no DNS name and no address, and clients look at nothing else", remedy)];
  if (host === undefined) return [];
  const fits =
    isIP(host) === 0
      ? certificate.checkHost(host, { subject: "never" }) !== undefined
      : certificate.checkIP(host) !== undefined;
  return fits ? [] : [problem(`it is not for ${host}, but for ${names.join(", ")}`, remedy)];
}

function checkExtensions(certificate: X509Certificate): CheckFinding[] {
  const parts = partsOf(certificate);
  const unknown = [...parts.extensions].filter(([oid, { isCritical }]) => isCritical && !knownExtensions.has(oid));
  return [
    ...checkVersion("it", parts),
    ...unknown.map(([oid]) =>
      problem(`it has the critical extension ${oid}, which OpenSSL does not know and so refuses`, "issue it without"),
    ),
  ];
}

function nameOfAlgorithm(oid: string): string {
  return weakAlgorithms[oid] ?? `an algorithm that is not known here (${oid})`;
}

const weakAlgorithms: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.4": "RSA with MD5, which is broken",
  "1.2.840.113549.1.1.5": "RSA with SHA-1, which is broken",
  "1.2.840.10045.4.1": "ECDSA with SHA-1, which is broken",
  "1.2.840.10040.4.3": "DSA with SHA-1, which is broken",
};
