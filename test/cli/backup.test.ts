import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { type Outcome, run, start } from "./command.js";
import { Served, examplePlace } from "./served.js";

const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, n) => `record-${from + n}\n`).join("");

test("a directory is backed up while records come in, restored, and served with everything that was acknowledged", async () => {
  await using place = await examplePlace();
  const aclog = (...args: readonly string[]): Promise<Outcome> => run(args, { cwd: place.path });
  {
    await using server = await Served.start(place.path);
    const first = await server.aclog("acme/billing", ["produce", "--topic", "orders"], lines(0, 500));
    assert.equal(first.code, 0, first.stderr);
    // More comes as long as it is copied.
    const producing = start(["produce", "--topic", "orders"], server.as("acme/billing"));
    const ended = new Promise((resolve) => producing.on("close", resolve));
    let sent = 500;
    let isDone = false;
    const more = (): void => {
      if (isDone) producing.stdin.end();
      else producing.stdin.write(lines(sent, 50), more);
      sent += isDone ? 0 : 50;
    };
    producing.stdout.resume();
    more();
    const made = await aclog("backup", "saved", "--json");
    isDone = true;
    await ended;
    assert.equal(made.code, 0, made.stderr);
    const told = JSON.parse(made.stdout) as Record<string, unknown>;
    assert.deepEqual([told["ok"], told["backup"], told["data"], told["topics"]], [true, "saved", "./data", 1]);

    const again = await aclog("backup", "saved", "--json");
    assert.deepEqual([again.code, again.stdout], [1, ""]);
    assert.match(
      (JSON.parse(again.stderr) as { message: string }).message,
      /saved is there already; nothing was changed/,
    );
  }
  const verified = await aclog("backup", "saved", "--verify");
  assert.equal(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /^saved is whole: 1 topics, \d+ files, /);
  const refused = await aclog("restore", "saved", "--data", "policy");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /policy is not empty; nothing was changed/);
  const restored = await aclog("restore", "saved", "--data", "restored");
  assert.equal(restored.code, 0, restored.stderr);
  {
    await using server = await Served.start(place.path, ["--data", "restored"]);
    const consumed = await server.aclog("acme/reports", ["consume", "--topic", "orders", "--from", "earliest"]);
    const values = consumed.stdout.trimEnd().split("\n");
    assert.ok(values.length >= 500, `${values.length} records`);
    assert.equal(`${values.join("\n")}\n`, lines(0, values.length));
  }

  const journal = join(place.path, "saved", "data", "journal");
  const [file] = (await readdir(journal)).filter((name) => name.endsWith(".wal"));
  const bytes = await readFile(join(journal, file!));
  bytes[100]! ^= 1;
  await writeFile(join(journal, file!), bytes);
  await writeFile(join(place.path, "saved", "notes"), "");
  const found = await aclog("backup", "saved", "--verify");
  assert.equal(found.code, 1);
  assert.match(
    found.stdout,
    /^FILE +FOUND\ndata\/journal\/\S+\.wal +is damaged: its checksum is another\nnotes +is not in/,
  );
  assert.match(
    found.stdout,
    /\nsaved is not as it was written: 2 files, 1 wrong, 0 missing, 1 extra\. It cannot be restored\.\n$/,
  );
  const asJson = await aclog("backup", "saved", "--verify", "--json");
  const { ok, wrong, missing, extra, findings } = JSON.parse(asJson.stdout) as Record<string, unknown>;
  assert.deepEqual([asJson.code, ok, wrong, missing, extra], [1, false, 1, 0, 1]);
  assert.deepEqual((findings as unknown[])[1], { path: "notes", kind: "extra", problem: "is not in backup.json" });
  const again = await aclog("restore", "saved", "--data", "second");
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(
    again.stderr,
    /saved is not as it was written; nothing was changed:\n {2}saved\/data\/journal\/\S+\.wal: is damaged/,
  );
  assert.equal((await readdir(place.path)).includes("second"), false);
});

test("a restore that was killed is not served: it is said what to do, and that works", async () => {
  await using place = await examplePlace();
  const aclog = (...args: readonly string[]): Promise<Outcome> => run(args, { cwd: place.path });
  {
    await using server = await Served.start(place.path);
    assert.equal((await server.aclog("acme/billing", ["produce", "--topic", "orders"], lines(0, 3))).code, 0);
  }
  assert.equal((await aclog("backup", "saved")).code, 0);
  // As it is found behind a kill: what is there last is not there yet.
  await cp(join(place.path, "saved", "data"), join(place.path, "restored"), { recursive: true });
  await rm(join(place.path, "restored", "format.json"));
  await writeFile(join(place.path, "restored", "restore.incomplete"), join(place.path, "saved"));
  const advice = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { code, stderr } = await aclog(...args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /restored is what a restore left that was cut short, and not a data directory; nothing was changed/,
    );
    return /Empty it with `(find [^`]*)`, then run `aclog (restore [^`]*)`/.exec(stderr)!.slice(1);
  };
  const told = await advice("serve", "--data", "restored", "--listen", "127.0.0.1:0");
  assert.deepEqual(await advice("restore", "saved", "--data", "restored"), told);
  const [empty, restore] = told as [string, string];
  execFileSync("/bin/sh", ["-c", empty], { cwd: place.path });
  const restored = await aclog(...restore.split(" "));
  assert.equal(restored.code, 0, restored.stderr);
});
