import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "vitest";
import { ecKey, requestFor } from "../support/requests.js";
import { commandOf, Workplace } from "./command.js";

const execute = promisify(execFile);
const runner = fileURLToPath(new URL("../support/run-examples.mjs", import.meta.url));

const guide = readFileSync(new URL("../../docs/certificates.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/^```console\n([^]*?)^```$/gm)].map(([, block]) => block!);
const examples = blocks.flatMap((block) =>
  [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command, output]) => [command!, output!] as const),
);

/** What differs from run to run: serial numbers, names of authorities, keys' fingerprints, times. */
function masked(text: string): string {
  return text
    .replace(/([0-9A-F]{2}:){31}[0-9A-F]{2}/g, "FINGERPRINT")
    .replace(/\b[0-9A-F]{32}\b/g, "SERIAL")
    .replace(/ CA [0-9a-f]{8}\b/g, " CA RANDOM")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME");
}

test("the guide shows what each of its commands prints, one after the other", async () => {
  await using place = await Workplace.make();
  await writeFile(join(place.path, "till.csr"), requestFor(ecKey()));
  const commands = examples.map(([command]) => command);
  const { env } = commandOf({});
  const { stdout } = await execute(process.execPath, [runner, JSON.stringify(commands)], { cwd: place.path, env });
  const shown = JSON.parse(stdout) as string[];
  for (const [at, [command, output]] of examples.entries()) assert.equal(masked(shown[at]!), masked(output), command);
});

test("the guide has examples of each command", () => {
  const commands = new Set(examples.flatMap(([command]) => /^aclog certs (\S+)/.exec(command)?.[1] ?? []));
  const all = ["init", "issue", "renew", "revoke", "crl", "list", "inspect", "check"];
  assert.deepEqual([...commands].sort(), all.sort());
});
