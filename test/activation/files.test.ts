import { once } from "node:events";
import { spawn } from "node:child_process";
import { mkdir, open, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PolicyRefused } from "../../src/policy-errors.js";
import { ActivationPlace, allowed, bytesOf, policyOf } from "./activation-place.js";

const [a, b, c] = [policyOf("orders"), policyOf("returns"), policyOf("orders", "returns")];
const author = "ops/root";
const quick = { settleMs: 150, pollMs: 20 };

test("files that change are taken by themselves, once they have been left alone for a while", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open(quick);
  const started = performance.now();
  await place.folder.write(b);
  await place.until(() => place.activated.length === 1);
  expect(performance.now() - started).toBeGreaterThanOrEqual(quick.settleMs);
  expect(place.activated[0]).toMatchObject({ author: "files", how: "files" });
  expect(allowed(activation, "orders", "returns")).toEqual(["returns"]);
  expect(activation.history()).toHaveLength(2);
});

test("a policy is taken whole, though its four files come one after the other", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open({ settleMs: 400, pollMs: 20 });
  const looks = { seen: new Set<string>() };
  const stop = activation.authorizer.onChange(() => looks.seen.add(activation.authorizer.version));
  for (const [name, text] of Object.entries(b)) {
    await writeFile(join(place.folder.path, name), text);
    // Takes longer than it takes to look at the files once more.
    for (let count = 0; count < 5; count++) await activation.validate(bytesOf(b));
  }
  await place.until(() => place.activated.length === 1);
  stop();
  expect([...looks.seen]).toEqual([activation.status().active.version]);
  expect(allowed(activation, "orders", "returns")).toEqual(["returns"]);
  expect(place.refused).toEqual([]);
});

test("a folder that is a link to another one now is taken, and so are the links of a ConfigMap", async () => {
  await using place = await ActivationPlace.create("orders");
  const { path } = place.folder;
  for (const [name, texts] of Object.entries({ "..1": a, "..2": b })) {
    await mkdir(join(path, name));
    for (const [file, text] of Object.entries(texts)) await writeFile(join(path, name, file), text);
  }
  await symlink("..1", join(path, "..data"));
  for (const name of Object.keys(a)) {
    await rm(join(path, name));
    await symlink(join("..data", name), join(path, name));
  }
  const activation = await place.open(quick);
  await symlink("..2", join(path, "..data_tmp"));
  await rename(join(path, "..data_tmp"), join(path, "..data"));
  await place.until(() => place.activated.length === 1);
  expect(allowed(activation, "orders", "returns")).toEqual(["returns"]);
});

test("a file that another process has open for writing is not taken, however long it stays the same", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open(quick);
  const path = join(place.folder.path, "policy.csv");
  const script = `const fs = require("fs"); fs.openSync(process.argv[1], "w"); fs.writeFileSync(process.argv[1], process.argv[2]);
    process.stdout.write("written"); process.stdin.resume();`;
  const writer = spawn(process.execPath, ["-e", script, path, c["policy.csv"]], { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(writer, "exit");
  await once(writer.stdout, "data");
  await place.until(() => place.refused.length === 1);
  expect(place.refused[0]!.findings).toEqual([
    { source: path, problem: `process ${writer.pid!} has it open for writing` },
  ]);
  await expect(activation.reload()).rejects.toThrow("open for writing");
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  expect(activation.status().refused).toHaveLength(1);
  writer.stdin.end();
  await exit;
  await place.until(() => place.activated.length === 1);
  expect(allowed(activation, "orders", "returns")).toEqual(["orders", "returns"]);
  expect(activation.status().refused).toEqual([]);
});

test("of readings that overlap, each comes out and one brings the change", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  await place.folder.write(b);
  const results = await Promise.all([activation.reload(), activation.reload(), activation.reload()]);
  expect(results.map(({ changed }) => changed)).toEqual([true, false, false]);
  expect(activation.history()).toHaveLength(2);
});

test("a truncated file is never taken, wherever it was cut", async () => {
  await using place = await ActivationPlace.create("orders");
  // What is cut off are denials, so that every part of it is a policy that allows more.
  const rules = "p, acme/billing, acme, *, produce, allow\np, acme/billing, acme, returns, produce, deny\n# end\n";
  await place.folder.write({ "policy.csv": rules, "matrix.csv": "# nothing\n" });
  const activation = await place.open();
  const path = join(place.folder.path, "policy.csv");
  for (let cut = rules.length - 1; cut >= 0; cut--) {
    await truncate(path, cut);
    await expect(activation.reload(), `cut at ${cut}`).rejects.toThrow("stays in force");
    expect(allowed(activation, "orders", "returns"), `cut at ${cut}`).toEqual(["orders"]);
  }
  await rm(path);
  await expect(activation.reload()).rejects.toThrow("there is no such file");
  expect(allowed(activation, "orders", "returns")).toEqual(["orders"]);
  await writeFile(path, rules);
  expect(await activation.reload()).toMatchObject({ changed: false });
  expect(activation.status().refused).toEqual([]);
});

