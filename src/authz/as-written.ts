import { isRole, nameOfRole } from "./columns.js";
import type { LoadedPolicy } from "./load.js";
import type { Assignment } from "./policy-csv.js";

type Kind = Pick<LoadedPolicy, "simple">;

/** A principal or a role as the policy's file has it: under the simple model roles are names like any other. */
export function nameAsWritten(name: string, { simple }: Kind): string {
  return simple !== undefined && isRole(name) ? nameOfRole(name) : name;
}

/** `g, acme/billing, role:producer, acme`; under the simple model `g, alice, root`. */
export function assignmentAsWritten({ member, role, tenant }: Assignment, policy: Kind): string {
  const names = [member, role].map((name) => nameAsWritten(name, policy));
  return ["g", ...names, ...(policy.simple === undefined ? [tenant] : [])].join(", ");
}

/**
 * Of whom a name in a row speaks where topics of the tenant are concerned: under the simple model, of the principal that is
 * called so there. Undefined where it speaks of nobody, as roles do.
 */
export function principalNamed(
  name: string,
  tenant: string,
  { simple, compiled }: Pick<LoadedPolicy, "simple" | "compiled">,
): string | undefined {
  if (simple === undefined) return isRole(name) ? undefined : name;
  return compiled.isDeclaredTenant(tenant) ? `${tenant}/${nameOfRole(name)}` : undefined;
}
