import { asJunit, type JunitSuite } from "../review/junit.js";
import { axisTitles } from "./axes-text.js";
import { propertiesOf } from "./outside-text.js";
import type { MatrixReport } from "./run.js";

/**
 * The report as JUnit XML: a suite for the rows of the matrix, one for who must not get in, and one for each axis, with a test
 * case for each of its values.
 */
export function matrixAsJunit(report: MatrixReport): string {
  const { policyVersion, seconds, madeMs, outside, by } = report;
  const properties = [
    ["policy version", policyVersion],
    ["aclog version", by.aclogVersion],
    ["runtime", by.runtime],
    ...(outside === undefined ? [] : propertiesOf(outside)),
  ] as const;
  return asJunit({ name: "aclog matrix", seconds, madeMs, host: by.host, properties }, [
    ofRows(report),
    ofOutsiders(report),
    ...ofAxes(report),
    ofTheRest(report),
  ]);
}

function ofRows({ matrix, cells, differences, seconds, axes }: MatrixReport): JunitSuite {
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

function ofOutsiders({ outsiders }: MatrixReport): JunitSuite {
  const cases = outsiders.map(({ who, problem }) => ({ name: who, failure: problem }));
  return { name: "who must not get in", seconds: 0, cases };
}

function ofAxes({ axes }: MatrixReport): readonly JunitSuite[] {
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
function ofTheRest({ differences, outsiders, outside }: MatrixReport): JunitSuite {
  const told = new Set(outsiders.map(({ who, problem }) => `${who} must not get in: ${problem ?? ""}`));
  const rest = differences.filter(({ source, problem }) => source === undefined && !told.has(problem));
  const failure = rest.length === 0 ? undefined : rest.map(({ problem }) => problem).join("; ");
  return {
    name: "the server",
    seconds: 0,
    cases: [{ name: outside === undefined ? "reports no error of its own" : "has this policy in force", failure }],
  };
}