test("without an end marker a file may not end in the middle of a line, nor be empty, if it did not before", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  for (const text of ["", b["policy.csv"].trimEnd()]) {
    await place.folder.write({ "policy.csv": text, "matrix.csv": "# nothing\n" });
    await expect(activation.reload()).rejects.toThrow("it may have been cut short");
  }
  // With an activation it is certain that all of it is there.
  await place.folder.write(a);
  const open = { ...b, "policy.csv": b["policy.csv"].trimEnd() };
  await activation.activate(bytesOf(open), { basedOn: activation.status().active.version, author });
  await place.folder.write({ ...c, "policy.csv": c["policy.csv"].trimEnd() });
  expect(await activation.reload()).toMatchObject({ changed: true });
});

test("what is wrong with the files is told once, is there to be asked for, and is gone when they are mended", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open(quick);
  const { active } = activation.status();
  await place.folder.write({ "policy.csv": "p, acme/billing, acme, orders, prodcue, allow\n" });
  await place.until(() => place.refused.length === 1);
  const refused = activation.status();
  expect(refused).toMatchObject({ active, refused: [{ source: "policy.csv", line: 1 }] });
  expect(refused.filesVersion).not.toBe(active.version);
  expect(refused.refusedMs).toBeGreaterThan(0);
  // The same mistake, written once more, is no news; another is.
  await place.folder.write({ "policy.csv": "p, acme/billing, acme, orders, prodcue, allow\n" });
  await place.folder.write({ "tenants.yaml": "nothing: {}\n" });
  await place.until(() => place.refused.length === 2);
  await place.folder.write(b);
  await place.until(() => place.activated.length === 1);
  expect(activation.status().refused).toEqual([]);
  expect(place.refused).toHaveLength(2);
});

test("who asks what is wrong from elsewhere is not told where the files are, also where one speaks of another", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open(quick);
  const { version } = activation.status().active;
  const unstated = { ...b, "matrix.csv": "acme/billing, acme, returns, produce, deny\n# cases\n" };
  await place.folder.write(unstated);
  await place.until(() => place.refused.length === 1);
  const { refused } = activation.status();
  expect(refused[0]!.problem).toMatch(/expected deny, got allow by policy\.csv:1$/);
  expect(JSON.stringify(refused)).not.toContain(place.folder.path);
  // For whoever reads the log of the machine it is of use.
  expect(place.refused[0]!.findings[0]!.problem).toContain(place.folder.path);
  await place.folder.write(policyOf("orders"));
  const error = await activation
    .activate(bytesOf(unstated), { basedOn: version, author })
    .catch((each: unknown) => each);
  expect(error).toMatchObject({ reason: "POLICY_REFUSED" });
  expect(JSON.stringify([(error as PolicyRefused).message, (error as PolicyRefused).violations])).not.toContain(
    place.folder.path,
  );
});

test("a server whose files went bad while it was down starts with what was in force last, and takes good ones again", async () => {
  await using place = await ActivationPlace.create("orders");
  const first = await place.open();
  await first.activate(bytesOf(b), { basedOn: first.status().active.version, author });
  const { active } = first.status();
  for (const text of ["nonsense\n", b["policy.csv"].slice(0, -3), ""]) {
    await place.folder.write({ "policy.csv": text });
    const activation = await place.open(quick);
    expect(activation.status()).toMatchObject({ active, refused: [{ source: "policy.csv" }] });
    expect(place.refused.at(-1)).toMatchObject({ atStart: true, inForce: active.version });
    expect(allowed(activation, "orders", "returns")).toEqual(["returns"]);
  }
  await place.folder.write(c);
  await place.until(() => place.activated.length === 2);
});

test("good files that changed while the server was down are taken at the start, and that is in the history", async () => {
  await using place = await ActivationPlace.create("orders");
  const { version } = (await place.open()).status().active;
  await place.folder.write(c);
  const activation = await place.open();
  expect(activation.status().active).toMatchObject({ author: "files", how: "start", basedOn: version });
  expect(allowed(activation, "orders", "returns")).toEqual(["orders", "returns"]);
  expect(activation.history()).toHaveLength(2);
});

test("with bad files and a damaged last version there is no start, nor with a damaged history", async () => {
  await using place = await ActivationPlace.create("orders");
  const { version } = (await place.open()).status().active;
  await place.folder.write({ "policy.csv": "nonsense\n" });
  const kept = join(place.dataDir, "policy", "versions", version, "policy.csv");
  const sound = await readFile(kept);
  await writeFile(kept, "p, acme/billing, acme, *, *, allow\n");
  await expect(place.open()).rejects.toThrow(/versions.*is damaged/);
  await writeFile(kept, sound);
  await place.open();
  const history = join(place.dataDir, "policy", "history.json");
  await writeFile(history, (await readFile(history, "utf8")).replace("files", "filed"));
  await expect(place.open()).rejects.toThrow("history.json says which policy is in force, and it is damaged");
});

test("a pipe, a device and a folder in the place of a file are refused, and hold nothing up", async () => {
  await using place = await ActivationPlace.create("orders");
  const activation = await place.open();
  const path = join(place.folder.path, "matrix.csv");
  await rm(path);
  await mkdir(path);
  await expect(activation.reload()).rejects.toThrow("is a directory");
  await rm(path, { recursive: true });
  await symlink("/dev/zero", path);
  await expect(activation.reload()).rejects.toThrow("matrix.csv");
  await rm(path);
  await (await open(path, "w")).close();
  await expect(activation.reload()).rejects.toThrow("empty");
});
