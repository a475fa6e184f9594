import { actions as policyActions } from "../authz/index.js";
import { escaped, pageOf } from "../review/page.js";
import { type AxesReport, type AxisValue, type RefusalKind, outcomes } from "./axes-report.js";
import { axisTitles, columnWords, outcomeWords, summaryOf as summaryOfAxes } from "./axes-text.js";
import { axesNotTried, markOf, needsAuthority, summaryOf } from "./grid.js";
import { fromOutside, placeOf } from "./outside-text.js";
import { provenanceInWords } from "./provenance.js";
import type { MatrixReport } from "./run.js";
import type { TriedCell } from "./try-cell.js";

/** Of one kind there may be very many; the data have them all. */
const maxRows = 5_000;

/**
 * The report as one page that needs nothing else, for an auditor to keep: when it was made, of which policy, what was tried
 * and how, what came of it, and what every refusal looked like.
 */
export function matrixAsHtml(report: MatrixReport): string {
  const { madeMs, matrix, ok, axes, outside, by } = report;
  const verdict = ok ? "Everything came out as it must." : "Not everything came out as it must.";
  return pageOf({
    title: `Secured test matrix of ${matrix}`,
    header: `<p>${escaped(provenanceInWords(by, madeMs))}.</p>
<p class="${ok ? "allow" : "cut"}">${verdict} ${escaped(summaryOf(report))}. ${escaped(axes === undefined ? axesNotTried(report) : summaryOfAxes(axes))}.</p>
${introduction}
${outside === undefined ? howItself : `<p>${escaped(placeOf(outside))}. ${escaped(fromOutside)}</p>`}
${legendOf(report)}`,
    main: `${differencesOf(report)}${gridsOf(report)}${refusedRows(report)}${outsidersOf(report)}${axes === undefined ? "" : axesOf(axes)}`,
  });
}

const introduction = `<p>aclog is a log of records that many tenants share. Who calls is known by its certificate alone: the principal <code>acme/billing</code>
is <code>billing</code> of the tenant <code>acme</code>. The policy says which principal may produce to a topic, consume it, describe it, create it,
delete it, or administer it (<code>admin</code>).</p>`;

const howItself = `<p>Everything was tried on the wire, against a server of its own with this policy, and its data, log and counters were looked into
afterwards: a refusal counts as one if the caller was told so, the log says so, the counter went up, and not a byte was stored or delivered.</p>`;

// From outside it only shows that a call would be done.
const legendOf = ({ outside }: MatrixReport): string => `<ul class="legend">
<li><span class="allow">✓</span> ${outside === undefined ? "allowed, and done" : "allowed"}
<li><span>✗</span> refused
<li><span>?</span> neither
<li><span>(✓)</span> no call does it, or none without effect where others are served: asked of the policy alone
<li><span class="none">·</span> not stated, or none
<li><span class="deny">!</span> not as it must be
<li><code>unnamed</code> any name that no line of the policy has
</ul>`;

/** Of the columns of a table. */
function explained(words: Readonly<Record<string, string>>): string {
  const items = Object.entries(words).map(([head, text]) => `<li><b>${escaped(head)}</b> ${escaped(text)}\n`);
  return `<ul class="legend">\n${items.join("")}</ul>\n`;
}

function differencesOf({ differences, axes }: MatrixReport): string {
  const all = [
    ...differences.map(({ source, line, problem }) =>
      source === undefined ? problem : `${source}:${line ?? 0}: ${problem}`,
    ),
    ...(axes?.differences ?? []),
  ];
  if (all.length === 0) return "";
  return section(
    "Not as it must be",
    `<ul class="lines">\n${all.map((text) => `<li>${escaped(text)}\n`).join("")}</ul>\n`,
  );
}

function gridsOf({ cells }: MatrixReport): string {
  const tenants = [...new Set(cells.map(({ cell }) => cell.tenant))];
  return tenants
    .map((tenant) =>
      gridOf(
        tenant,
        cells.filter(({ cell }) => cell.tenant === tenant),
      ),
    )
    .join("");
}

function gridOf(tenant: string, cells: readonly TriedCell[]): string {
  const rows = new Map<string, Map<string, TriedCell>>();
  for (const tried of cells) {
    const { principal, topic, action } = tried.cell;
    const key = `${principal} ${topic}`;
    rows.set(key, (rows.get(key) ?? new Map<string, TriedCell>()).set(action, tried));
  }
  const body = [...rows].slice(0, maxRows).map(([key, tried]) => {
    const [principal = "", topic = ""] = key.split(" ");
    const marks = policyActions.map((action) => markCell(markOf(tried.get(action))));
    return `<tr><th scope="row">${escaped(principal)}</th><th scope="row">${escaped(topic)}</th>${marks.join("")}</tr>\n`;
  });
  return section(`Topics of ${tenant}`, table(["principal", "topic", ...policyActions], body, rows.size));
}

