import type { CertificateParts } from "./certificate.js";
import { digestOf } from "./signing.js";

/** Something that keeps a certificate from being of use here, or soon will. */
export interface CheckFinding {
  /** An error: it will be refused. */
  readonly severity: "error" | "warning";
  readonly problem: string;
  /** What to do. */
  readonly remedy: string;
}

export function problem(problem: string, remedy: string): CheckFinding {
  return { severity: "error", problem, remedy };
}

export function warning(problem: string, remedy: string): CheckFinding {
  return { severity: "warning", problem, remedy };
}

/** RFC 5280, 4.1.2.1. OpenSSL does not mind; the server does. @param name what the certificate is called */
export function checkVersion(name: string, { version, extensions }: CertificateParts): CheckFinding[] {
  if (version === 3 || extensions.size === 0) return [];
  return [problem(`${name} is of version ${version} and has extensions, which only version 3 has`, "issue it anew")];
}

/** RSASSA-PSS says elsewhere which digest it has; OpenSSL looks at that. */
export function isStrong(signatureOid: string): boolean {
  return digestOf(signatureOid) !== undefined || signatureOid === "1.2.840.113549.1.1.10";
}
