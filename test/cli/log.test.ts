import assert from "node:assert/strict";
import { readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { run, Workplace, type Outcome } from "./command.js";
import { examplePlace, Served } from "./served.js";

interface Finding {
  readonly type: string;
  readonly severity?: string;
  readonly path?: string;
  readonly topic?: string;
  readonly ok?: boolean;
}

function objects({ stdout }: Outcome): Finding[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Finding);
}

test("a directory is verified and looked into while it is served, and mended when it is damaged", async () => {
  await using place = await examplePlace();
  const log = (...args: readonly string[]): Promise<Outcome> => run(["log", ...args], { cwd: place.path });
  const consumed = async (server: Served): Promise<string[]> => {
    const { stdout } = await server.aclog("acme/reports", ["consume", "--topic", "orders", "--from", "earliest"]);
    return stdout.trimEnd().split("\n");
  };
  {
    await using server = await Served.start(place.path);
    const input = Array.from({ length: 50 }, (_, n) => `secret-${n}\n`).join("");
    const produced = await server.aclog("acme/billing", ["produce", "--topic", "orders"], input);
    assert.equal(produced.code, 0, produced.stderr);

    const verified = await log("verify", "--json");
    assert.deepEqual([verified.code, objects(verified).at(-1)!.ok], [0, true]);
    const refused = await log("repair");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /in use by another process/);
    assert.equal((await log("reindex")).code, 2);
    await server.stop("SIGTERM");
  }
  const dumped = await log("dump", "--topic", "orders", "--tenant", "acme");
  assert.equal(dumped.code, 0, dumped.stderr);
  assert.match(dumped.stdout, /^\S+\.log: byte 0: offsets 0 to \d+, \d+ records, .* checksum ok$/m);
  assert.doesNotMatch(dumped.stdout, /secret/);
  assert.match(
    dumped.stdout,
    /^ {2}producer acme\/billing id [0-9a-f]+ epoch 0: sequence 0, \d+ records from offset 0$/m,
  );
  const shown = await log("dump", "--topic", "orders", "--tenant", "acme", "--values", "--json", "--limit", "1");
  assert.match(shown.stdout, /"value":"secret-0"/);
  assert.match(
    shown.stdout,
    /"producers":\{.*"batches":\[\{"principal":"acme\/billing","id":"[0-9a-f]+","epoch":0,"sequence":"0",/,
  );

  const none = await log("dump", "--topic", "orders", "--tenant", "acme", "--from", "1000");
  assert.deepEqual([none.code, none.stdout], [0, "topic orders: no commit from offset 1000 on\n"]);
  const journal = join(place.path, "data", "journal");
  for (const name of await readdir(journal)) {
    if (!name.endsWith(".wal")) continue;
    const { stdout } = await log("dump", join(journal, name), "--limit", "1", "--json");
    const types = stdout === "" ? [] : objects({ code: 0, stdout, stderr: "" }).map(({ type }) => type);
    if (types.includes("commit")) assert.equal(types.at(-1), "commit", "no group comes without its commit");
  }

  const topics = join(place.path, "data", "tenants", "acme", "topics");
  const [id] = (await readdir(topics)).filter((name) => dumped.stdout.includes(name));
  const segment = join(topics, id!, "00000000000000000000.log");
  const whole = await readFile(segment);
  await truncate(segment, whole.length - 1);
  await rm(join(place.path, "data", "journal", "checkpoint"));
  await assert.rejects(Served.start(place.path), /checkpoint is missing/);

  const found = await log("verify", "--json");
  assert.equal(found.code, 1);
  assert.deepEqual(
    objects(found).flatMap(({ severity, path }) => (severity === "damage" ? [path] : [])),
    [join("journal", "checkpoint")],
  );
  const told = await log("repair");
  assert.equal(told.code, 1);
  assert.match(told.stdout, /WHAT WOULD BE DONE[^]*Nothing was changed\. With --yes it is done/);
  assert.equal((await readFile(segment)).length, whole.length - 1);
  const done = await log("repair", "--yes");
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /Done\. What was replaced or removed is in \.\/data\/repair-/);
  assert.match((await log("verify")).stdout, /^\.\/data: sound\. Read: /m);
  await using server = await Served.start(place.path);
  const values = await consumed(server);
  assert.deepEqual(
    values,
    Array.from({ length: values.length }, (_, n) => `secret-${n}`),
  );
  assert.equal(values.length, 50);
});

test("what is no segment and no journal file is not looked into", async () => {
  await using place = await Workplace.make();
  await writeFile(join(place.path, "notes.txt"), "x");
  const { code, stdout, stderr } = await run(["log", "dump", "notes.txt"], { cwd: place.path });
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /notes\.txt: its name is neither that of a segment/);
});
