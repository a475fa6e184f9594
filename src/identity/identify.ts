import type { Principal } from "../names.js";
import type { Identity, Presented } from "./identity.js";
import { certificateFacts, fingerprint256 } from "./certificate.js";
import { formatName } from "./distinguished-name.js";
import { requireClient, requireStrength, requireUnderstood } from "./fitness.js";
import { IdentityRefused } from "./identity.js";
import { IdentityRules } from "./rules.js";

/** @throws IdentityRefused */
export function identify(
  { leaf }: Presented,
  isDeclaredTenant: (name: string) => boolean,
  isBreakGlass?: (principal: Principal) => boolean,
): Identity {
  const facts = certificateFacts(leaf);
  requireStrength(facts);
  requireUnderstood(facts);
  requireClient(facts);
  const { principal } = IdentityRules.builtIn.evaluate(facts, []);
  if (!isDeclaredTenant(principal.tenant) && isBreakGlass?.(principal) !== true) {
    throw new IdentityRefused("tenant_undeclared", `tenant "${principal.tenant}" is not declared`);
  }
  return {
    principal,
    serial: facts.serial,
    subject: formatName(facts.subject),
    issuer: formatName(facts.issuer),
    fingerprint256: fingerprint256(leaf),
    endsMs: facts.notAfterMs,
  };
}
