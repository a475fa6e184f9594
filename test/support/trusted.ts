import { X509Certificate } from "node:crypto";
import { Authority, IdentityRules, type Judge, Trust } from "../../src/identity/index.js";
import type { Principal } from "../../src/names.js";

/** Whom these authorities (PEM) vouch for, if he is of one of the tenants. */
export function judgeOf(
  authorities: readonly string[],
  isDeclaredTenant: (name: string) => boolean = () => true,
  isBreakGlass: (principal: Principal) => boolean = () => false,
): Judge {
  const trust = new Trust({
    authorities: authorities.map((pem) => Authority.of(new X509Certificate(pem).raw, "ca.crt")),
    rules: IdentityRules.builtIn,
    lists: [],
    expiredLists: "refuse",
  });
  const gate = {
    standingOf: (name: string) => (isDeclaredTenant(name) ? { isSuspended: false, authorities: undefined } : undefined),
    isBreakGlass,
    boundTo: () => [],
  };
  return (presented, isLive = false) => trust.judge(presented, gate, { isLive });
}
