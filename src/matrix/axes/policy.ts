/** The policy under which the axes are tried: small, always the same, and stated once more in plain words by the resources. */
import type { Event } from "./moments.js";
import { type Caller, type Right, tenantOf } from "./resources.js";

export const modelConf = `[request_definition]
r = sub, dom, obj, act

[policy_definition]
p = sub, dom, obj, act, eft

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (r.dom == p.dom || (p.dom == "*" && r.dom != "_system")) && (r.act == p.act || p.act == "*") && topicMatch(r.obj, p.obj) && g(r.sub, p.sub, r.dom)
`;

/** How many cells are tried at a time. */
export const slots = 96;

/** Who may do everything in both tenants, and prepares what the others find. */
export const keeper = { tenant: "acme", name: "keeper" } as const;

/** Which principal makes the call of a cell. */
export function callerOf(caller: Caller, slot: number): { readonly tenant: string; readonly name: string } {
  return { tenant: tenantOf[caller], name: `${caller}-${slot}` };
}

/** A topic of the caller's own that it may produce to. */
export function homeOf(slot: number): string {
  return `home.${slot}`;
}

const numbers = Array.from({ length: slots }, (_each, slot) => slot);
const callers = Object.keys(tenantOf) as Caller[];
const withoutCreate: readonly Right[] = ["produce", "consume", "describe", "delete", "admin"];

const rules: readonly string[] = [
  ...numbers.map((slot) => `p, role:exact, acme, exact-${slot}, *, allow`),
  "p, role:exact, acme, home.*, produce, allow",
  "p, role:prefix, acme, pre.*, *, allow",
  ...withoutCreate.map((right) => `p, role:prefix, acme, bare.*, ${right}, allow`),
  "p, role:prefix, acme, _offsets, *, allow",
  "p, role:prefix, acme, home.*, produce, allow",
  "p, role:wild, acme, *, *, allow",
  "p, role:admin, _system, policy, admin, allow",
  "p, role:admin, _system, connections, admin, allow",
  "p, role:admin, ops, home.*, produce, allow",
];
const exceptions: readonly string[] = ["p, role:wild, acme, cards.*, *, deny"];
const roles: readonly string[] = callers.flatMap((caller) =>
  numbers.flatMap((slot) => {
    const principal = `${tenantOf[caller]}/${caller}-${slot}`;
    const whole = caller === "admin" ? [`g, ${principal}, role:admin, _system`] : [];
    return [`g, ${principal}, role:${caller}, ${tenantOf[caller]}`, ...whole];
  }),
);
const keepers: readonly string[] = [
  "p, role:keeper, *, *, *, allow",
  "p, role:keeper, acme, _offsets, *, allow",
  "g, acme/keeper, role:keeper, globex",
];
const keepersAtHome = "g, acme/keeper, role:keeper, acme";

/** The files of the policy once an event has happened, by their names; `model.conf` is not among them. */
export function policyAfter(event: Event): Readonly<Record<string, string>> {
  const files = {
    "policy.csv": lines(rulesAfter(event)),
    "matrix.csv": "",
    "tenants.yaml": JSON.stringify({ tenants: tenantsAfter(event) }),
  };
  return event === "broken policy files"
    ? { ...files, "policy.csv": `${files["policy.csv"]}p, what, is this\n` }
    : files;
}

/** What is refused must not be in force in part either: it would show in who may do what, and in who gets in. */
const nobodysRights: readonly string[] = [
  "p, role:wild, acme, cards.*, *, allow",
  "p, role:exact, globex, *, *, allow",
];

function rulesAfter(event: Event): readonly string[] {
  switch (event) {
    case "the rules go":
      return [...exceptions, ...roles, ...keepers, keepersAtHome];
    case "the roles go":
      return [...rules, ...exceptions, ...keepers, keepersAtHome];
    case "broken policy files":
      return [...nobodysRights, ...roles, ...keepers, keepersAtHome];
    case "the tenant goes":
      // No line may speak of a tenant that is not declared.
      return ["p, role:keeper, *, *, *, allow"];
    default:
      return [...rules, ...exceptions, ...roles, ...keepers, keepersAtHome];
  }
}

/** The authority of the tenant `globex`, and of no other: a file in the folder of the authorities. */
export const ofGlobexFile = "globex.crt";

/** Nothing of what is tried is about how much of it: the limits are out of the way. */
const limits = { storage_bytes: 2 ** 50, topics: 1_000_000, connections: 100_000, streams: 100_000 };

function tenantsAfter(event: Event): object {
  const globex = { limits, ca: ofGlobexFile };
  if (event === "the tenant goes") return { globex };
  const isSuspended = event === "the tenant is suspended" || event === "broken policy files";
  const suspended = isSuspended ? { suspended: true } : {};
  return { acme: { limits, ...suspended }, ops: { limits, ...suspended }, globex };
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