/** What every refusal of a row looked like. */
function refusedRows({ cells, outside }: MatrixReport): string {
  const rows = cells.flatMap(({ cell, attempts }) =>
    attempts.flatMap(({ method, refusal }) =>
      refusal === undefined
        ? []
        : [[cell.principal, `${cell.tenant}/${cell.topic}`, method, refusal.layer, refusal.status, refusal.said]],
    ),
  );
  if (rows.length === 0) return "";
  const heads = ["principal", "topic", "method", "layer", "status", outside ? "the caller is told" : "the log says"];
  const words = { layer: "what refused it", status: columnWords.status };
  const shown = table(heads, rows.slice(0, maxRows).map(textRow), rows.length);
  return section("What was refused by the policy", `${explained(words)}${shown}`);
}

function outsidersOf({ outsiders, hasAuthority, outside }: MatrixReport): string {
  const rows = outsiders.map(({ who, kind = "", refusal = "", problem }) =>
    textRow([who, problem === undefined ? "kept out" : `! ${problem}`, kind, refusal]),
  );
  const note = hasAuthority ? "" : `<p>${escaped(needsAuthority)}</p>\n`;
  const words = explained({
    "counted as": "the word in aclog_connections_refused_total, by which the server counts whom it refuses",
  });
  const heads = ["who", "came to", "counted as", outside ? "what was seen" : "the log says"];
  return section("Who must not get in", `${outside ? "" : words}${table(heads, rows, rows.length)}${note}`);
}

function axesOf({ isFull, axes, refusals }: AxesReport): string {
  const words = {
    cells: columnWords.cells,
    ...outcomeWords,
    "as it must be": "✓: all of these cells were; else how many were not",
  };
  const how = `<p>Under a small policy and authorities of the matrix's own, what callers show, what they ask for, of which topic, and when were tried
against each other. Each of the next four tables has all cells, by one of these; its other columns count what became of their calls.</p>\n`;
  const tables = Object.entries(axisTitles).map(([axis, title]) => {
    const { value, remark } = axisHeads[axis as keyof typeof axes];
    return section(title, axisTable(value, remark, axes[axis as keyof typeof axes]));
  });
  return `${section(isFull ? "Every combination" : "Every pair of values", `${how}${explained(words)}`)}${tables.join("")}${section("How refusals look", refusalTable(refusals))}`;
}

/** What stands at the left of each axis' table; what else there is to say of its values, if there is anything. */
const axisHeads = {
  credential: { value: "credential", remark: "refused as" },
  action: { value: "method", remark: "kind of call" },
  resource: { value: "topic", remark: "such as" },
  moment: { value: "moment", remark: undefined },
} as const;

function axisTable(head: string, remarkHead: string | undefined, values: readonly AxisValue[]): string {
  const shown = outcomes.filter((outcome) => values.some(({ came }) => came[outcome] !== undefined));
  const rows = values.map(({ name, remark, cells, came, differing }) => {
    const names = [name, ...(remarkHead === undefined ? [] : [remark])];
    const counts = [cells, ...shown.map((outcome) => came[outcome] ?? "·")].map((count) => `<td>${count}</td>`);
    const verdict = differing === 0 ? '<td class="allow">✓</td>' : `<td class="deny">${differing} !</td>`;
    return `<tr>${names.map((text) => `<th scope="row">${escaped(text)}</th>`).join("")}${counts.join("")}${verdict}</tr>\n`;
  });
  const heads = [head, ...(remarkHead === undefined ? [] : [remarkHead]), "cells", ...shown, "as it must be"];
  return table(heads, rows, rows.length);
}

function refusalTable(refusals: readonly RefusalKind[]): string {
  const rows = refusals.map(({ layer, status, word, said, counter, cells, differing }) =>
    textRow([layer, status, word, said, counter, `${cells}`, differing === 0 ? "✓" : `${differing} !`]),
  );
  const words = {
    layer: "what refused it, as above",
    status: columnWords.status,
    word: columnWords.word,
    "the server says": "in its log, or to its caller, of one of these cells",
    "what went up": "the metric that counted it",
  };
  const heads = ["layer", "status", "word", "the server says", "what went up", "cells", "as it must be"];
  return `${explained(words)}${table(heads, rows, rows.length)}`;
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${escaped(title)}</h2>\n${content}</section>\n`;
}

/** @param all how many rows there are, of which these are the first */
function table(heads: readonly string[], rows: readonly string[], all: number): string {
  const head = heads.map((text) => `<th scope="col">${escaped(text)}</th>`).join("");
  const more = all > rows.length ? `<p>and ${all - rows.length} more</p>\n` : "";
  return `<div class="table"><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join("")}</tbody>\n</table></div>\n${more}`;
}

function textRow(texts: readonly string[]): string {
  return `<tr>${texts.map((text) => `<th scope="row">${escaped(text)}</th>`).join("")}</tr>\n`;
}

function markCell(mark: string): string {
  if (mark === "·") return '<td class="none">·</td>';
  const kind = mark.endsWith("!") ? "deny" : mark.includes("✓") ? "allow" : "";
  return `<td class="${kind}">${mark}</td>`;
}
