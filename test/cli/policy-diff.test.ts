import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { run, Workplace } from "./command.js";

const example = fileURLToPath(new URL("../../policy", import.meta.url));

/** The example beside itself, the second with other text in one file. */
async function twoPolicies(name: string, change: (text: string) => string): Promise<Workplace> {
  const workplace = await Workplace.make();
  for (const folder of ["old", "new"]) await cp(example, join(workplace.path, folder), { recursive: true });
  const path = join(workplace.path, "new", name);
  await writeFile(path, change(await readFile(path, "utf8")));
  return workplace;
}

const added = (line: string) => (text: string) => `${text}${line}\n`;
const widening = added("p, acme/reports, acme, orders, produce, allow");

const outcomes: readonly (readonly [
  what: string,
  file: string,
  change: (text: string) => string,
  code: number,
  RegExp,
])[] = [
  ["nothing", "policy.csv", (text) => text, 0, /the same files: no change in effect/],
  [
    "a comment",
    "policy.csv",
    added("# More."),
    0,
    /policy\.csv: other comments, order or spaces\n[^]*no change in effect/,
  ],
  ["a denial", "policy.csv", added("p, acme/reports, *, *, *, deny"), 0, /access narrows: 1 principal loses/],
  [
    "a right",
    "policy.csv",
    widening,
    3,
    /\+ acme\/reports: produce on acme\/orders\n +rule added: new\/policy\.csv:33/,
  ],
  [
    "a matrix that does not hold",
    "matrix.csv",
    added("acme/nobody, acme, x, consume, allow"),
    0,
    /\+ new\/matrix\.csv/,
  ],
];

test.each(outcomes)("diff: %s", async (_, file, change, code, expected) => {
  await using workplace = await twoPolicies(file, change);
  const outcome = await run(["policy", "diff", "old", "new"], { cwd: workplace.path });
  expect(outcome).toMatchObject({ code, stderr: "" });
  expect(outcome.stdout).toMatch(expected);
});

test("diff for programs, and for a comment", async () => {
  await using workplace = await twoPolicies("policy.csv", widening);
  const json = await run(["policy", "diff", "old", "new", "--json", "--tenant", "acme"], { cwd: workplace.path });
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject({ widens: true, changes: [{ principals: ["acme/reports"] }] });
  const markdown = await run(["policy", "diff", "old", "new", "--markdown"], { cwd: workplace.path });
  expect(markdown.code).toBe(3);
  expect(markdown.stdout).toMatch(
    /^## Policy: access widens: 1 principal gains, nobody loses\n[^]*```diff\n\+ acme\/reports/,
  );
});

test("diff names beside a pattern the topics of a list", async () => {
  await using workplace = await twoPolicies("policy.csv", added("p, acme/reports, acme, bills.*, consume, allow"));
  await writeFile(join(workplace.path, "topics.txt"), "acme/bills.eu\nacme/other\nglobex/bills.eu\n");
  const { stdout } = await run(["policy", "diff", "old", "new", "--topics", "topics.txt"], { cwd: workplace.path });
  expect(stdout).toMatch(/\+ acme\/reports: consume on acme\/bills\.\*\n +known topics: acme\/bills\.eu\n/);
});

const failures: readonly (readonly [args: readonly string[], code: number, RegExp])[] = [
  [["diff", "old", "new"], 1, /the policy in new cannot be used\n +new\/policy\.csv:33:32: unknown action "prodcue"/],
  [["diff", "old"], 2, /missing required argument 'NEW'/],
  [["diff", "old", "old", "--topics", "nowhere.txt"], 1, /cannot read nowhere\.txt/],
  [["diff", "old", "--topics", "x", "--address", "localhost:1"], 2, /--topics goes without --address/],
  [["diff", "old", "old", "--json", "--markdown"], 2, /USAGE/],
  [["test", "old", "--matrix", "old/tenants.yaml"], 1, /old\/tenants\.yaml cannot be used/],
  [["test", "old", "--junit", "nowhere/report.xml"], 1, /nowhere\/report\.xml/],
];

test.each(failures)("what cannot be done is told: %j", async (args, code, expected) => {
  await using workplace = await twoPolicies("policy.csv", added("p, acme/reports, acme, orders, prodcue, allow"));
  const outcome = await run(["policy", ...args], { cwd: workplace.path });
  expect(outcome).toMatchObject({ code, stdout: "" });
  expect(outcome.stderr).toMatch(expected);
});

test("test: the example is as stated, and the report is there for CI", async () => {
  await using workplace = await twoPolicies("policy.csv", (text) => text);
  const { code, stdout } = await run(["policy", "test", "new", "--junit", "report.xml"], { cwd: workplace.path });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^Topics of acme\n[^]*new\/matrix\.csv \(policy [0-9a-f]{12}\): (\d+) of \1 rows hold; \d+ cases, all as stated\n$/,
  );
  const report = await readFile(join(workplace.path, "report.xml"), "utf8");
  expect(report).toMatch(/<testsuites name="aclog policy test" tests="\d+" failures="0" errors="0" time="\d+\.\d{3}">/);
});

test("test: what is not as stated is told, and the exit code is 1", async () => {
  await using workplace = await twoPolicies("policy.csv", widening);
  const { code, stdout, stderr } = await run(["policy", "test", "new"], { cwd: workplace.path });
  expect([code, stderr]).toEqual([1, ""]);
  expect(stdout).toMatch(
    /new\/matrix\.csv:\d+: acme\/reports produce acme\/orders: expected deny, got allow: new\/policy\.csv:33: p, /,
  );
  const json = await run(["policy", "test", "new", "--json", "--tenant", "globex"], { cwd: workplace.path });
  expect(json.code).toBe(0);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, differences: [] });
});

test("test: another matrix", async () => {
  await using workplace = await twoPolicies("policy.csv", (text) => text);
  await writeFile(join(workplace.path, "more.csv"), "acme/reports, acme, orders, produce, allow\n");
  const { code, stdout } = await run(["policy", "test", "old", "--matrix", "more.csv"], { cwd: workplace.path });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^more\.csv:1: acme\/reports produce acme\/orders: expected allow, got deny: no rule allows it$/m,
  );
});
