import { type Action, actionPhrases, type LoadedPolicy, nameAsWritten, type Rule, wildcard } from "../authz/index.js";
import type { AskedAssignment } from "./asked.js";

/** `acme/billing may produce to acme/orders` */
export function mayDo({ subject, tenant, pattern, action }: Rule, policy: LoadedPolicy, may = "may"): string {
  const does = action === wildcard ? "do everything with" : actionPhrases[action as Action];
  const where = policy.simple === undefined ? `${tenant}/${pattern}` : `${pattern} at home`;
  return `${nameAsWritten(subject, policy)} ${may} ${does} ${where}`;
}

/** `acme/billing has role:producer in acme` */
export function hasRole({ member, role, tenant }: AskedAssignment, policy: LoadedPolicy, has = "has"): string {
  const names = `${nameAsWritten(member, policy)} ${has} ${nameAsWritten(role, policy)}`;
  if (policy.simple !== undefined) return names;
  return `${names} in ${tenant === wildcard ? "every tenant" : tenant}`;
}

/** The principals that have a role in a tenant, or for `*` in some, as the assignments name them. */
export function holders(role: string, tenant: string, { rows, compiled }: LoadedPolicy): string[] {
  const members = new Set(rows.assignments.flatMap(({ member }) => (member.includes("/") ? [member] : [])));
  const tenants = tenant === wildcard ? compiled.tenants : [tenant];
  return [...members].filter((member) => tenants.some((each) => compiled.rolesOf(member, each).has(role)));
}
