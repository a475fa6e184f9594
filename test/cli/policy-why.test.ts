import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { run, Workplace } from "./command.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("with --exit-code a script can tell a denial, and --json says why", async () => {
  const asked = ["policy", "why", "acme/nobody", "produce", "acme/orders", "--policy", join(root, "policy")];
  const { code, stdout } = await run([...asked, "--exit-code", "--json"]);
  const answer = JSON.parse(stdout) as { decision: string; misses: { kind: string }[] };
  assert.deepEqual([code, answer.decision, answer.misses[0]?.kind], [1, "deny", "role"]);
  assert.equal((await run(asked)).code, 0);
});

test.each([
  [["acme/billing", "prodcue", "acme/orders"], /no such action; did you mean "produce"\?/],
  [["billing", "produce", "acme/orders"], /not TENANT\/NAME, such as acme\/billing: .* under the simple model too/],
  [["Acme/billing", "produce", "acme/orders"], /names are lower-case, as in acme\/billing/],
  [["acme/billing", "produce", "orders"], /A tenant and a slash/],
  [["acme/billing", "produce", "acme/orders.*"], /no pattern/],
])("%s is wrong use", async (args, message) => {
  const { code, stdout, stderr } = await run(["policy", "why", ...args], { cwd: root });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, message);
});

test.each([
  [["who", "acme/orders", "produce"], /ACTION stands first: aclog policy who produce acme\/orders/],
  [["what", "acme/billing", "--all"], /a principal or --all, not both/],
  [["what"], /name a principal, or give --all/],
])("%s says what is the matter with its arguments", async (args, message) => {
  const { code, stderr } = await run(["policy", ...args], { cwd: root });
  assert.equal(code, 2);
  assert.match(stderr, message);
});

test.each([
  ["nowhere", "nowhere: there is no such folder\n1 mistake\n"],
  ["policy/policy.csv", "policy/policy.csv: this is a file; name its folder, policy\n1 mistake\n"],
])("check %s is one mistake, not one for each file that is missing", async (place, message) => {
  const outcome = await run(["policy", "check", place], { cwd: root });
  assert.deepEqual(outcome, { code: 1, stdout: message, stderr: "" });
});

test.each([["check"], ["test"], ["fmt"], ["diff"], ["activate"]])(
  "%s of a folder without a name is wrong use",
  async (command) => {
    const { code, stderr } = await run(["policy", command, ""], { cwd: root });
    assert.equal(code, 2);
    assert.match(stderr, /A path must not be empty/);
  },
);

test("a report that cannot be written says where and why", async () => {
  const { code, stderr } = await run(["policy", "test", "--junit", "/nowhere/at/all.xml"], { cwd: root });
  assert.equal(code, 1);
  assert.match(stderr, /^aclog: cannot write \/nowhere\/at\/all\.xml: there is no such folder/);
});

test("where not all mistakes are told, there are more than those", async () => {
  await using workplace = await Workplace.make();
  await writeFile(join(workplace.path, "policy.csv"), "nothing\n".repeat(60));
  const { stdout } = await run(["policy", "check", "."], { cwd: workplace.path });
  assert.match(stdout, /^policy\.csv: there are more errors than these 50\n[^]*^more than 53 mistakes$/m);
});

test("a policy with a mistake in it is not explained: the mistakes are told", async () => {
  await using workplace = await Workplace.make();
  const { code, stderr } = await run(["policy", "why", "acme/a", "produce", "acme/b"], { cwd: workplace.path });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /the policy in policy cannot be used: there is none; .*\/policy are one to begin with: copy them\n {2}policy\/model\.conf: /,
  );
  const asked = ["policy", "why", "acme/a", "produce", "acme/b", "--json"];
  const told = JSON.parse((await run(asked, { cwd: workplace.path })).stderr) as { error: string; findings: unknown[] };
  assert.deepEqual([told.error, told.findings.length], ["POLICY_REFUSED", 4]);
});
