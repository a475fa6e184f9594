import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { run, Workplace } from "./command.js";

const example = fileURLToPath(new URL("../../policy", import.meta.url));

test("the example policy is valid", async () => {
  const { code, stdout, stderr } = await run(["policy", "check", example]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /is valid: 3 tenants, /);
});

test("without a directory, ./policy is checked", async () => {
  await using workplace = await Workplace.make();
  await cp(example, join(workplace.path, "policy"), { recursive: true });
  const { code, stdout } = await run(["policy", "check", "--json"], { cwd: workplace.path });
  assert.equal(code, 0);
  const report = JSON.parse(stdout) as { ok: boolean; findings: unknown[]; counts: { tenants: number } };
  assert.deepEqual([report.ok, report.findings, report.counts.tenants], [true, [], 3]);
});

test.each([["check"], ["test"], ["fmt", "--check"]])(
  "policy %s takes its folder by --policy too",
  async (...command) => {
    const named = await run(["policy", ...command, "--policy", example]);
    assert.deepEqual([named.code, named.stderr], [0, ""]);
  },
);

test("one folder is named once", async () => {
  const { code, stderr } = await run(["policy", "check", example, "--policy", example]);
  assert.deepEqual([code, stderr.split("\n")[0]], [2, "aclog: DIR or --policy, not both"]);
});

test("every mistake is a line with its place, and the exit code is 1", async () => {
  await using workplace = await Workplace.make();
  await cp(example, workplace.path, { recursive: true });
  const path = join(workplace.path, "policy.csv");
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n").length;
  await writeFile(path, "p, acme/x, acme, orders, prodcue, allow\np, acme/x, acme, orders, consume, maybe\n", {
    flag: "a",
  });
  const { code, stdout } = await run(["policy", "check", "."], { cwd: workplace.path });
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^policy\\.csv:${lines + 1}:\\d+: .*prodcue.*did you mean "produce"`, "m"));
  assert.match(stdout, new RegExp(`^policy\\.csv:${lines + 2}:\\d+: .*maybe`, "m"));
  assert.match(stdout, /^2 mistakes$/m);
  const { code: jsonCode, stdout: json } = await run(["policy", "check", ".", "--json"], { cwd: workplace.path });
  const report = JSON.parse(json) as { ok: boolean; findings: { line: number }[] };
  assert.deepEqual([jsonCode, report.ok, report.findings.map(({ line }) => line)], [1, false, [lines + 1, lines + 2]]);
});

test("a file in the place of the directory is told in words", async () => {
  const { code, stdout } = await run(["policy", "check", "model.conf"], { cwd: example });
  assert.equal(code, 1);
  assert.match(stdout, /^model\.conf: this is a file; name its folder, \.$/m);
  assert.doesNotMatch(stdout, /ENOTDIR/);
});

test("a directory that is not there is a mistake like any other", async () => {
  await using workplace = await Workplace.make();
  const { code, stdout } = await run(["policy", "check"], { cwd: workplace.path });
  assert.equal(code, 1);
  assert.match(stdout, /mistakes?$/m);
});

test("the list of the commands is no wider than a terminal", async () => {
  const { stdout } = await run(["policy", "--help"]);
  assert.match(stdout, /^ {2}revoke +take a right/m);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
});
