import { matrixText } from "./diff-settings.js";
import { differenceInWords } from "./test-report-text.js";
import type { TestedRow, TestReport } from "./test-report.js";

/** The report as JUnit XML, as CI servers read it: a suite with a test case for each row of the matrix. */
export function testAsJunit(report: TestReport): string {
  const { source, policyVersion, counts, rows } = report;
  const totals = `tests="${counts.rows}" failures="${counts.rows - counts.passed}" errors="0" skipped="0"`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${totals}>`,
    `  <testsuite name="${escaped(source)}" ${totals}>`,
    `    <properties><property name="policy version" value="${escaped(policyVersion)}"/></properties>`,
    ...rows.map((row) => testCase(row, source)),
    "  </testsuite>",
    "</testsuites>",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function testCase(row: TestedRow, source: string): string {
  const name = `name="${escaped(matrixText(row))}" classname="${escaped(row.tenant)}"`;
  const open = `    <testcase ${name} file="${escaped(source)}" line="${row.line}"`;
  if (row.first === undefined) return `${open}/>`;
  const others = row.differences > 1 ? ` (and ${row.differences - 1} more of this line)` : "";
  const message = escaped(`${differenceInWords(row.first)}${others}`);
  return `${open}><failure message="${message}" type="difference">${escaped(`${source}:${row.line}: `)}${message}</failure></testcase>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text for an attribute or an element. Characters that XML has no way to write become a question mark. */
export function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (sign) => entities[sign]!)
    .replace(/[\t\n\r]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?");
}
