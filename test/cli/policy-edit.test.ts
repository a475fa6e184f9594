import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type Outcome, run, Workplace } from "./command.js";
import { hasTerminals, OnTerminal } from "./pty.js";

const example = fileURLToPath(new URL("../../policy", import.meta.url));
const grant = ["policy", "grant", "acme/reports", "consume", "acme/returns"];
const line = /^p, acme\/reports, +acme, returns, consume, +allow$/m;

/** A copy of the example policy, in which commands run. */
async function placeWithPolicy(): Promise<Workplace & { policy: () => Promise<string> }> {
  const place = await Workplace.make();
  await cp(example, join(place.path, "policy"), { recursive: true });
  return Object.assign(place, { policy: () => readFile(join(place.path, "policy", "policy.csv"), "utf8") });
}

/** The command, and whether it has changed anything. */
async function changes(
  place: Awaited<ReturnType<typeof placeWithPolicy>>,
  args: readonly string[],
): Promise<Outcome & { isChanged: boolean }> {
  const before = await place.policy();
  const outcome = await run(args, { cwd: place.path });
  return { ...outcome, isChanged: (await place.policy()) !== before };
}

test("a grant shows what it changes, and with --yes changes it; once more, there is nothing to do", async () => {
  await using place = await placeWithPolicy();
  const dry = await changes(place, [...grant, "--dry-run"]);
  assert.deepEqual([dry.code, dry.isChanged], [0, false]);
  assert.match(
    dry.stdout,
    /^--- policy\/policy\.csv\n[^]*\n\+p, acme\/reports, +acme, returns, consume, +allow\n[^]*\n\nacme\/reports could then consume from acme\/returns\nnothing was written\n$/,
  );
  const done = await changes(place, [...grant, "--yes", "--json"]);
  const { outcome, written, says } = JSON.parse(done.stdout) as { outcome: string; written: boolean; says: string[] };
  assert.deepEqual([done.code, done.isChanged, outcome, written], [0, true, "change", true]);
  assert.deepEqual(says, ["acme/reports could then consume from acme/returns"]);
  assert.match(await place.policy(), line);
  const again = await changes(place, grant);
  assert.deepEqual([again.code, again.isChanged], [0, false]);
  assert.match(
    again.stdout,
    /^acme\/reports may consume from acme\/returns already: policy\/policy\.csv:\d+: p, .*\nnothing was changed\n$/,
  );
});

test("without a terminal nothing is written unless --yes says so", async () => {
  await using place = await placeWithPolicy();
  const { code, stdout, stderr, isChanged } = await changes(place, grant);
  assert.deepEqual([code, isChanged], [2, false]);
  assert.match(stdout, /^--- policy\/policy\.csv\n/);
  assert.match(stderr, /There is no terminal to ask at[^]*--yes/);
});

test.runIf(hasTerminals)("at a terminal it asks, after showing what changes", async () => {
  await using place = await placeWithPolicy();
  for (const [answer, isChanged] of [
    ["n\n", false],
    ["yes\n", true],
  ] as const) {
    const before = await place.policy();
    const terminal = OnTerminal.start(grant.join(" "), { cwd: place.path });
    await terminal.shows(/\+p, acme\/reports, +acme, returns[^]*Type y to go on: /);
    terminal.type(answer);
    assert.equal((await terminal.ended()).code, isChanged ? 0 : 1);
    assert.equal((await place.policy()) !== before, isChanged);
  }
});

test("what a role gives is not revoked by half: the line is named, and --deny is offered and works", async () => {
  await using place = await placeWithPolicy();
  const revoke = ["policy", "revoke", "acme/reports", "consume", "acme/orders"];
  const refused = await changes(place, [...revoke, "--yes"]);
  assert.deepEqual([refused.code, refused.isChanged], [1, false]);
  assert.match(
    refused.stdout,
    /may still consume from acme\/orders, as role:consumer, through policy\/policy\.csv:\d+: p, role:consumer, [^]*--deny/,
  );
  // The matrix of the example states the opposite, so it has to be told first.
  const matrix = join(place.path, "policy", "matrix.csv");
  const stated = await changes(place, [...revoke, "--deny", "--yes"]);
  assert.deepEqual([stated.code, stated.isChanged], [1, false]);
  assert.match(stated.stderr, /matrix\.csv:\d+:\d+: acme\/reports consume acme\/orders: expected allow, got deny by/);
  const rows = await readFile(matrix, "utf8");
  await writeFile(matrix, rows.replace(/^acme\/reports, acme, +orders, +consume, +allow\n/m, ""));
  const denied = await changes(place, [...revoke, "--deny", "--yes"]);
  assert.deepEqual([denied.code, denied.isChanged], [0, true]);
  assert.match(await place.policy(), /^p, acme\/reports, +acme, orders, consume, +deny$/m);
});

test("what no line can say is wrong use, and exits with 2", async () => {
  await using place = await placeWithPolicy();
  const { code, stderr } = await run(["policy", "grant", "reports", "consume", "acme/orders", "--role", "--dry-run"], {
    cwd: place.path,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  const wrong = await run(["policy", "grant", "acme/x", "prodcue", "acme/orders", "--yes"], { cwd: place.path });
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.stderr,
    /^aclog: no line of this policy can say that\n {2}p, acme\/x, acme, orders, prodcue, allow: unknown action "prodcue"; did/,
  );
});

test("fmt --check prints the diff and exits with 1, fmt writes it, and then both are content", async () => {
  await using place = await placeWithPolicy();
  const before = await place.policy();
  await writeFile(join(place.path, "policy", "policy.csv"), before.replace("p, role:root, *,", "p,  role:root,*,"));
  const checked = await changes(place, ["policy", "fmt", "--check"]);
  assert.deepEqual([checked.code, checked.isChanged], [1, false]);
  assert.match(checked.stdout, /^-p, {2}role:root,\*, \*, \*, allow\n[^]*^\+p, role:root, \*, \*, \*, allow$/m);
  const written = await changes(place, ["policy", "fmt"]);
  assert.deepEqual([written.code, written.isChanged], [0, true]);
  assert.deepEqual(await run(["policy", "fmt", "--check"], { cwd: place.path }), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await run(["policy", "fmt"], { cwd: place.path }), {
    code: 0,
    stdout: "policy: nothing to do\n",
    stderr: "",
  });
  assert.equal((await run(["policy", "check"], { cwd: place.path })).code, 0);
});

test("check --strict exits with 1 for a warning", async () => {
  await using place = await placeWithPolicy();
  assert.equal((await run(["policy", "check", "--strict"], { cwd: place.path })).code, 0);
  await writeFile(join(place.path, "policy", "policy.csv"), "p, role:ghost, acme, x, produce, allow\n", { flag: "a" });
  assert.equal((await run(["policy", "check"], { cwd: place.path })).code, 0);
  const { code, stdout } = await run(["policy", "check", "--strict", "--json"], { cwd: place.path });
  assert.deepEqual([code, (JSON.parse(stdout) as { ok: boolean }).ok], [1, false]);
});
