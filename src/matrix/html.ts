import { actions as policyActions } from "../authz/index.js";
import { escaped, pageOf } from "../review/page.js";
import { type AxesReport, type AxisValue, type RefusalKind, outcomes } from "./axes-report.js";
import { axisTitles, columnWords, outcomeWords, summaryOf as summaryOfAxes } from "./axes-text.js";
import { axesNotTried, markOf, needsAuthority, summaryOf } from "./grid.js";
import {
  type Section,
  asSections,
  contentsOf,
  countCell,
  nameCell,
  rowOf,
  table,
  textCell,
  wordCell,
} from "./html-parts.js";
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
  const sections = [
    ...differencesOf(report),
    ...gridsOf(report),
    outsidersOf(report),
    ...refusedRows(report),
    ...(axes === undefined ? [] : axesOf(axes)),
  ];
  const verdict = ok ? "Everything came out as it must." : "Not everything came out as it must.";
  return pageOf({
    title: `Secured test matrix of ${matrix}`,
    header: `<p>${escaped(provenanceInWords(by, madeMs))}.</p>
<p class="${ok ? "allow" : "cut"}">${verdict} ${escaped(summaryOf(report))}. ${escaped(axes === undefined ? axesNotTried(report) : summaryOfAxes(axes))}.</p>
${contentsOf(sections)}${introduction}
${outside === undefined ? howItself : `<p>${escaped(placeOf(outside))}. ${escaped(fromOutside)}</p>`}
${certificatesOf(report)}
${legendOf(report)}`,
    main: asSections(sections),
  });
}

const introduction = `<p>aclog is a log of records that many tenants share. Who calls is known by its certificate alone: the principal <code>acme/billing</code>
is <code>billing</code> of the tenant <code>acme</code>. The policy says which principal may produce to a topic, consume it, describe it, create it,
delete it, or administer it (<code>admin</code>).</p>`;

const howItself = `<p>Everything was tried on the wire, against a server of its own with this policy, and its data, log and counters were looked into
afterwards: a refusal counts as one if the caller was told so, the log says so, the counter went up, and not a byte was stored or delivered.</p>`;

/** By which whoever keeps the page can say what it is about. */
function certificatesOf({ serverCertificates, authorities, outside }: MatrixReport): string {
  const authority = `authority that vouches for clients${outside === undefined ? "" : ", by the files here"}`;
  const listed = [
    ...serverCertificates.map((each) => ["the server's certificate", each] as const),
    ...authorities.map((each) => [authority, each] as const),
  ];
  const items = listed.map(
    ([what, { subject, fingerprint256 }]) =>
      `<li>${what}: <code>${escaped(subject)}</code>, SHA-256 <code>${fingerprint256}</code>\n`,
  );
  return `<ul class="lines">\n${items.join("")}</ul>`;
}

// From outside it only shows that a call would be done.
const legendOf = ({ outside }: MatrixReport): string => `<ul class="legend">
<li><span class="allow">✓</span> ${outside === undefined ? "allowed, and done" : "allowed"}
<li><span>✗</span> refused
<li><span>?</span> ${outside === undefined ? "neither" : "neither, or not tried"}
${outside === undefined ? onlyAsked : onlyAskedOutside}
<li><span class="none">·</span> not stated, or none
<li><span class="deny">!</span> not as it must be, whatever stands before it
<li><code>unnamed</code> any name that no line of the policy has
</ul>`;

// What a server of its own refuses can always be tried.
const onlyAsked = "<li><span>(✓)</span> allowed, and no call does it: asked of the policy alone";

const onlyAskedOutside =
  "<li><span>(✓) (✗)</span> allowed, refused, and no call asks it without effect: asked of the policy there";

/** Of the columns of a table. */
function explained(words: Readonly<Record<string, string>>): string {
  const items = Object.entries(words).map(([head, text]) => `<li><b>${escaped(head)}</b> ${escaped(text)}\n`);
  return `<ul class="legend">\n${items.join("")}</ul>\n`;
}

function differencesOf({ differences, axes }: MatrixReport): readonly Section[] {
  const all = [
    ...differences.map(({ source, line, problem }) =>
      source === undefined ? problem : `${source}:${line ?? 0}: ${problem}`,
    ),
    ...(axes?.differences ?? []),
  ];
  if (all.length === 0) return [];
  const listed = all.map((text) => `<li>${escaped(text)}\n`).join("");
  return [{ title: "Not as it must be", content: `<ul class="lines">\n${listed}</ul>\n` }];
}

function gridsOf({ cells }: MatrixReport): readonly Section[] {
  const tenants = [...new Set(cells.map(({ cell }) => cell.tenant))];
  return tenants.map((tenant) =>
    gridOf(
      tenant,
      cells.filter(({ cell }) => cell.tenant === tenant),
    ),
  );
}

