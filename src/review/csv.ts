import type { RoleLine } from "./lines.js";
import type { Permission, Review } from "./permissions.js";

/** What stands in each column, in the order of the columns. */
const columns: Readonly<Record<string, (permission: Permission) => string>> = {
  tenant: ({ tenant }) => tenant,
  principal: ({ principal }) => principal,
  topic: ({ topic }) => topic,
  action: ({ action }) => action,
  decision: ({ decision }) => decision,
  line: ({ rule }) => `${rule.line}`,
  rule: ({ rule }) => rule.text,
  roles: ({ rule }) => rule.through.map(({ role }) => role).join(" "),
  role_lines: ({ rule }) => linesOf(rule.through),
  overruled_line: ({ overruled }) => (overruled === undefined ? "" : `${overruled.line}`),
  overruled_rule: ({ overruled }) => overruled?.text ?? "",
};

/**
 * One row for each permission under a row of heads (RFC 4180, lines ended by newlines). No cell begins with a sign that a
 * spreadsheet takes for a formula: names begin with a letter, a digit, `_` or `*`, and everything else is made here.
 */
export function formatCsv({ permissions }: Review): string {
  const rows = permissions.map((permission) => Object.values(columns).map((cell) => cell(permission)));
  return [Object.keys(columns), ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

function linesOf(through: readonly RoleLine[]): string {
  return through.map(({ line }) => `${line}`).join(" ");
}

function quoted(cell: string): string {
  return /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
