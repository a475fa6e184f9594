import { actions as policyActions } from "../authz/index.js";
import { escaped, hashOf } from "../review/html.js";
import { pageStyle } from "../review/html-parts.js";
import { type AxesReport, type AxisValue, type RefusalKind, outcomes } from "./axes-report.js";
import { axisTitles, summaryOf as summaryOfAxes } from "./axes-text.js";
import { axesNotTried, markOf, needsAuthority, summaryOf } from "./grid.js";
import { fromOutside, placeOf } from "./outside-text.js";
import type { MatrixReport } from "./run.js";
import type { TriedCell } from "./try-cell.js";

/** Of one kind there may be very many; the data have them all. */
const maxRows = 5_000;

/**
 * The report as one page that needs nothing else, for an auditor to keep: when it was made, of which policy, what was tried
 * and how, what came of it, and what every refusal looked like.
 */
export function matrixAsHtml(report: MatrixReport): string {
  const { policyVersion, madeMs, matrix, ok, axes, outside } = report;
  const made = new Date(madeMs).toISOString().replace(/\.\d+Z$/, "Z");
  const title = `Secured test matrix of ${escaped(matrix)}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${hashOf(pageStyle)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>Policy version <code>${escaped(policyVersion)}</code>, <time datetime="${made}">${made.replace("T", " ").replace("Z", " UTC")}</time>.</p>
<p class="${ok ? "allow" : "cut"}">${ok ? "Everything came out as it must." : "Not everything came out as it must."} ${escaped(summaryOf(report))}. ${escaped(axes === undefined ? axesNotTried(report) : summaryOfAxes(axes))}.</p>
${outside === undefined ? howItself : `<p>${escaped(placeOf(outside))}. ${escaped(fromOutside)}</p>`}
${legend}
</header>
<main>
${differencesOf(report)}${gridsOf(report)}${refusedRows(report)}${outsidersOf(report)}${axes === undefined ? "" : axesOf(axes)}</main>
</body>
</html>
`;
}

const howItself = `<p>Everything was tried on the wire, against a server of its own with this policy, and its data, log and counters were looked into
afterwards: a refusal counts as one if the caller was told so, the log says so, the counter went up, and not a byte was stored or delivered.</p>`;

const legend = `<ul class="legend">
<li><span class="allow">✓</span> allowed, and done
<li><span>✗</span> refused
<li><span>(✓)</span> no call does it, or none without effect where others are served: asked of the policy alone
<li><span class="none">·</span> not stated
<li><span class="deny">!</span> not as it must be
<li><b>TLS</b> refused by OpenSSL in the handshake
<li><b>identity</b> refused for what the certificate says, before HTTP/2; a call that is open then ends with UNAUTHENTICATED
<li><b>request</b> refused before the policy is asked, because no topic can have that name, or by whom it is written
<li><b>policy</b> refused by the policy
<li><b>store</b> allowed, and not to be done, such as reading a topic that is missing
<li><b>drain</b>, <b>port</b> the server is stopping, or nobody listens any more
</ul>`;

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
  return section(`Topics of ${escaped(tenant)}`, table(["principal", "topic", ...policyActions], body, rows.size));
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
  return section("What was refused by the policy", table(heads, rows.slice(0, maxRows).map(textRow), rows.length));
}

function outsidersOf({ outsiders, hasAuthority, outside }: MatrixReport): string {
  const rows = outsiders.map(({ who, kind = "", refusal = "", problem }) =>
    textRow([who, problem === undefined ? "kept out" : `! ${problem}`, kind, refusal]),
  );
  const note = hasAuthority ? "" : `<p>${escaped(needsAuthority)}</p>\n`;
  return section(
    "Who must not get in",
    `${table(["who", "came to", "counted as", outside ? "what was seen" : "the log says"], rows, rows.length)}${note}`,
  );
}

function axesOf({ axes, refusals }: AxesReport): string {
  const sections = Object.entries(axisTitles).map(([axis, title]) =>
    section(title, axisTable(axes[axis as keyof typeof axes])),
  );
  return `${sections.join("")}${section("How refusals look", refusalTable(refusals))}`;
}

function axisTable(values: readonly AxisValue[]): string {
  const shown = outcomes.filter((outcome) => values.some(({ came }) => came[outcome] !== undefined));
  const rows = values.map(({ name, remark, cells, came, differing }) => {
    const counts = shown.map((outcome) => `<td>${came[outcome] ?? "·"}</td>`);
    const verdict = differing === 0 ? '<td class="allow">✓</td>' : `<td class="deny">${differing} !</td>`;
    return `<tr><th scope="row">${escaped(name)}</th><th scope="row">${escaped(remark)}</th><td>${cells}</td>${counts.join("")}${verdict}</tr>\n`;
  });
  return table(["", "", "cells", ...shown, "as it must be"], rows, rows.length);
}

function refusalTable(refusals: readonly RefusalKind[]): string {
  const rows = refusals.map(({ layer, status, word, said, counter, cells, differing }) =>
    textRow([layer, status, word, said, counter, `${cells}`, differing === 0 ? "✓" : `${differing} !`]),
  );
  return table(["layer", "status", "word", "the server says", "what went up", "cells", ""], rows, rows.length);
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${title}</h2>\n${content}</section>\n`;
}

/** @param all how many rows there are, of which these are the first */
function table(heads: readonly string[], rows: readonly string[], all: number): string {
  const head = heads.map((text) => `<th scope="col">${escaped(text)}</th>`).join("");
  const more = all > rows.length ? `<p>and ${all - rows.length} more</p>\n` : "";
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join("")}</tbody>\n</table>\n${more}`;
}

function textRow(texts: readonly string[]): string {
  return `<tr>${texts.map((text) => `<th scope="row">${escaped(text)}</th>`).join("")}</tr>\n`;
}

function markCell(mark: string): string {
  if (mark === "·") return '<td class="none">·</td>';
  const kind = mark.endsWith("!") ? "deny" : mark.includes("✓") ? "allow" : "";
  return `<td class="${kind}">${mark}</td>`;
}
