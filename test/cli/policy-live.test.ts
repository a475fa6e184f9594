import assert from "node:assert/strict";
import { appendFile, cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import type { Outcome } from "./command.js";
import { sharedServer } from "./served.js";

const shared = sharedServer();

function aclog(...args: string[]): Promise<Outcome> {
  return shared.server.aclog("ops/root", ["policy", ...args]);
}

/** With the server's address, which these commands must be told by a flag. */
function live(...args: string[]): Promise<Outcome> {
  return aclog(...args, "--address", shared.server.as("").env!["ACLOG_ADDRESS"]!);
}

interface Status {
  readonly active: { readonly version: string; readonly author: string };
}

async function statusOf(): Promise<Status["active"]> {
  return (JSON.parse((await aclog("status", "--json")).stdout) as Status).active;
}

/** The policy in force, in a folder of its own, with some lines more. */
async function folderWith(name: string, ...lines: string[]): Promise<string> {
  assert.equal((await aclog("fetch", name)).code, 0);
  await appendFile(join(shared.directory, name, "policy.csv"), lines.map((line) => `${line}\n`).join(""));
  return name;
}

test("a policy is fetched, looked at, brought into force and taken back, each time by what it changes", async () => {
  const before = await statusOf();
  const folder = await folderWith("changed", "p, acme/analyst, acme, notes, consume, allow");
  const diff = await live("diff", folder);
  assert.equal(diff.code, 3);
  assert.match(diff.stdout, /acme\/analyst/);
  const widening = await aclog("activate", folder, "--yes", "--no-widen");
  assert.deepEqual(
    [widening.code, widening.stderr],
    [3, "aclog: access widens, and --no-widen was given: nothing was changed\n"],
  );
  const forPrograms = await aclog("activate", folder, "--yes", "--no-widen", "--json");
  const { version, ...refused } = JSON.parse(forPrograms.stdout) as { version: string };
  assert.deepEqual(
    [forPrograms.code, refused],
    [3, { ok: false, changed: false, inForce: before.version, widens: true }],
  );
  assert.match(version, /^[0-9a-f]{12}$/);
  const unasked = await aclog("activate", folder);
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /--yes: is needed/);

  const activated = await aclog("activate", folder, "--yes");
  assert.equal(activated.code, 0);
  assert.match(activated.stdout, /acme\/analyst[^]*version [0-9a-f]{12} is in force\n$/);
  const active = await statusOf();
  assert.equal(active.author, "ops/root");
  const inPlace = await readFile(join(shared.directory, "policy/policy.csv"), "utf8");
  assert.equal(inPlace, await readFile(join(shared.directory, folder, "policy.csv"), "utf8"));

  const stale = await aclog("activate", folder, "--yes", "--based-on", before.version);
  assert.equal(stale.code, 1);
  assert.match(stale.stderr, /ABORTED/);
  const back = await aclog("rollback", before.version, "--yes", "--no-widen", "--json");
  const { ok, changed, how } = JSON.parse(back.stdout) as Record<string, unknown>;
  assert.deepEqual([ok, changed, how], [true, true, "rollback"]);
  const history = await aclog("history");
  assert.deepEqual(history.stdout.match(/(?<= {2})(start|activate|rollback)(?= |$)/gm), [
    "rollback",
    "activate",
    "start",
  ]);
  assert.equal((await live("diff", active.version, before.version)).code, 0);
  assert.match((await aclog("status")).stdout, new RegExp(`^version +${before.version}$`, "m"));
});

test("a policy with a mistake is not brought into force, and every mistake is named", async () => {
  const folder = await folderWith("mistaken", "p, acme/nobody, acme, notes, consmue, allow", "q, acme/nobody");
  for (const command of [() => live("check", folder), () => aclog("activate", folder, "--yes")]) {
    const { code, stdout } = await command();
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^mistaken\/policy\.csv:\d+:\d+: unknown action "consmue"; did you mean "consume"\?\n[^]*^mistaken\/policy\.csv:\d+/m,
    );
  }
  const { version } = await statusOf();
  const told = await aclog("activate", folder, "--yes");
  assert.equal(told.stderr, `aclog: the policy in mistaken has 2 mistakes; version ${version} stays in force\n`);
  const { code, stdout } = await aclog("activate", folder, "--yes", "--json");
  const { findings, ...rest } = JSON.parse(stdout) as { findings: readonly { readonly source: string }[] };
  assert.deepEqual([code, rest], [1, { ok: false, changed: false, inForce: version }]);
  assert.deepEqual(findings.map(({ source }) => source), ["mistaken/policy.csv", "mistaken/policy.csv"]); // prettier-ignore
});

