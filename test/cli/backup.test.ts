import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
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
  for (const args of [
    ["backup", "saved", "--verify"],
    ["restore", "saved", "--data", "second"],
  ]) {
    const { code, stdout, stderr } = await aclog(...args);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /\.wal is damaged: its checksum is another/);
  }
  assert.equal((await readdir(place.path)).includes("second"), false);
});
