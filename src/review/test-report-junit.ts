import { matrixText } from "./diff-settings.js";
import { asJunit, type JunitHead } from "./junit.js";
import { differenceInWords } from "./test-report-text.js";
import type { TestedRow, TestReport } from "./test-report.js";

/** The report as JUnit XML: a suite with a test case for each row of the matrix. */
export function testAsJunit(
  { source, policyVersion, rows }: TestReport,
  made: Pick<JunitHead, "seconds" | "madeMs" | "host">,
): string {
  const cases = rows.map((row) => ({
    name: `line ${row.line}: ${matrixText(row)}`,
    classname: row.tenant,
    failure: failureOf(row),
  }));
  return asJunit({ ...made, name: "aclog policy test", properties: [["policy version", policyVersion]] }, [
    { name: source, file: source, seconds: made.seconds, cases },
  ]);
}

function failureOf({ first, differences }: TestedRow): string | undefined {
  if (first === undefined) return undefined;
  const others = differences > 1 ? ` (and ${differences - 1} more of this line)` : "";
  return `${differenceInWords(first)}${others}`;
}
