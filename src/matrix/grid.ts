/** A report for people: a grid for each tenant, who was kept out, and what did not come out as stated. */
import { formatFinding } from "../errors.js";
import { type Action, type StatedCase, actions } from "../authz/index.js";
import { type Paint, topicGrid } from "../review/index.js";
import { axesAsText } from "./axes-text.js";
import { differs } from "./differences.js";
import { legendOutside, placeOf, remarks } from "./outside-text.js";
import { provenanceInWords } from "./provenance.js";
import type { MatrixReport } from "./run.js";
import type { TriedCell } from "./try-cell.js";

const maxTopicsWidth = 30;

export const legend =
  "✓ allowed   ✗ refused   ? neither   · not stated   (✓) no call does it: asked of the policy alone   ! not as stated" +
  "\nunnamed: any name that no line of the policy has";

export function formatReport(report: MatrixReport, paint: Paint): string {
  const { outside, cells, outsiders, differences, issued, hasAuthority, axes } = report;
  const tenants = [...new Set(cells.map(({ cell }) => cell.tenant))];
  const lines = [
    ...(outside === undefined ? [] : [paint("head", placeOf(outside)), ...remarks, ""]),
    ...tenants.flatMap((tenant) => gridOf(tenant, cells, paint)),
    paint("quiet", outside === undefined ? legend : legendOutside),
    "",
    paint("head", "Who must not get in"),
    ...outsiders.map(({ who, refusal, problem }) =>
      problem === undefined
        ? `  ${paint("good", "✓")} ${who}: kept out (${refusal ?? ""})`
        : `  ${paint("bad", "!")} ${who}: ${problem}`,
    ),
    ...(hasAuthority ? [] : [`  ${paint("quiet", "·")} ${needsAuthority}`]),
    "",
    ...(issued.length === 0 ? [] : [`Without a certificate, and given one for this run: ${issued.join(", ")}`, ""]),
    ...differences.map(({ source, line, problem }) =>
      paint("bad", source === undefined ? problem : formatFinding({ source, ...(line && { line }), problem })),
    ),
    ...(differences.length === 0 ? [] : [""]),
    ...(axes === undefined ? [paint("quiet", axesNotTried(report))] : [...axesAsText(axes, paint), ""]),
    paint("quiet", provenanceInWords(report.by, report.madeMs)),
    summaryOf(report),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

export function axesNotTried({ outside }: MatrixReport): string {
  const how = outside === undefined ? "--pairs and --full do" : "--pairs and --full start servers of their own for it";
  return `credential × action × resource × moment: not tried; ${how}`;
}

export const needsAuthority =
  "not tried without the authority's key: expired, for servers only, with a weak key or without a name, and others that it signed";

export function summaryOf({
  matrix,
  policyVersion,
  outside,
  cells,
  calls,
  outsiders,
  differences,
  seconds,
}: MatrixReport): string {
  const keptOut = outsiders.filter(({ problem }) => problem === undefined).length;
  const counts = [
    counted(cells.length, "cell"),
    `${counted(calls, "call")} on the wire`,
    `${keptOut} of ${counted(outsiders.length, "outsider")} kept out`,
    counted(differences.length, "difference"),
  ];
  const where = outside === undefined ? "" : ` at ${outside.address}`;
  return `${matrix} (version ${policyVersion})${where}: ${counts.join(", ")}, ${seconds.toFixed(1)} s`;
}

interface Row {
  readonly principal: string;
  readonly topics: string[];
  readonly marks: readonly string[];
}

/** Topics about which the same came out for the same principal share a row. */
function gridOf(tenant: string, cells: readonly TriedCell[], paint: Paint): string[] {
  const byTopic = new Map<string, { cell: StatedCase; tried: Map<Action, TriedCell> }>();
  for (const each of cells) {
    const { cell } = each;
    if (cell.tenant !== tenant) continue;
    const key = `${cell.principal} ${cell.topic}`;
    const known = byTopic.get(key) ?? { cell, tried: new Map<Action, TriedCell>() };
    byTopic.set(key, known);
    known.tried.set(cell.action, each);
  }
  const rows = new Map<string, Row>();
  for (const { cell, tried } of byTopic.values()) {
    const marks = actions.map((action) => markOf(tried.get(action)));
    const key = [cell.principal, ...marks].join(" ");
    const row = rows.get(key) ?? { principal: cell.principal, topics: [], marks };
    rows.set(key, row);
    row.topics.push(cell.topic);
  }
  return topicGrid(tenant, [...rows.values()], maxTopicsWidth, paint);
}

export function markOf(tried: TriedCell | undefined): string {
  if (tried === undefined) return "·";
  const mark = { allow: "✓", deny: "✗", neither: "?" }[tried.got];
  const placed = tried.attempts.length === 0 && tried.untried === undefined ? `(${mark})` : mark;
  return differs(tried) ? `${placed}!` : placed;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
