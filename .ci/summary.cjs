// Reads the test runner's report: prints each test that failed with the first words of why, then "N passed, N failed";
// exits 1 where anything failed. A file that failed without a failed test (an import error, a throwing hook) counts as
// a failure, and so does a step of make's that failed otherwise.
"use strict";
const { readFileSync } = require("node:fs");
const { relative } = require("node:path");

const mostTold = 20;
const [, , reportFile, status] = process.argv;

/** A report that is not there, or half: the run ended before its end. */
function reportIn(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { numPassedTests: 0, testResults: [] };
  }
}

const firstLines = (text = "") => text.split("\n").slice(0, 4).join("\n    ").slice(0, 600);

const report = reportIn(reportFile);
const failures = report.testResults.flatMap((file) => {
  const failed = file.assertionResults.filter((test) => test.status === "failed");
  const name = relative(process.cwd(), file.name);
  if (failed.length === 0 && file.status === "failed") return [`${name}: ${firstLines(file.message)}`];
  return failed.map((test) => `${name}: ${test.fullName}\n    ${firstLines(test.failureMessages?.[0])}`);
});
for (const failure of failures.slice(0, mostTold)) console.log(`failed: ${failure}`);
if (failures.length > mostTold) console.log(`and ${failures.length - mostTold} more`);

const otherwise = failures.length === 0 && (status !== "0" || report.numPassedTests === 0) ? 1 : 0;
const failed = failures.length + otherwise;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed === 0 && status === "0" ? 0 : 1;
