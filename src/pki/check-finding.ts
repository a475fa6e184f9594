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

/** RSASSA-PSS says elsewhere which digest it has; OpenSSL looks at that. */
export function isStrong(signatureOid: string): boolean {
  return digestOf(signatureOid) !== undefined || signatureOid === "1.2.840.113549.1.1.10";
}
