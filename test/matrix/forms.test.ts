import { expect, test } from "vitest";
import type { AxesReport } from "../../src/matrix/axes-report.js";
import { type MatrixReport, matrixAsHtml, matrixAsJunit } from "../../src/matrix/index.js";

const cell = {
  principal: "acme/nobody",
  tenant: "acme",
  topic: "orders",
  action: "consume",
  rows: [{ line: 7, expected: "deny" }],
  decision: "deny",
  why: "no rule allows it",
} as const;
const refusal = { layer: "policy", status: "PERMISSION_DENIED", said: "no rule allows <it>" } as const;
const value = { name: "valid", remark: "", cells: 4, came: { done: 3, policy: 1 }, differing: 0 };
const axes: AxesReport = {
  isFull: false,
  all: 100,
  tried: 5,
  differing: 1,
  seconds: 0.75,
  axes: {
    credential: [
      value,
      { ...value, name: 'NUL & "more"', cells: 1, differing: 1, firstDifference: "was let in as acme/x" },
    ],
    action: [value],
    resource: [value],
    moment: [{ ...value, seconds: 0.75 }],
  },
  refusals: [
    {
      layer: "TLS",
      status: "cut off",
      word: "expired",
      cells: 1,
      said: "has expired",
      counter: "refused",
      differing: 0,
    },
  ],
  differences: ["NUL · Log/Produce: was let in as acme/x"],
};
const report: MatrixReport = {
  ok: false,
  matrix: "policy/matrix.csv",
  policyVersion: "0123456789ab",
  authorities: [{ subject: "CN=Here & There", fingerprint256: "AA:01" }],
  serverCertificates: [{ subject: "CN=log.example", fingerprint256: "BB:02" }],
  cells: [{ cell, got: "deny", attempts: [{ method: "Consume", got: "deny", refusal }] }],
  outsiders: [
    { who: "plain text", refusal: "no TLS", kind: "protocol", problem: undefined },
    { who: "<nobody>", refusal: undefined, kind: undefined, problem: "Produce answered" },
  ],
  differences: [
    { source: "policy/matrix.csv", line: 7, problem: "acme/nobody consume acme/orders: expected deny, got allow" },
    { problem: "<nobody> must not get in: Produce answered" },
    { problem: "the server reported an error: broken" },
  ],
  axes,
  issued: [],
  hasAuthority: true,
  calls: 1,
  seconds: 1.25,
  madeMs: Date.UTC(2026, 10, 22, 12),
  by: { aclogVersion: "9.8.7", host: "there.example", runtime: "Node 20" },
};

test("the page says when, of which policy, what was tried, what came of it and how refusals looked, and brings all it needs", () => {
  const page = matrixAsHtml(report);
  expect(page).toContain("2026-11-22 12:00:00 UTC");
  for (const text of ["0123456789ab", "aclog 9.8.7 on there.example (Node 20)"]) expect(page).toContain(text);
  expect(page).toContain("Not everything came out as it must.");
  expect(page).toContain("no rule allows &lt;it&gt;");
  expect(page).toContain("&lt;nobody&gt;");
  expect(page).toContain("NUL &amp; &quot;more&quot;");
  for (const text of ["PERMISSION_DENIED", "has expired", "refused", "What a caller shows", "protocol"]) {
    expect(page).toContain(text);
  }
  for (const text of ["CN=Here &amp; There", "AA:01", "CN=log.example", "BB:02"]) expect(page).toContain(text);
  expect(page).not.toMatch(/<script|<link|<img|https?:|<nobody>/);
  expect(page).not.toContain('<th scope="col"></th>');
  // Whatever a head is called by aclog itself is explained.
  for (const head of ["cells", "done", "layer", "status", "word", "what went up", "counted as"]) {
    expect(page).toContain(`<li><b>${head}</b> `);
  }
});

test("the contents of a page lead to each of its sections, and who must not get in comes before what was refused", () => {
  const page = matrixAsHtml(report);
  const sections = [...page.matchAll(/<h2 id="([^"]+)">([^<]+)<\/h2>/g)].map(([, id, title]) => [id, title]);
  const links = [...page.matchAll(/<a href="#([^"]+)">([^<]+)<\/a>/g)].map(([, id, title]) => [id, title]);
  expect(links).toEqual(sections);
  expect(sections.map(([, title]) => title).slice(0, 4)).toEqual([
    "Not as it must be",
    "Topics of acme",
    "Who must not get in",
    "What was refused by the policy",
  ]);
  expect(new Set(sections.map(([id]) => id)).size).toBe(sections.length);
});

test("a page of a server that runs elsewhere explains its marks, and has no column for what is not seen", () => {
  const asked = { cell: { ...cell, topic: "default" }, got: "deny", attempts: [] } as const;
  const outside = { address: "log.example:8400", policyVersion: undefined, askedBy: undefined, requestIds: "x-" };
  const page = matrixAsHtml({ ...report, cells: [...report.cells, asked], axes: undefined, outside });
  expect(page).toContain('<td class="">(✗)</td>');
  expect(page).toContain("<span>(✓) (✗)</span>");
  expect(page).toContain('<th scope="col">what was seen</th>');
  expect(page).not.toContain("counted as");
});

test("a page of a run that only tried the policy says that the rest was not", () => {
  expect(matrixAsHtml({ ...report, axes: undefined })).toContain("not tried; --pairs and --full do");
});

test("for CI, each row, each outsider and each value of each axis is a test case", () => {
  const xml = matrixAsJunit(report);
  expect(xml).toContain('<testsuites name="aclog matrix" tests="9" failures="4" errors="0" time="1.250">');
  expect(xml).toContain('<testcase name="line 7: acme/nobody, deny" classname="policy/matrix.csv" time="0.000">');
  expect(xml).toContain(
    '<testsuite name="policy/matrix.csv" id="0" file="policy/matrix.csv" hostname="there.example" timestamp="2026-11-22T12:00:00"',
  );
  expect(xml).toContain('<property name="aclog version" value="9.8.7"/>');
  expect(xml).toContain(
    '<failure message="acme/nobody consume acme/orders: expected deny, got allow" type="difference"/>',
  );
  expect(xml).toContain('<testcase name="plain text" classname="who must not get in" time="0.000"/>');
  expect(xml).toContain(
    '<testcase name="&lt;nobody&gt;" classname="who must not get in" time="0.000"><failure message="Produce answered"',
  );
  expect(xml).toContain('message="1 of 1 cells, such as was let in as acme/x"');
  expect(xml).toContain('message="the server reported an error: broken"');
});

test("in a report for CI, the suites' counts and times are those of their cases, and their sums those of the whole", () => {
  const xml = matrixAsJunit(report);
  const numbersIn = (tag: string): { tests: number; failures: number; time: number } => {
    const read = (name: string): number => Number(new RegExp(` ${name}="([\\d.]+)"`).exec(tag)![1]);
    return { tests: read("tests"), failures: read("failures"), time: read("time") };
  };
  const sum = { tests: 0, failures: 0, time: 0 };
  for (const [suite, head = ""] of xml.matchAll(/(<testsuite [^>]*>)[^]*?<\/testsuite>/g)) {
    const { tests, failures, time } = numbersIn(head);
    expect(suite.match(/<testcase /g)).toHaveLength(tests);
    expect(suite.match(/<failure /g) ?? []).toHaveLength(failures);
    sum.tests += tests;
    sum.failures += failures;
    sum.time += time;
  }
  expect(numbersIn(/<testsuites [^>]*>/.exec(xml)![0])).toEqual(sum);
  expect(xml).toContain('<testcase name="valid" classname="When" time="0.750"/>');
});
