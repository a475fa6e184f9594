import { expect, test } from "vitest";
import { parseMatrix } from "../../src/authz/index.js";
import { sourceOf } from "../../src/authz/source-file.js";
import { testAsJunit, testAsText, testMatrix } from "../../src/review/index.js";
import { policyOf } from "./policies.js";

const lines = (...text: readonly string[]): string => text.join("\n");
const plain = (_kind: string, text: string): string => text;
const policy = lines(
  "p, role:producer, acme, orders.*, produce, allow",
  "p, role:producer, acme, orders.cards, *, deny",
  "g, acme/a, role:producer, acme",
);

test("where a name stands for those that no line has, the legend says so", async () => {
  const loaded = await policyOf("policy", { "policy.csv": policy, "matrix.csv": "acme/a, acme, *, consume, deny\n" });
  expect(testAsText(await testMatrix(loaded), plain)).toMatch(
    /orders\.unnamed[^]*\n✓ allowed .*\nunnamed: any name that no line has; .*\n\n/,
  );
});

test("what is not as stated is marked in the grid, and told with the rule to blame", async () => {
  const loaded = await policyOf("policy", {
    "policy.csv": policy,
    "matrix.csv": lines(
      "acme/a, acme, orders.eu, produce, allow",
      "acme/a, acme, orders.us, produce, deny",
      "acme/a, acme, orders.cards, *, deny",
      "acme/b, globex, x, consume, allow",
    ),
  });
  const report = await testMatrix(loaded);
  expect(report).toMatchObject({ ok: false, counts: { rows: 4, passed: 2, cases: 9, differences: 2 } });
  expect(testAsText(report, plain)).toBe(
    lines(
      "Topics of acme",
      "                        produce  consume  describe  create  delete  admin",
      "  acme/a  orders.eu        ✓        ·         ·        ·       ·      ·",
      "  acme/a  orders.us        ✓!       ·         ·        ·       ·      ·",
      "  acme/a  orders.cards     ✗        ✗         ✗        ✗       ✗      ✗",
      "",
      "Topics of globex",
      "             produce  consume  describe  create  delete  admin",
      "  acme/b  x     ·        ✗!        ·        ·       ·      ·",
      "",
      "✓ allowed   ✗ refused   · not stated   ! not as stated",
      "",
      "policy/matrix.csv:2: acme/a produce acme/orders.us: expected deny, got allow: policy/policy.csv:1: p, role:producer, acme, orders.*, produce, allow",
      "policy/matrix.csv:4: acme/b consume globex/x: expected allow, got deny: no rule allows it",
      "",
      `policy/matrix.csv (policy ${loaded.files.version}): 2 of 4 rows hold; 9 cases, 2 not as stated`,
      "",
    ),
  );
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

test("what one line states otherwise by the same rule is told once", async () => {
  const loaded = await policyOf("policy", { "policy.csv": policy, "matrix.csv": "acme/a, acme, *, produce, deny" });
  const report = await testMatrix(loaded);
  expect(report.counts.differences).toBe(2);
  expect(testAsText(report, plain)).toMatch(/orders\.\*, produce, allow \(and 1 more of this line by the same\)\n\n/);
});

test("two rows that contradict each other are both tried, and one of them does not hold", async () => {
  const matrix = lines("acme/a, acme, orders.eu, produce, deny", "acme/a, *, orders.eu, produce, allow");
  const report = await testMatrix(await policyOf("policy", { "policy.csv": policy, "matrix.csv": matrix }));
  expect(report.differences.map(({ line, tenant }) => `${line} ${tenant}`)).toEqual(["1 acme", "2 globex"]);
  const cell = report.grid.find(({ tenant }) => tenant === "acme");
  expect(cell?.results.produce).toEqual({ got: "allow", asStated: false });
});

test("another matrix can be tried on a policy", async () => {
  const file = await sourceOf("other.csv", Buffer.from("acme/a, acme, orders.eu, produce, allow"));
  const loaded = await policyOf("policy", { "policy.csv": policy });
  const report = await testMatrix(loaded, await parseMatrix(file, undefined), { source: "other.csv" });
  expect(report).toMatchObject({ ok: true, source: "other.csv", counts: { rows: 1, cases: 1 } });
});

test("asked about one tenant, it says nothing of another", async () => {
  const matrix = lines("globex/secret, globex, hidden, consume, allow", "acme/a, *, orders.eu, consume, deny");
  const loaded = await policyOf("policy", { "policy.csv": policy, "matrix.csv": matrix });
  const report = await testMatrix(loaded, undefined, { tenant: "acme" });
  expect(report.counts).toMatchObject({ rows: 1, cases: 1 });
  expect(JSON.stringify(report)).not.toMatch(/globex|secret|hidden/);
});

test("a row for every tenant says nothing of the platform's own", async () => {
  const loaded = await policyOf("policy", { "matrix.csv": "acme/a, *, x, consume, deny" });
  expect((await testMatrix(loaded, undefined, { tenant: "_system" })).counts.rows).toBe(0);
});

test("a large grid is cut, and says so", async () => {
  const matrix = Array.from({ length: 300 }, (_, at) => `acme/p${at}, acme, orders, produce, deny`);
  const report = await testMatrix(await policyOf("policy", { "matrix.csv": lines(...matrix) }));
  const text = testAsText(report, plain);
  expect(text).toContain("and 100 more rows of the grid\n");
  expect(text.split("\n").filter((line) => line.includes("✗     ")).length).toBe(200);
});

test("JUnit has a test case for each row, and what is in a name cannot end an attribute", async () => {
  const loaded = await policyOf(`<&"'>\u0001`, {
    "policy.csv": policy,
    "matrix.csv": lines("acme/a, acme, orders.eu, produce, allow", "acme/a, acme, orders.us, produce, deny"),
  });
  const source = "&lt;&amp;&quot;&apos;&gt;?/matrix.csv";
  const failure =
    "acme/a produce acme/orders.us: expected deny, got allow: &lt;&amp;&quot;&apos;&gt;?/policy.csv:1: p, role:producer, acme, orders.*, produce, allow";
  const made = { seconds: 0.25, madeMs: Date.UTC(2026, 10, 22, 12), host: "there.example" };
  const counts = 'tests="2" failures="1" errors="0"';
  expect(testAsJunit(await testMatrix(loaded), made)).toBe(
    lines(
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="aclog policy test" ${counts} time="0.250">`,
      `  <testsuite name="${source}" id="0" file="${source}" hostname="there.example" timestamp="2026-11-22T12:00:00" ${counts} skipped="0" time="0.250">`,
      `    <properties><property name="policy version" value="${loaded.files.version}"/></properties>`,
      '    <testcase name="line 1: acme/a, acme, orders.eu, produce, allow" classname="acme" time="0.000"/>',
      '    <testcase name="line 2: acme/a, acme, orders.us, produce, deny" classname="acme" time="0.000">' +
        `<failure message="${failure}" type="difference"/></testcase>`,
      "  </testsuite>",
      "</testsuites>",
      "",
    ),
  );
});

test("it stops when it is told to", async () => {
  const loaded = await policyOf("policy", { "matrix.csv": "acme/a, acme, x, consume, deny" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(testMatrix(loaded, undefined, { signal })).rejects.toThrow("enough");
});