test("whoever was refused, and whoever administers the topic, finds out why by the decision's id", async () => {
  const produced = await shared.server.aclog(
    "acme/reports",
    ["produce", "--topic", "orders", "--json"],
    '{"value":"v"}\n',
  );
  const { facts } = JSON.parse(produced.stderr) as { facts: { decision: string } };
  const ask = (principal: string): Promise<Outcome> =>
    shared.server.aclog(principal, [
      "policy",
      "why",
      facts.decision,
      "--address",
      shared.server.as("").env!["ACLOG_ADDRESS"]!,
    ]);
  const told = await ask("acme/root");
  assert.deepEqual([told.code, told.stderr], [0, ""]);
  assert.match(
    told.stdout,
    new RegExp(`^Decision ${facts.decision}, .*ProduceStream: refused by version .*, no rule allows it`),
  );
  assert.match(told.stdout, /would be allowed if/);
  const own = await ask("acme/reports");
  assert.equal(own.code, 0);
  assert.doesNotMatch(own.stdout, /would be allowed if|No single change/);
  assert.match(own.stdout, /\nWhat would have to be otherwise is told to whoever administers the policy of acme\.\n/);
  const stranger = await ask("globex/root");
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /PERMISSION_DENIED/);
  const offline = await aclog("why", facts.decision);
  assert.deepEqual([offline.code, offline.stderr.includes("only a server knows")], [2, true]);
});

test("whoever is refused, or asks for what there is not, is told what to do instead", async () => {
  const address = shared.server.as("").env!["ACLOG_ADDRESS"]!;
  const asTenant = (...args: string[]): Promise<Outcome> =>
    shared.server.aclog("acme/root", ["policy", ...args, "--address", address]);
  for (const command of [["what", "acme/reports"], ["test"]]) {
    const refused = await asTenant(...command);
    assert.equal(refused.code, 1);
    const [, decision] = /\(decision (\S+)\)/.exec(refused.stderr)!;
    assert.ok(refused.stderr.includes(`or: aclog policy why ${decision} --address ${address} --as …`), refused.stderr);
    assert.match(refused.stderr, /--tenant acme asks about topics of acme alone/);
    assert.equal((await asTenant(...command, "--tenant", "acme")).code, 0);
  }
  const unknown = await aclog("rollback", "0123456789ab", "--yes");
  assert.match(unknown.stderr, /is not kept\n {2}`aclog policy history` lists those that are\.\n$/);
  const folder = await folderWith("twice");
  const { stderr } = await aclog("fetch", folder);
  assert.match(stderr, /^aclog: twice has a (\S+) already: name another folder, or remove it\n$/);
});

test("files that somebody edits are not replaced, and files that seem cut short can be meant", async () => {
  const path = join(shared.directory, "policy/policy.csv");
  const whole = await readFile(path, "utf8");
  const folder = await folderWith("meanwhile", "p, acme/analyst, acme, notes, consume, allow");
  await writeFile(path, whole.trimEnd());
  try {
    const edited = await aclog("activate", folder, "--yes");
    assert.match(edited.stderr, /FAILED_PRECONDITION.*\n {2}Somebody is editing them: .* or --overwrite/);
    let status = await aclog("status");
    while (status.code === 0) status = await aclog("status");
    assert.match(status.stdout, /may have been cut short\nIf it is meant so: aclog policy activate DIR\n$/);
  } finally {
    await writeFile(path, whole);
  }
});

test("the questions that files answer can be put to a server", async () => {
  const why = await live("why", "acme/billing", "produce", "acme/orders.cards", "--json");
  assert.equal((JSON.parse(why.stdout) as { decision: string }).decision, "deny");
  const who = await live("who", "produce", "acme/orders", "--csv");
  assert.match(who.stdout, /acme\/billing/);
  const what = await live("what", "acme/billing");
  assert.match(what.stdout, /orders/);
  const tested = await live("test");
  assert.equal(tested.code, 0);
  await cp(join(shared.directory, "policy"), join(shared.directory, "untrue"), { recursive: true });
  await writeFile(join(shared.directory, "untrue/matrix.csv"), "acme/billing, acme, orders, produce, deny\n");
  assert.equal((await live("test", "untrue")).code, 1);
});
