import { systemTenant } from "../names.js";
import { actions } from "./actions.js";
import { Pace } from "./breathe.js";
import { wildcard } from "./columns.js";
import { CasbinEnforcer } from "./enforcer.js";
import { isIndexable } from "./matcher-conditions.js";
import { columnsFor, RoleIndex } from "./role-index.js";

const role = "role:role-a";
const member = "tenant-a/member";
const stranger = "tenant-a/stranger";
const allow = [role, "tenant-a", "topic-a", "describe", "allow"];
const deny = [role, "tenant-a", "topic-a", "describe", "deny"];
const roles = new RoleIndex();
roles.add({ line: 1, member, role, tenant: "tenant-a" });
const covered = [member, "tenant-a", "topic-a", "describe"] as const;

/** A matcher that leaves out one of the four parts of a request would give every tenant's topics away. */
const beside = [
  { part: "the subject", request: [stranger, "tenant-a", "topic-a", "describe"] },
  { part: "the tenant", request: [member, "tenant-b", "topic-a", "describe"] },
  { part: "the topic", request: [member, "tenant-a", "topic-b", "describe"] },
  { part: "the action", request: [member, "tenant-a", "topic-a", "admin"] },
] as const;

/**
 * Lets Casbin run a model on the smallest policies whose outcome is certain.
 * @param matcher the model's, which `checkMatcher` has let through
 * @returns what is wrong with it
 */
export async function tryModel(model: string, matcher: string): Promise<string | undefined> {
  try {
    const casbin = await CasbinEnforcer.create(model, (name, held, tenant) => roles.has(name, held, tenant));
    for (const tenant of ["tenant-a", systemTenant]) {
      // Throws if access is allowed: there is no rule that could have done it.
      for (const action of actions) casbin.judge([member, tenant, "topic-a", action], []);
    }
    const one = [{ cells: allow }];
    if (!casbin.judge(covered, one).allowed) return notToTheLetter(matcher);
    for (const { part, request } of beside) {
      if (casbin.judge(request, one).allowed) return without(part);
    }
    const both = [...one, { cells: deny }];
    if (casbin.judge(covered, both).allowed) return "this allows what a deny rule denies";
    // What an index serves asks about the subject, the topic and the action of every rule: there is no way past.
    return isIndexable(matcher) ? undefined : await findWayPast(casbin);
  } catch (error) {
    return `this cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** All words that a matcher can have, and so all names that it can tell from others. Tenants and topics may be called so. */
const words = [systemTenant, ...actions];
const tenants = ["tenant-a", ...words];
/** It can compare the parts of a request with each other too. */
const topics = ["topic-a", "tenant-a", ...words];

/** A matcher may look at one part only where another has a certain value: it is tried with all of these. */
async function findWayPast(casbin: CasbinEnforcer): Promise<string | undefined> {
  const pace = new Pace();
  for (const tenant of tenants) {
    const rules = columnsFor(tenant).flatMap((column) => rulesIn(column));
    for (const topic of topics) {
      for (const action of actions) {
        await pace.step();
        const request = [stranger, tenant, topic, action];
        // Throws if access is allowed.
        casbin.judge(request, []);
        if (casbin.judge(request, rules).allowed) return without("the subject");
      }
    }
  }
  for (const rule of ["tenant-a", wildcard].flatMap(rulesIn)) {
    await pace.step();
    const [own, others] =
      rule.action === wildcard ? [actions[0], []] : [rule.action, actions.filter((action) => action !== rule.action)];
    if (casbin.judge([member, "tenant-a", "topic-b", own], [rule]).allowed) return without("the topic");
    const isAllowed = (action: string): boolean =>
      casbin.judge([member, "tenant-a", "topic-a", action], [rule]).allowed;
    if (others.some(isAllowed)) return without("the action");
  }
  return undefined;
}

/** With each action, and one with all. */
function rulesIn(column: string): { readonly action: string; readonly cells: readonly string[] }[] {
  return [...actions, wildcard].map((action) => ({ action, cells: [role, column, "topic-a", action, "allow"] }));
}

function without(part: string): string {
  return `this allows access without regard to ${part}`;
}

/** The likeliest reason is that roles are not looked for, or without their tenant: for Casbin those are roles in no tenant. */
function notToTheLetter(matcher: string): string {
  const counts = [...matcher.matchAll(/\bg *\(([^()]*)\)/g)].map(([, names]) => names!.split(",").length);
  const hint =
    counts.length === 0
      ? "; it does not ask for roles: g(r.sub, p.sub, r.dom)"
      : counts.some((count) => count !== 3)
        ? "; g takes three arguments: g(r.sub, p.sub, r.dom)"
        : "";
  return `this does not allow what a rule allows to the letter${hint}`;
}
