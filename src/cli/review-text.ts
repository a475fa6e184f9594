/** A review for people: a table of what is allowed, and one of what a deny takes away. */
import type { Permission, Review } from "../review/index.js";

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string;
}

/** One row of a table: actions on one topic by the same rule. */
interface Row extends Permission {
  readonly actions: string;
}

/** Columns that say the same in every row are left out: the title says it. */
export async function formatReview(review: Review): Promise<string> {
  const { cutOffInWords, groupedBy, isNamedBy, notesOn, titleOf } = await import("../review/index.js");
  const { scope, permissions, policyVersion, suspended } = review;
  const rows = [...groupedBy(permissions, keyOf).values()].map((same) => ({
    ...same[0]!,
    actions: same.map(({ action }) => action).join(", "),
  }));
  const columns: Column[] = [
    ...(scope.tenant === undefined ? [{ head: "tenant", cell: ({ tenant }: Row) => tenant }] : []),
    ...(scope.principal === undefined ? [{ head: "principal", cell: ({ principal }: Row) => principal }] : []),
    ...(scope.topic === undefined ? [{ head: "topic", cell: ({ topic }: Row) => topic }] : []),
    ...(scope.action === undefined ? [{ head: "actions", cell: ({ actions }: Row) => actions }] : []),
    { head: "by", cell: ({ rule }) => rule.place },
    { head: "through", cell: (row) => through(row, isNamedBy(row.rule.subject, row.principal)) },
  ];
  const overruled: Column = { head: "overrules", cell: ({ overruled: rule }) => rule?.place ?? "" };
  const allowed = rows.filter(({ decision }) => decision === "allow");
  const denied = rows.filter(({ decision }) => decision === "deny");
  const nobody = scope.principal === undefined ? "Nobody may" : "Nothing";
  const none = suspended === undefined ? `${nobody}, by any rule.` : `${nobody}.`;
  const cutOff = cutOffInWords(review);
  return [
    `${titleOf(scope)} (policy version ${policyVersion})\n`,
    table(columns, allowed, none),
    ...(denied.length === 0
      ? []
      : ["Denied, although another rule allows it\n", table([...columns, overruled], denied, "")]),
    ...(cutOff === undefined ? [] : [`${cutOff}\n`]),
    ...notesOn(review).map((note) => `${note}\n`),
  ].join("\n");
}

function keyOf({ principal, tenant, topic, decision, rule, overruled }: Permission): string {
  return [principal, tenant, topic, decision, rule.line, overruled?.line].join(" ");
}

/** `role:clerk (3), role:producer (4)`: with the lines that give these; nothing where the rule names the principal itself. */
function through({ rule: { through: roles } }: Permission, isNamed: boolean): string {
  if (roles.length > 0) return roles.map(({ role, line }) => `${role} (${line})`).join(", ");
  return isNamed ? "" : "the matcher";
}

/** Names alone are in it, so that nothing needs escaping: ten thousand rows are drawn in no time. */
function table(columns: readonly Column[], rows: readonly Row[], none: string): string {
  if (rows.length === 0) return `${none}\n`;
  const cells = [
    columns.map(({ head }) => head.toUpperCase()),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, at) => cells.reduce((widest, row) => Math.max(widest, row[at]!.length), 0));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
