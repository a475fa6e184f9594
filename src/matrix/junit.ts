import { escaped } from "../review/junit.js";
import { axisTitles } from "./axes-text.js";
import { propertiesOf } from "./outside-text.js";
import type { MatrixReport } from "./run.js";

/** One suite: what was tried, and of what failed what is wrong. */
interface Suite {
  readonly name: string;
  readonly cases: readonly { readonly name: string; readonly place?: string; readonly failure?: string | undefined }[];
}

/**
 * The report as JUnit XML, as CI servers read it: a suite for the rows of the matrix, one for who must not get in, and one for
 * each axis, with a test case for each of its values.
 */
export function matrixAsJunit(report: MatrixReport): string {
  const suites = [ofRows(report), ofOutsiders(report), ...ofAxes(report), ofTheRest(report)];
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totalsOf(suites.flatMap(({ cases }) => cases))} time="${report.seconds.toFixed(3)}">`,
    ...suites.flatMap((suite) => linesOf(suite, report)),
    "</testsuites>",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function ofRows({ matrix, cells, differences }: MatrixReport): Suite {
  const stated = cells.flatMap(({ cell }) => cell.rows.map(({ line, expected }) => ({ line, expected, ...cell })));
  const rows = new Map(stated.toSorted((a, b) => a.line - b.line).map((row) => [row.line, row]));
  const cases = [...rows.values()].map(({ line, principal, expected }) => {
    const wrong = differences.filter((each) => each.source === matrix && each.line === line);
    const failure = wrong.length === 0 ? undefined : wrong.map(({ problem }) => problem).join("; ");
    return {
      name: `line ${line}: ${principal}, ${expected}`,
      place: `file="${escaped(matrix)}" line="${line}"`,
      failure,
    };
  });
  return { name: matrix, cases };
}

function ofOutsiders({ outsiders }: MatrixReport): Suite {
  return { name: "who must not get in", cases: outsiders.map(({ who, problem }) => ({ name: who, failure: problem })) };
}

function ofAxes({ axes }: MatrixReport): readonly Suite[] {
  if (axes === undefined) return [];
  return Object.entries(axisTitles).map(([axis, name]) => ({
    name,
    cases: axes.axes[axis as keyof typeof axes.axes].map(({ name: value, cells, differing, firstDifference }) => ({
      name: value,
      failure: differing === 0 ? undefined : `${differing} of ${cells} cells, such as ${firstDifference ?? ""}`,
    })),
  }));
}

/** What is about no row, such as what the server calls an error. */
function ofTheRest({ differences, outsiders, outside }: MatrixReport): Suite {
  const told = new Set(outsiders.map(({ who, problem }) => `${who} must not get in: ${problem ?? ""}`));
  const rest = differences.filter(({ source, problem }) => source === undefined && !told.has(problem));
  const failure = rest.length === 0 ? undefined : rest.map(({ problem }) => problem).join("; ");
  return {
    name: "the server",
    cases: [{ name: outside === undefined ? "reports no error of its own" : "has this policy in force", failure }],
  };
}

function linesOf({ name, cases }: Suite, { policyVersion, madeMs, outside }: MatrixReport): string[] {
  const made = new Date(madeMs).toISOString().slice(0, 19);
  const properties = [
    ["policy version", policyVersion],
    ...(outside === undefined ? [] : propertiesOf(outside)),
  ] as const;
  return [
    `  <testsuite name="${escaped(name)}" timestamp="${made}" ${totalsOf(cases)}>`,
    `    <properties>${properties.map(([key, value]) => `<property name="${key}" value="${escaped(value)}"/>`).join("")}</properties>`,
    ...cases.map(({ name: title, place, failure }) => {
      const where = place === undefined ? "" : ` ${place}`;
      const open = `    <testcase name="${escaped(title)}" classname="${escaped(name)}"${where}`;
      if (failure === undefined) return `${open}/>`;
      return `${open}><failure message="${escaped(failure)}" type="difference"/></testcase>`;
    }),
    "  </testsuite>",
  ];
}

function totalsOf(cases: Suite["cases"]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  return `tests="${cases.length}" failures="${failures}" errors="0" skipped="0"`;
}
