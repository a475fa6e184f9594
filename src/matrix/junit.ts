import { escaped } from "../review/junit.js";
import { axisTitles } from "./axes-text.js";
import { propertiesOf } from "./outside-text.js";
import type { MatrixReport } from "./run.js";

/** One suite: what was tried, how long it took, and of what failed what is wrong. */
interface Suite {
  readonly name: string;
  /** Where its cases stand, if they do. */
  readonly file?: string;
  readonly seconds: number;
  readonly cases: readonly Case[];
}

interface Case {
  readonly name: string;
  readonly seconds?: number | undefined;
  readonly failure?: string | undefined;
}

/**
 * The report as JUnit XML, as CI servers read it: a suite for the rows of the matrix, one for who must not get in, and one for
 * each axis, with a test case for each of its values. Of the attributes that are in use only those that Jenkins' xUnit plugin
 * knows (its junit-10.xsd): it refuses a file with any other.
 */
export function matrixAsJunit(report: MatrixReport): string {
  const suites = [ofRows(report), ofOutsiders(report), ...ofAxes(report), ofTheRest(report)];
  const { tests, failures } = totalsOf(suites.flatMap(({ cases }) => cases));
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="aclog matrix" tests="${tests}" failures="${failures}" errors="0" time="${inSeconds(report.seconds)}">`,
    ...suites.flatMap((suite, id) => linesOf(suite, id, report)),
    "</testsuites>",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function ofRows({ matrix, cells, differences, seconds, axes }: MatrixReport): Suite {
  const stated = cells.flatMap(({ cell }) => cell.rows.map(({ line, expected }) => ({ line, expected, ...cell })));
  const rows = new Map(stated.toSorted((a, b) => a.line - b.line).map((row) => [row.line, row]));
  const cases = [...rows.values()].map(({ line, principal, expected }) => {
    const wrong = differences.filter((each) => each.source === matrix && each.line === line);
    const failure = wrong.length === 0 ? undefined : wrong.map(({ problem }) => problem).join("; ");
    return { name: `line ${line}: ${principal}, ${expected}`, failure };
  });
  // With all that is done once, such as starting a server and knocking as who must not get in.
  return { name: matrix, file: matrix, seconds: seconds - (axes?.seconds ?? 0), cases };
}

function ofOutsiders({ outsiders }: MatrixReport): Suite {
  const cases = outsiders.map(({ who, problem }) => ({ name: who, failure: problem }));
  return { name: "who must not get in", seconds: 0, cases };
}

function ofAxes({ axes }: MatrixReport): readonly Suite[] {
  if (axes === undefined) return [];
  return Object.entries(axisTitles).map(([axis, name]) => ({
    name,
    // The others show the same cells from other sides, and their time is told once.
    seconds: axis === "moment" ? axes.seconds : 0,
    cases: axes.axes[axis as keyof typeof axes.axes].map(
      ({ name: value, cells, differing, firstDifference, seconds }) => ({
        name: value,
        seconds,
        failure: differing === 0 ? undefined : `${differing} of ${cells} cells, such as ${firstDifference ?? ""}`,
      }),
    ),
  }));
}

/** What is about no row, such as what the server calls an error. */
function ofTheRest({ differences, outsiders, outside }: MatrixReport): Suite {
  const told = new Set(outsiders.map(({ who, problem }) => `${who} must not get in: ${problem ?? ""}`));
  const rest = differences.filter(({ source, problem }) => source === undefined && !told.has(problem));
  const failure = rest.length === 0 ? undefined : rest.map(({ problem }) => problem).join("; ");
  return {
    name: "the server",
    seconds: 0,
    cases: [{ name: outside === undefined ? "reports no error of its own" : "has this policy in force", failure }],
  };
}

function linesOf({ name, file, seconds, cases }: Suite, id: number, report: MatrixReport): string[] {
  const { policyVersion, madeMs, outside, by } = report;
  // Without a zone, as the schema of Ant's reports has it.
  const made = new Date(madeMs).toISOString().slice(0, 19);
  const { tests, failures } = totalsOf(cases);
  const properties = [
    ["policy version", policyVersion],
    ["aclog version", by.aclogVersion],
    ["runtime", by.runtime],
    ...(outside === undefined ? [] : propertiesOf(outside)),
  ] as const;
  const place = file === undefined ? "" : ` file="${escaped(file)}"`;
  return [
    `  <testsuite name="${escaped(name)}" id="${id}"${place} hostname="${escaped(by.host)}" timestamp="${made}" tests="${tests}" failures="${failures}" errors="0" skipped="0" time="${inSeconds(seconds)}">`,
    `    <properties>${properties.map(([key, value]) => `<property name="${key}" value="${escaped(value)}"/>`).join("")}</properties>`,
    ...cases.map(({ name: title, seconds: took = 0, failure }) => {
      const open = `    <testcase name="${escaped(title)}" classname="${escaped(name)}" time="${inSeconds(took)}"`;
      if (failure === undefined) return `${open}/>`;
      return `${open}><failure message="${escaped(failure)}" type="difference"/></testcase>`;
    }),
    "  </testsuite>",
  ];
}

function totalsOf(cases: readonly Case[]): { readonly tests: number; readonly failures: number } {
  return { tests: cases.length, failures: cases.filter(({ failure }) => failure !== undefined).length };
}

function inSeconds(seconds: number): string {
  return seconds.toFixed(3);
}
