import { type Action, actions } from "../authz/index.js";
import { groupedBy } from "./grouped.js";
import { type FittingRule, type RoleLine, wayInWords } from "./lines.js";
import type { Permission, Review } from "./permissions.js";
import { filterScript } from "./html-parts.js";
import { breakable, escaped, pageOf, timeOf } from "./page.js";
import { cutOffInWords, notesOn, titleOf } from "./review-words.js";

/** Where a page's answers are from. */
export interface PageOrigin {
  /** `the folder policy`, `the server localhost:8400` */
  readonly source: string;
  /** When the policy was read, in milliseconds of the epoch. */
  readonly madeMs: number;
}

/**
 * The grid of a review, as one page that needs nothing else: principals and topics down, actions across, a table for each
 * tenant. Complete without its script, and on paper; the script only filters.
 */
export function formatHtml(review: Review, { source, madeMs }: PageOrigin): string {
  const { scope, permissions, policyVersion, suspended } = review;
  const shown = actions.filter((action) => scope.action === undefined || scope.action === action);
  const tenants = groupedBy(permissions, ({ tenant }) => tenant);
  const cutOff = cutOffInWords(review);
  const notes = notesOn(review)
    .map((note) => `<p>${escaped(note)}</p>\n`)
    .join("");
  return pageOf({
    title: titleOf(scope),
    header: `<p>By the policy of ${escaped(source)}, version <code>${escaped(policyVersion)}</code>, as it was on ${timeOf(madeMs)}: ${countOf(permissions)}.</p>
${cutOff === undefined ? "" : `<p class="cut">${escaped(cutOff)}</p>\n`}${notes}${legend}`,
    main: `${permissions.length === 0 ? `<p>Nobody may${suspended === undefined ? ", by any rule" : ""}.</p>\n` : ""}${[...tenants].map(([tenant, each]) => section(tenant, each, shown)).join("")}${rulesNamed(permissions)}`,
    script: filterScript,
  });
}

const legend = `<ul class="legend">
<li><span class="allow">A</span> allowed, by the line of the policy that stands beside it
<li><span class="deny">D</span> denied by that line, although another one allows it
<li><span class="none">·</span> not allowed: no line allows it
<li><span class="way">via 7, 9</span> through the roles that these lines give
<li><span class="way">over 8</span> although line 8 allows it
<li><code>orders.*</code> as a topic: all names that begin so and have no row of their own
</ul>
<p>All these lines stand at the end of the page.</p>`;

function countOf({ length }: readonly Permission[]): string {
  return length === 1 ? "1 permission" : `${length} permissions`;
}

function section(tenant: string, permissions: readonly Permission[], shown: readonly Action[]): string {
  const rows = groupedBy(permissions, ({ principal, topic }) => `${principal} ${topic}`);
  const heads = shown.map((action) => `<th scope="col">${action}</th>`).join("");
  return `<section>
<h2>Topics of ${escaped(tenant)}</h2>
<div class="table"><table>
<thead><tr><th scope="col" class="name">principal</th><th scope="col" class="name">topic</th>${heads}</tr></thead>
<tbody>
${[...rows.values()].map((each) => row(each, shown)).join("")}</tbody>
</table></div>
</section>
`;
}

function row(permissions: readonly Permission[], shown: readonly Action[]): string {
  const { principal, topic } = permissions[0]!;
  const cells = shown.map((action) => cell(permissions.find((each) => each.action === action)));
  return `<tr><th scope="row">${breakable(principal)}</th><th scope="row">${breakable(topic)}</th>${cells.join("")}</tr>\n`;
}

function cell(permission: Permission | undefined): string {
  if (permission === undefined) return '<td class="none">·</td>';
  const { decision, rule, overruled, action } = permission;
  const allowed = `${action} allowed by ${ruleInWords(rule)}`;
  const denied = `${action} denied by ${ruleInWords(rule)}`;
  const but = overruled === undefined ? "" : `, although ${ruleInWords(overruled)} allows it`;
  const title = escaped(decision === "allow" ? allowed : `${denied}${but}`);
  const letter = decision === "allow" ? "A" : "D";
  return `<td class="${decision}" title="${title}">${letter} ${link(rule)}${part("via", rule.through)}${over(permission)}</td>`;
}

/** The way to the line that is overruled is mostly that to the one that overrules it. */
function over({ rule, overruled }: Permission): string {
  if (overruled === undefined) return "";
  const isSameWay = numbers(rule.through) === numbers(overruled.through);
  return part("over", [overruled]) + (isSameWay ? "" : part("via", overruled.through));
}

function numbers(lines: readonly RoleLine[]): string {
  return lines.map(({ line }) => line).join(" ");
}

function part(word: string, lines: readonly { readonly line: number }[]): string {
  return lines.length === 0 ? "" : ` <span class="way">${word} ${lines.map(link).join(", ")}</span>`;
}

function link({ line }: { readonly line: number }): string {
  return `<a href="#line-${line}">${line}</a>`;
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
