import {
  isAction,
  type LoadedPolicy,
  nameOfRole,
  parsePolicy,
  type PolicyRows,
  roleOf,
  Rule,
  sourceOf,
  wildcard,
} from "../authz/index.js";
import { type Finding, WrongSettings } from "../errors.js";

/** What somebody is to get or to lose, in the words of the command line. */
export interface Wanted {
  /** A principal, a role, or in the simple model a name. */
  readonly subject: string;
  /** Actions, or one `role:NAME`. */
  readonly what: readonly string[];
  /** `TENANT/TOPIC` of a right, `TENANT` of a role; in the simple model `TOPIC`, and nothing. */
  readonly where: string | undefined;
}

/** The same as lines of the policy at hand. */
export interface Asked {
  /** One for each action, allowing; none of a role. */
  readonly rules: readonly AskedRule[];
  readonly assignment: AskedAssignment | undefined;
}

export interface AskedRule {
  readonly rule: Rule;
  /** As they are written. */
  readonly cells: readonly string[];
  readonly denyCells: readonly string[] | undefined;
}

export interface AskedAssignment {
  readonly member: string;
  readonly role: string;
  readonly tenant: string;
  readonly cells: readonly string[];
}

const noSuchLine = "no line of this policy can say that";

const isRole = (word: string): boolean => word.startsWith("role:");

/** @throws WrongSettings for what no line of this policy can say, with each reason */
export async function readAsked(wanted: Wanted, policy: LoadedPolicy): Promise<Asked> {
  return wanted.what.some(isRole) ? askedRole(wanted, policy) : askedRights(wanted, policy);
}

async function askedRights({ subject, what, where }: Wanted, policy: LoadedPolicy): Promise<Asked> {
  const isSimple = policy.simple !== undefined;
  const slash = where?.indexOf("/") ?? -1;
  if (!isSimple && slash === -1) refuseBareRole(what[0]!, where, policy);
  if (where === undefined || (slash === -1) !== isSimple) {
    const instead = isSimple
      ? "TOPIC alone, as in orders: the simple model knows no tenants"
      : "TENANT/TOPIC, as in acme/orders";
    throw wrong("what the right is about", `expected ${instead}`);
  }
  const place = isSimple ? [where] : [where.slice(0, slash), where.slice(slash + 1)];
  const written = [...new Set(what)].map((action) => {
    const cells = ["p", subject, ...place, action];
    return { cells: isSimple ? cells : [...cells, "allow"], denyCells: isSimple ? undefined : [...cells, "deny"] };
  });
  const rows = await parsed(written.map(({ cells }) => cells), policy); // prettier-ignore
  return { rules: written.map((one, index) => ({ ...one, rule: rows.rules[index]! })), assignment: undefined };
}

/** `producer acme`, of which each half would be called wrong for something that nobody meant. */
function refuseBareRole(word: string, where: string | undefined, { rows, compiled }: LoadedPolicy): void {
  if (isAction(word) || word === wildcard) return;
  const role = roleOf(word);
  const isTenant = where !== undefined && compiled.isDeclaredTenant(where);
  if (!isTenant && !rows.rules.some(({ subject }) => subject === role)) return;
  throw wrong(JSON.stringify(word), `is no action; did you mean ${role}?`);
}

async function askedRole({ subject, what, where }: Wanted, policy: LoadedPolicy): Promise<Asked> {
  const isSimple = policy.simple !== undefined;
  const [role, ...others] = what;
  if (others.length > 0) throw wrong("what it is", "a role is given or taken alone");
  if ((where === undefined) !== isSimple) {
    throw wrong(
      "where the role is held",
      isSimple ? "the simple model knows no tenants: leave this out" : "expected a tenant",
    );
  }
  if (subject === (isSimple ? nameOfRole(role!) : role)) throw wrong(role!, "a role is not given to itself");
  const cells = isSimple ? ["g", subject, nameOfRole(role!)] : ["g", subject, role!, where!];
  const { assignments } = await parsed([cells], policy);
  const { member, role: held, tenant } = assignments[0]!;
  return { rules: [], assignment: { member, role: held, tenant, cells } };
}

/** Reads the lines as strictly as those of a file, and as they would be read in this one. */
async function parsed(lines: readonly (readonly string[])[], { tenants, simple }: LoadedPolicy): Promise<PolicyRows> {
  for (const word of lines.flat()) {
    if (/[,\n#]|^ | $/.test(word))
      throw wrong(JSON.stringify(word), "no name has a comma, a #, a space or a line end in it");
  }
  const file = await sourceOf("asked", Buffer.from(lines.map((cells) => `${cells.join(",")}\n`).join("")));
  const rows = await parsePolicy(file, new Set(tenants.keys()), simple);
  const findings = file.findings.errors.map(({ line, problem }) => ({ source: lines[(line ?? 1) - 1]!.join(", "), problem })); // prettier-ignore
  if (findings.length > 0) throw new WrongSettings(noSuchLine, findings);
  return rows;
}

function wrong(source: string, problem: string): WrongSettings {
  const finding: Finding = { source, problem };
  return new WrongSettings(noSuchLine, [finding]);
}
