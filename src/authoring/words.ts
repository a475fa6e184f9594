import { type Action, actionPhrases, isRole, type LoadedPolicy, nameAsWritten, wildcard } from "../authz/index.js";
import { parsePrincipal } from "../names.js";
import { suspendedInWords } from "../tenant-standing.js";
import type { Asked, AskedAssignment } from "./asked.js";
import type { About } from "./reach.js";

type May = "may" | "could then" | "may still" | "may not" | "could no longer" | "could not";

/** Of every action at once: "may not do everything" would leave open whether it may do some of it. */
const anything: Readonly<Record<May, string>> = {
  may: "may do everything with",
  "could then": "could then do everything with",
  "may still": "may still do everything with",
  "may not": "may do nothing with",
  "could no longer": "could no longer do anything with",
  "could not": "could do nothing with",
};

/** `acme/billing may produce to acme/orders` */
export function mayDo({ subject, tenant, pattern, action }: About, policy: LoadedPolicy, may: May = "may"): string {
  const does = action === wildcard ? anything[may] : `${may} ${actionPhrases[action as Action]}`;
  const where = policy.simple === undefined ? `${tenant}/${pattern}` : `${pattern} at home`;
  return `${nameAsWritten(subject, policy)} ${does} ${where}`;
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

/** What to add where those who are concerned, or some of them, are of tenants that are suspended. */
export function whileSuspended({ rules, assignment }: Asked, policy: LoadedPolicy): string[] {
  const { member: subject, tenant } = assignment ?? { member: rules[0]!.rule.subject, tenant: rules[0]!.rule.tenant };
  const suspended = homesOf(subject, tenant, policy).filter((home) => policy.compiled.standingOf(home)?.isSuspended);
  if (suspended.length === 0) return [];
  return [`${suspendedInWords(suspended.sort())}, and their rights have no effect until that is over`];
}

function homesOf(subject: string, tenant: string, policy: LoadedPolicy): string[] {
  // Each tenant has a principal of that name.
  if (policy.simple !== undefined) return [...policy.compiled.tenants];
  const principals = isRole(subject) ? holders(subject, tenant, policy) : [subject];
  return [...new Set(principals.map((name) => parsePrincipal(name)!.tenant))];
}
