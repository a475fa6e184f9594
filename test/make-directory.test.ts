import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "vitest";
import { makeDirectory } from "../src/make-directory.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "aclog-make-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("makes every directory that is missing, with the mode, and may be repeated", async () => {
  const path = join(directory, "a", "b", "c");
  await makeDirectory(path, 0o700);
  await makeDirectory(path, 0o700);
  for (const made of [path, join(path, ".."), join(path, "..", "..")]) {
    assert.equal((await stat(made)).mode & 0o777, 0o700);
  }
});

test("several at the same time all succeed", async () => {
  const path = join(directory, "a", "b", "c");
  await Promise.all(Array.from({ length: 10 }, () => makeDirectory(path, 0o700)));
});

test("the root is there already", () => makeDirectory("/", 0o700));

test("a file in the way is an error, as the last part and before it", async () => {
  const file = join(directory, "file");
  await writeFile(file, "");
  await assert.rejects(makeDirectory(file, 0o700), { code: "EEXIST" });
  await assert.rejects(makeDirectory(join(file, "a", "b"), 0o700), { code: "ENOTDIR" });
});

test.runIf(process.platform === "linux")(
  "a place where nothing can be made is an error, and does not hang",
  async () => {
    await assert.rejects(makeDirectory("/proc/aclog/a", 0o700), {
      code: "ENOENT",
      path: "/proc/aclog",
      syscall: "mkdir",
    });
  },
);
