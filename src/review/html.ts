import { createHash } from "node:crypto";
import { type Action, actions } from "../authz/index.js";
import { groupedBy } from "./grouped.js";
import { type FittingRule, wayInWords } from "./lines.js";
import type { Permission, Review } from "./permissions.js";
import { filterScript, pageStyle } from "./html-parts.js";
import { cutOffInWords, titleOf } from "./review-words.js";

/**
 * The grid of a review, as one page that needs nothing else: principals and topics down, actions across, a table for each
 * tenant. Complete without its script, and on paper; the script only filters.
 * @param madeMs when the policy was read, in milliseconds of the epoch
 */
export function formatHtml(review: Review, madeMs: number): string {
  const { scope, permissions, policyVersion } = review;
  const shown = actions.filter((action) => scope.action === undefined || scope.action === action);
  const tenants = groupedBy(permissions, ({ tenant }) => tenant);
  const made = new Date(madeMs).toISOString().replace(/\.\d+Z$/, "Z");
  const cutOff = cutOffInWords(review);
  const title = escaped(titleOf(scope));
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${hashOf(pageStyle)}; script-src ${hashOf(filterScript)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>Policy version <code>${escaped(policyVersion)}</code>, <time datetime="${made}">${made.replace("T", " ").replace("Z", " UTC")}</time>, ${permissions.length} permissions.</p>
${cutOff === undefined ? "" : `<p class="cut">${escaped(cutOff)}</p>\n`}${legend}
</header>
<main>
${permissions.length === 0 ? "<p>Nobody may, by any rule.</p>\n" : ""}${[...tenants].map(([tenant, each]) => section(tenant, each, shown)).join("")}${rulesNamed(permissions)}</main>
<script>${filterScript}</script>
</body>
</html>
`;
}

const legend = `<ul class="legend">
<li><span class="allow">A</span> allowed, by the line of the policy that stands beside it
<li><span class="deny">D</span> denied by that line, although another line allows it
<li><span class="none">·</span> not allowed: no line allows it
<li><code>orders.*</code> as a topic: all names that begin so and have no row of their own
</ul>`;

function section(tenant: string, permissions: readonly Permission[], shown: readonly Action[]): string {
  const rows = groupedBy(permissions, ({ principal, topic }) => `${principal} ${topic}`);
  const heads = shown.map((action) => `<th scope="col">${action}</th>`).join("");
  return `<section>
<h2>Topics of ${escaped(tenant)}</h2>
<table>
<thead><tr><th scope="col">principal</th><th scope="col">topic</th>${heads}</tr></thead>
<tbody>
${[...rows.values()].map((each) => row(each, shown)).join("")}</tbody>
</table>
</section>
`;
}

function row(permissions: readonly Permission[], shown: readonly Action[]): string {
  const { principal, topic } = permissions[0]!;
  const cells = shown.map((action) => cell(permissions.find((each) => each.action === action)));
  return `<tr><th scope="row">${escaped(principal)}</th><th scope="row">${escaped(topic)}</th>${cells.join("")}</tr>\n`;
}

function cell(permission: Permission | undefined): string {
  if (permission === undefined) return '<td class="none">·</td>';
  const { decision, rule, overruled, action } = permission;
  const allowed = `${action} allowed by ${ruleInWords(rule)}`;
  const denied = `${action} denied by ${ruleInWords(rule)}`;
  const but = overruled === undefined ? "" : `, although ${ruleInWords(overruled)} allows it`;
  const title = escaped(decision === "allow" ? allowed : `${denied}${but}`);
  const letter = decision === "allow" ? "A" : "D";
  return `<td class="${decision}" title="${title}">${letter} <a href="#line-${rule.line}">${rule.line}</a></td>`;
}

function ruleInWords(rule: FittingRule): string {
  return `${rule.place}: ${rule.text} (${wayInWords(rule)})`;
}

/** On paper nobody sees the tips of the cells. */
function rulesNamed(permissions: readonly Permission[]): string {
  const lines = new Map<number, { readonly place: string; readonly text: string }>();
  for (const { rule, overruled } of permissions) {
    for (const each of [rule, overruled]) {
      if (each === undefined) continue;
      lines.set(each.line, each);
      for (const role of each.through) lines.set(role.line, role);
    }
  }
  if (lines.size === 0) return "";
  const sorted = [...lines].sort(([one], [other]) => one - other);
  const listed = sorted.map(
    ([line, { place, text }]) => `<li id="line-${line}"><code>${escaped(place)}: ${escaped(text)}</code>\n`,
  );
  return `<section>
<h2>Lines of the policy that decide here</h2>
<ul class="lines">
${listed.join("")}</ul>
</section>
`;
}

/** As a Content-Security-Policy names what is inline. */
function hashOf(content: string): string {
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** As text, and as the value of a quoted attribute. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign]!);
}
