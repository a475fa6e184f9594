import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

for (const name of ["aclog", "aclog/client"]) {
  test(`${name} gives the client to those who import the package`, async () => {
    const script = `import("${name}").then((exported) => console.log(Object.keys(exported).sort().join()))`;
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: root });
    assert.equal(stdout, "CallError,Client\n");
  });
}
