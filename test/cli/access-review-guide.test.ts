import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { run } from "./command.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guide = readFileSync(new URL("../../docs/access-review.md", import.meta.url), "utf8");
const examples = [...guide.matchAll(/^```console\n\$ aclog (policy (?:why|who|what) .*)\n([^]*?)^```$/gm)].map(
  ([, command, output]) => [command!, output!] as const,
);

test.each(examples)("the guide shows what `aclog %s` prints", async (command, output) => {
  const { code, stdout } = await run(command.replaceAll("'", "").split(" "), { cwd: root });
  assert.deepEqual([code, stdout], [0, output]);
});

test("the guide has examples of each command", () => {
  const commands = new Set(examples.map(([command]) => command.split(" ")[1]));
  expect([...commands].sort()).toEqual(["what", "who", "why"]);
});
