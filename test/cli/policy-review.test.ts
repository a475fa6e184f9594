import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { loadFrom } from "../../src/cli/policy-flags.js";
import { formatReview } from "../../src/cli/review-text.js";
import { reviewPermissions } from "../../src/review/index.js";
import { run, Workplace } from "./command.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("what lists somebody's rights in every format", async () => {
  await using workplace = await Workplace.make();
  const page = join(workplace.path, "grid.html");
  const what = ["policy", "what", "acme/billing", "--policy", join(root, "policy")];
  assert.match((await run(what)).stdout, /^acme +orders +produce +/m);
  assert.match((await run([...what, "--csv"])).stdout, /^acme,acme\/billing,orders,produce,allow,/m);
  const { permissions } = JSON.parse((await run([...what, "--json"])).stdout) as { permissions: unknown[] };
  assert.equal((await run([...what, "--html", page])).stdout, `${page}: ${permissions.length} permissions\n`);
  const written = await readFile(page, "utf8");
  assert.match(written, /^<!DOCTYPE html>[^]*What acme\/billing may do[^]*the folder \S*policy, version/);
  const printed = (await run([...what, "--html", "-"])).stdout;
  const time = /<time.*<\/time>/;
  assert.equal(printed.replace(time, ""), written.replace(time, ""));
});

test("topics of a list have rows of their own, and a wrong line of it is told", async () => {
  await using workplace = await Workplace.make();
  const topics = join(workplace.path, "topics.txt");
  const what = ["policy", "what", "acme/billing", "--policy", join(root, "policy"), "--topics", topics];
  await writeFile(topics, "# Those that there are.\nacme/orders.us\n\n");
  assert.match((await run(what)).stdout, /^acme +orders\.us +produce /m);
  await writeFile(topics, "acme/orders.us\norders\n");
  const { code, stderr } = await run(what);
  assert.equal(code, 1);
  assert.match(stderr, /topics\.txt:2: expected TENANT\/TOPIC/);
});

test("a review that is cut off says so beside the rows", async () => {
  const { code, stdout, stderr } = await run(["policy", "what", "--all", "--csv", "--limit", "3"], { cwd: root });
  assert.deepEqual([code, stdout.split("\n").length], [0, 5]);
  assert.match(stderr, /This is not all: .*--limit/);
});

test("a principal that no line names may be mistyped", async () => {
  const { stdout } = await run(["policy", "what", "acme/biling"], { cwd: root });
  assert.match(stdout, /^Nothing, by any rule\.\nNo line names acme\/biling; did you mean "acme\/billing"\?$/m);
});

test.each([
  [
    "produce",
    "acme/*",
    /^Who may produce to topics of acme that no line names [^]*: aclog policy what --all --tenant acme$/m,
  ],
  [
    undefined,
    "acme/orders.*",
    /^Who may do anything to topics of acme that begin with orders\. and that no line names /,
  ],
  [
    "produce",
    "acme/oders.*",
    /^No rule and no row of the matrix names the pattern oders\.\*; did you mean orders\.\*\?$/m,
  ],
  ["produce", "acme/_offsets", /^The server lets nobody but itself produce to a topic whose name begins with _/m],
] as const)("who %s %s says what is asked about, and what may be meant", async (action, path, expected) => {
  const [tenant, topic] = path.split("/") as [string, string];
  const scope = { ...(action && { action }), tenant, topic };
  assert.match(await formatReview(await reviewPermissions(await loadFrom(join(root, "policy")), scope)), expected);
});

test("beside rows for programs, what may be meant is told on stderr", async () => {
  const { stdout, stderr } = await run(["policy", "who", "produce", "acme/ordres", "--csv"], { cwd: root });
  assert.equal(stdout.split("\n").length, 3);
  assert.match(stderr, /^aclog: No rule and no row of the matrix names the topic ordres; did you mean orders\?\n$/);
});

test.each([
  [["what"], /name a principal, or give --all/],
  [["what", "acme/billing", "--all"], /a principal or --all, not both/],
  [["what", "--all", "--tenant", "acmee"], /declares no tenant "acmee"; did you mean "acme"\?/],
  [["who", "consume", "acme/or*ders"], /A topic's name is/],
  [["who", "consume", "acme/orders", "--csv", "--json"], /cannot be used with option/],
  [["what", "--all", "--limit", "1000000"], /At most 100000/],
])("%s is wrong use", async (args, message) => {
  const { code, stdout, stderr } = await run(["policy", ...args], { cwd: root });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, message);
});
