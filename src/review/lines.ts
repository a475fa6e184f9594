/** Lines of `policy.csv` as a review names them: plain data, the same for JSON, for the wire and for people. */
import { type Assignment, type Effect, isRole, type LoadedPolicy, type Rule } from "../authz/index.js";

/** A `p` line. */
export interface RuleLine {
  /** `policy/policy.csv:7` */
  readonly place: string;
  /** Counts from 1. */
  readonly line: number;
  /** `p, role:producer, acme, orders.*, produce, allow` */
  readonly text: string;
  /** A principal or a role. */
  readonly subject: string;
  readonly effect: Effect;
}

/** A `g` line: `member` has `role` in `tenant`, which may be `*`. */
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

export function ruleLine(rule: Rule): RuleLine {
  const { place, line, text, subject } = rule;
  // The reader lets no other effect pass.
  return { place, line, text, subject, effect: rule.effect as Effect };
}

export function roleLine({ files }: LoadedPolicy, { line, member, role, tenant }: Assignment): RoleLine {
  const place = `${files.files["policy.csv"].source}:${line}`;
  return { place, line, text: ["g", member, role, tenant].join(", "), member, role, tenant };
}

/** `names the principal itself`, or the roles: `through role:clerk (policy/policy.csv:3), role:reader (policy/policy.csv:4)` */
export function wayInWords({ through, subject }: FittingRule): string {
  if (through.length > 0) return `through ${through.map(({ role, place }) => `${role} (${place})`).join(", ")}`;
  return isRole(subject) ? "by the matcher in model.conf" : "names the principal itself";
}