function gridOf(tenant: string, cells: readonly TriedCell[]): Section {
  const rows = new Map<string, Map<string, TriedCell>>();
  for (const tried of cells) {
    const { principal, topic, action } = tried.cell;
    const key = `${principal} ${topic}`;
    rows.set(key, (rows.get(key) ?? new Map<string, TriedCell>()).set(action, tried));
  }
  const body = [...rows].slice(0, maxRows).map(([key, tried]) => {
    const marks = policyActions.map((action) => markCell(markOf(tried.get(action))));
    return rowOf(...key.split(" ").map(nameCell), ...marks);
  });
  const content = table({ names: ["principal", "topic"], others: policyActions }, body, rows.size);
  return { title: `Topics of ${tenant}`, content };
}

function outsidersOf({ outsiders, hasAuthority, outside }: MatrixReport): Section {
  // How a server that runs elsewhere counts them is not seen.
  const isCounted = outside === undefined;
  const rows = outsiders.map(({ who, kind = "", refusal = "", problem }) =>
    rowOf(
      nameCell(who),
      problem === undefined ? wordCell("kept out") : textCell(`! ${problem}`),
      ...(isCounted ? [wordCell(kind)] : []),
      textCell(refusal),
    ),
  );
  const note = hasAuthority ? "" : `<p>${escaped(needsAuthority)}</p>\n`;
  const words = explained({
    "counted as": "the word in aclog_connections_refused_total, by which the server counts whom it refuses",
  });
  const others = ["came to", ...(isCounted ? ["counted as", "the log says"] : ["what was seen"])];
  const shown = table({ names: ["who"], others }, rows);
  return { title: "Who must not get in", content: `${isCounted ? words : ""}${shown}${note}` };
}

/** What every refusal of a row looked like. */
function refusedRows({ cells, outside }: MatrixReport): readonly Section[] {
  const refused = cells.flatMap(({ cell, attempts }) =>
    attempts.flatMap(({ method, refusal }) => (refusal === undefined ? [] : [{ cell, method, refusal }])),
  );
  if (refused.length === 0) return [];
  const rows = refused.slice(0, maxRows).map(({ cell: { principal, tenant, topic }, method, refusal }) => {
    const { layer, status, said } = refusal;
    const names = [principal, `${tenant}/${topic}`].map(nameCell);
    return rowOf(...names, ...[method, layer, status].map(wordCell), textCell(said));
  });
  const names = ["principal", "topic"];
  const others = ["method", "layer", "status", outside ? "the caller is told" : "the log says"];
  const words = explained({ layer: "what refused it", status: columnWords.status });
  return [
    { title: "What was refused by the policy", content: `${words}${table({ names, others }, rows, refused.length)}` },
  ];
}

function axesOf({ isFull, axes, refusals }: AxesReport): readonly Section[] {
  const words = {
    cells: columnWords.cells,
    ...outcomeWords,
    "as it must be": "✓: all of these cells were; else how many were not",
  };
  const how = `<p>Under a small policy and authorities of the matrix's own, what callers show, what they ask for, of which topic, and when were tried
against each other. Each of the next four tables has all cells, by one of these; its other columns count what became of their calls.</p>\n`;
  const tables = Object.entries(axisTitles).map(([axis, title]) => {
    const { value, remark } = axisHeads[axis as keyof typeof axes];
    return { title, content: axisTable(value, remark, axes[axis as keyof typeof axes]) };
  });
  return [
    { title: isFull ? "Every combination" : "Every pair of values", content: `${how}${explained(words)}` },
    ...tables,
    { title: "How refusals look", content: refusalTable(refusals) },
  ];
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
    const counts = [cells, ...shown.map((outcome) => came[outcome] ?? "·")].map(countCell);
    return rowOf(
      nameCell(name),
      ...(remarkHead === undefined ? [] : [wordCell(remark)]),
      ...counts,
      verdictCell(differing),
    );
  });
  const others = [...(remarkHead === undefined ? [] : [remarkHead]), "cells", ...shown, "as it must be"];
  return table({ names: [head], others }, rows);
}

function refusalTable(refusals: readonly RefusalKind[]): string {
  const rows = refusals.map(({ layer, status, word, said, counter, cells, differing }) => {
    const texts = [textCell(said), textCell(counter)];
    return rowOf(nameCell(layer), wordCell(status), wordCell(word), ...texts, countCell(cells), verdictCell(differing));
  });
  const words = {
    layer: "what refused it, as above",
    status: columnWords.status,
    word: columnWords.word,
    "the server says": "in its log, or to its caller, of one of these cells",
    "what went up": "the metric that counted it",
  };
  const others = ["status", "word", "the server says", "what went up", "cells", "as it must be"];
  return `${explained(words)}${table({ names: ["layer"], others }, rows)}`;
}

function verdictCell(differing: number): string {
  return differing === 0 ? '<td class="allow">✓</td>' : `<td class="deny">${differing} !</td>`;
}

function markCell(mark: string): string {
  if (mark === "·") return '<td class="none">·</td>';
  const kind = mark.endsWith("!") ? "deny" : mark.includes("✓") ? "allow" : "";
  return `<td class="${kind}">${mark}</td>`;
}
