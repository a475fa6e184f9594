import { assignmentAsWritten } from "../authz/index.js";
import type { InvolvedRule } from "./diff-effects.js";
import type { Side } from "./diff-side.js";
import type { ChangedLines } from "./text-changes.js";

/** What of the files made a difference. */
export interface Cause {
  readonly kind:
    | "rule added"
    | "rule removed"
    /** A line that both policies have, and that decides under one of them. */
    | "rule"
    | "role given"
    | "role withdrawn"
    | "tenant declared"
    | "tenant no longer declared"
    | "matcher changed";
  /** Which of the two policies the place is in; a tenant or a matcher has none. */
  readonly side?: "old" | "new";
  /** `policy/policy.csv:7` */
  readonly place?: string;
  /** The line, or the tenant. */
  readonly text?: string;
}

/** The policies, and the lines that each has alone. */
export interface Origins {
  readonly sides: { readonly old: Side; readonly new: Side };
  readonly lines: { readonly old: ChangedLines; readonly new: ChangedLines };
  readonly matcherChanged: boolean;
}

/** Why a principal's rights in a tenant changed: for each rule that has to do with it, how it came to count or not to. */
export function causesOf(
  { sides, lines, matcherChanged }: Origins,
  rules: readonly InvolvedRule[],
  principal: string,
  tenant: string,
): Cause[] {
  const causes = rules.flatMap(({ rule, side }): Cause[] => {
    const isNew = side === "new";
    const line = { side, place: rule.place, text: rule.text };
    if (lines[side].rules.has(rule)) return [{ kind: isNew ? "rule added" : "rule removed", ...line }];
    const given = assignmentsTo(rule.subject, { side: sides[side], lines: lines[side], principal, tenant });
    return [
      ...given.map((assignment): Cause => {
        const place = `${lines[side].source}:${assignment.line}`;
        return {
          kind: isNew ? "role given" : "role withdrawn",
          side,
          place,
          text: assignmentAsWritten(assignment, sides[side].policy),
        };
      }),
      { kind: "rule", ...line },
    ];
  });
  const [home] = principal.split("/");
  for (const name of new Set([tenant, home!])) {
    const [before, after] = [sides.old.isOwner(name), sides.new.isOwner(name)];
    if (before !== after) causes.push({ kind: after ? "tenant declared" : "tenant no longer declared", text: name });
  }
  if (matcherChanged) causes.push({ kind: "matcher changed" });
  return causes;
}

/** The lines that one policy has alone, on the principal's way to the subject of a rule. */
function assignmentsTo(
  subject: string,
  { side, lines, principal, tenant }: { side: Side; lines: ChangedLines; principal: string; tenant: string },
): ReturnType<ChangedLines["givenTo"]> {
  if (subject === principal) return [];
  const onTheWay = [...side.rolesOf(principal, tenant)].flatMap((name) => lines.givenTo(name, tenant));
  return onTheWay.filter(({ role }) => side.rolesOf(role, tenant).has(subject));
}
