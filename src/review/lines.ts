/** Lines of `policy.csv` as a review names them: plain data, the same for JSON, for the wire and for people. */
import {
  type Assignment,
  assignmentAsWritten,
  type Effect,
  isRole,
  type LoadedPolicy,
  nameAsWritten,
  type Rule,
} from "../authz/index.js";

/** A `p` line. */
export interface RuleLine {
  /** `policy/policy.csv:7` */
  readonly place: string;
  /** Counts from 1. */
  readonly line: number;
  /** `p, role:producer, acme, orders.*, produce, allow` */
  readonly text: string;
  /** A principal or a role; under the simple model a name, which can be either. */
  readonly subject: string;
  readonly effect: Effect;
}

/** A `g` line: `member` has `role` in `tenant`, which may be `*`, and under the simple model is. */
export interface RoleLine {
  readonly place: string;
  readonly line: number;
  /** `g, acme/billing, role:producer, acme` */
  readonly text: string;
  readonly member: string;
  readonly role: string;
  readonly tenant: string;
}

/** A rule that fits a request, and how it came to. */
export interface FittingRule extends RuleLine {
  /**
   * The shortest way from the principal to the rule's subject, from role to role; empty where the rule names the principal
   * itself, or where a matcher of the administrator's own lets it fit in another way.
   */
  readonly through: readonly RoleLine[];
}

export function ruleLine(policy: LoadedPolicy, rule: Rule): RuleLine {
  const { place, line, text } = rule;
  // The reader lets no other effect pass.
  return { place, line, text, subject: nameAsWritten(rule.subject, policy), effect: rule.effect as Effect };
}

export function roleLine(policy: LoadedPolicy, assignment: Assignment): RoleLine {
  const { line, tenant } = assignment;
  const place = `${policy.files.files["policy.csv"].source}:${line}`;
  const [member, role] = [assignment.member, assignment.role].map((name) => nameAsWritten(name, policy));
  return { place, line, text: assignmentAsWritten(assignment, policy), member: member!, role: role!, tenant };
}

/** `names the principal itself`, or the roles: `through role:clerk (policy/policy.csv:3), role:reader (policy/policy.csv:4)` */
export function wayInWords({ through, subject }: FittingRule): string {
  if (through.length > 0) return `through ${through.map(({ role, place }) => `${role} (${place})`).join(", ")}`;
  return isRole(subject) ? "by the matcher in model.conf" : "names the principal itself";
}

/** Whether a rule with this subject speaks of the principal by name: by the part behind the slash, under the simple model. */
export function isNamedBy(subject: string, principal: string): boolean {
  return subject === principal || principal.endsWith(`/${subject}`);
}
