import { X509Certificate } from "node:crypto";
import type { Principal } from "../names.js";
import type { Identity, Presented } from "./identity.js";
import { principalFromCertificate } from "./principal.js";

/** @throws IdentityRefused */
export function identify(
  { leaf }: Presented,
  isDeclaredTenant: (name: string) => boolean,
  isBreakGlass?: (principal: Principal) => boolean,
): Identity {
  const principal = principalFromCertificate(leaf, isDeclaredTenant, isBreakGlass);
  const certificate = new X509Certificate(leaf);
  return {
    principal,
    serial: certificate.serialNumber,
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    fingerprint256: certificate.fingerprint256,
    endsMs: Date.parse(certificate.validTo),
  };
}

/** Node gives one RDN a line in the order of the certificate, already escaped by RFC 2253. */
function distinguishedName(lines: string): string {
  return lines.replaceAll(" + ", "+").split("\n").reverse().join(",");
}
