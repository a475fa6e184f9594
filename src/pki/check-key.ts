import { type X509Certificate, createPrivateKey } from "node:crypto";
import { type CheckFinding, problem } from "./check-finding.js";

/** Whether this is the key of the certificate, and can be read without a password. */
export function checkKey(certificate: X509Certificate, pem: Buffer | undefined): CheckFinding[] {
  if (pem === undefined) return [];
  try {
    if (certificate.checkPrivateKey(createPrivateKey(pem))) return [];
  } catch {
    return [
      problem("its key is not readable as PEM without a password", "write it as PKCS#8: openssl pkcs8 -topk8 -nodes"),
    ];
  }
  return [problem("this is not its key", "take the two that were made together")];
}
