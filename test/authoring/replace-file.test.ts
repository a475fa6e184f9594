import assert from "node:assert/strict";
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { replaceFile } from "../../src/authoring/index.js";
import { Workplace } from "../cli/command.js";

test("mode and symbolic link stay, and nothing is left beside the file", async () => {
  await using place = await Workplace.make();
  await mkdir(join(place.path, "real"));
  const [target, path] = [join(place.path, "real", "policy.csv"), join(place.path, "policy.csv")];
  await writeFile(target, "old\n");
  await chmod(target, 0o640);
  await symlink("real/policy.csv", path);
  const { ino } = await stat(target);
  await replaceFile({ path, before: Buffer.from("old\n"), after: "new\n" });
  assert.equal(await readFile(target, "utf8"), "new\n");
  assert.ok((await lstat(path)).isSymbolicLink());
  const after = await stat(target);
  assert.equal(after.mode & 0o7777, 0o640);
  // Another file in its place: whoever reads the old one reads it to its end.
  assert.notEqual(after.ino, ino);
  assert.deepEqual(await readdir(join(place.path, "real")), ["policy.csv"]);
});

test("a file that somebody else has changed meanwhile is left as it is", async () => {
  await using place = await Workplace.make();
  const path = join(place.path, "policy.csv");
  await writeFile(path, "theirs\n");
  await assert.rejects(replaceFile({ path, before: Buffer.from("old\n"), after: "mine\n" }), {
    message: `${path} has changed meanwhile: nothing was written`,
  });
  assert.equal(await readFile(path, "utf8"), "theirs\n");
  assert.deepEqual(await readdir(place.path), ["policy.csv"]);
});

test("a file that is gone meanwhile is not made anew", async () => {
  await using place = await Workplace.make();
  const path = join(place.path, "policy.csv");
  await assert.rejects(
    replaceFile({ path, before: Buffer.from("old\n"), after: "mine\n" }),
    /cannot be replaced: ENOENT/,
  );
  assert.deepEqual(await readdir(place.path), []);
});

test.runIf(process.getuid?.() !== 0)("a folder that cannot be written to is told in words", async () => {
  await using place = await Workplace.make();
  const path = join(place.path, "policy.csv");
  await writeFile(path, "old\n");
  await chmod(place.path, 0o500);
  await assert.rejects(replaceFile({ path, before: Buffer.from("old\n"), after: "mine\n" }), {
    message: `${path} cannot be replaced: this user may not write to its folder`,
  });
  await chmod(place.path, 0o700);
});

test("of many who change the same file at once one succeeds, and the others are told that they have not", async () => {
  await using place = await Workplace.make();
  const path = join(place.path, "policy.csv");
  await writeFile(path, "old\n");
  const changes = Array.from({ length: 16 }, (_, number) => ({
    path,
    before: Buffer.from("old\n"),
    after: `by ${number}\n`,
  }));
  const results = await Promise.allSettled(changes.map(replaceFile));
  const written = changes.filter((_, number) => results[number]!.status === "fulfilled");
  assert.deepEqual(
    written.map(({ after }) => after),
    [await readFile(path, "utf8")],
  );
  assert.deepEqual(await readdir(place.path), ["policy.csv"]);
});

test("what a change that was cut off has left is named, and stays", async () => {
  await using place = await Workplace.make();
  const [path, left] = [join(place.path, "policy.csv"), join(place.path, ".policy.csv.lock")];
  await writeFile(path, "old\n");
  await writeFile(left, "half");
  await assert.rejects(replaceFile({ path, before: Buffer.from("old\n"), after: "mine\n" }), (error: Error) => {
    assert.ok(error.message.startsWith(`somebody else is changing ${path}: nothing was written; `), error.message);
    assert.ok(error.message.endsWith(`remove ${left}`), error.message);
    return true;
  });
  assert.equal(await readFile(path, "utf8"), "old\n");
  assert.deepEqual((await readdir(place.path)).toSorted(), [".policy.csv.lock", "policy.csv"]);
});
