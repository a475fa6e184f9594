import type { Paint } from "../review/index.js";
import { type AxesReport, type AxisValue, type Outcome, type RefusalKind, outcomes } from "./axes-report.js";

/** What is shown of each, so that a reader comes to the end of it. The data have more. */
const most = { differences: 100, said: 60 };

/** What each axis is called. */
export const axisTitles = {
  credential: "What a caller shows",
  action: "What it asks for",
  resource: "Of which topic",
  moment: "When",
} as const;

/** What became of calls, for who never saw the heads of these columns. */
export const outcomeWords: Readonly<Record<Outcome, string>> = {
  done: "the call did what it is for",
  "left out": "a list was given, without what its caller may not see",
  port: "nobody listens any more",
  TLS: "refused by OpenSSL in the handshake",
  identity:
    "refused for what the certificate says or rests on, before HTTP/2; a call that was open by then ended with UNAUTHENTICATED",
  request: "refused before the policy is asked: no topic can have that name, or only the server writes there",
  policy: "refused by the policy",
  store: "allowed, and could not be done, such as to read a topic that is missing",
  drain: "ended because the server is stopping",
};

/** The same of the other columns. */
export const columnWords = {
  cells: "combinations that were tried, of what a caller shows, what it asks for, of which topic, and when",
  status: "what the caller was answered, as gRPC calls it; cut off: its connection was ended without an answer",
  word: "why, as it is counted and as programs are told",
} as const;

/** For a terminal: of each axis what came of each of its values, how refusals look, and what is not as it must be. */
export function axesAsText(report: AxesReport, paint: Paint): string[] {
  const { axes, refusals, differences } = report;
  return [
    ...Object.entries(axisTitles).flatMap(([axis, title]) => valuesOf(title, axes[axis as keyof typeof axes], paint)),
    paint("head", "How refusals look"),
    ...refusalTable(refusals, paint),
    "",
    ...Object.entries({ ...columnWords, ...outcomeWords }).map(([head, words]) => paint("quiet", `${head}: ${words}`)),
    "",
    ...differences.slice(0, most.differences).map((text) => paint("bad", text)),
    ...(differences.length > most.differences ? [`and ${report.differing - most.differences} more`] : []),
    ...(differences.length === 0 ? [] : [""]),
    summaryOf(report),
  ];
}

export function summaryOf({ isFull, all, tried, differing }: AxesReport): string {
  const how = isFull ? "every combination" : `every value and every pair of values, of ${all} combinations`;
  const outcome = differing === 0 ? "all as they must be" : `${differing} not as they must be`;
  return `credential × action × resource × moment: ${tried} cells (${how}), ${outcome}`;
}

function valuesOf(title: string, values: readonly AxisValue[], paint: Paint): string[] {
  const shown = outcomes.filter((outcome) => values.some(({ came }) => came[outcome] !== undefined));
  const rows = values.map(({ name, cells, came, differing }) => [
    name,
    `${cells}`,
    ...shown.map((outcome) => countIn(came, outcome)),
    differing === 0 ? "✓" : `${differing}!`,
  ]);
  return [paint("head", title), ...table([["", "cells", ...shown, ""], ...rows], 1, paint), ""];
}

function refusalTable(refusals: readonly RefusalKind[], paint: Paint): string[] {
  const rows = refusals.map(({ layer, status, word, cells, said }) => [layer, status, word, cut(said), `${cells}`]);
  return table([["layer", "status", "word", "what the server says", "cells"], ...rows], 4, paint);
}

function countIn(came: AxisValue["came"], outcome: Outcome): string {
  return came[outcome] === undefined ? "·" : `${came[outcome]}`;
}

/** @param names how many columns at the left are text */
function table(rows: readonly (readonly string[])[], names: number, paint: Paint): string[] {
  const widths = rows[0]!.map((_head, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, at) => {
    const line = row
      .map((text, column) => (column < names ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join("  ");
    return `  ${row.at(-1)!.endsWith("!") ? paint("bad", line) : at === 0 ? paint("quiet", line) : line}`.trimEnd();
  });
}

function cut(text: string): string {
  const line = text.replaceAll("\n", " ");
  return line.length > most.said ? `${line.slice(0, most.said - 1)}…` : line;
}
