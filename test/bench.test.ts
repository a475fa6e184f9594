import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(script: string, ...args: string[]): Promise<Outcome> {
  const path = join(import.meta.dirname, "..", "bench", script);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test.each(["run.mjs", "connections.mjs"])(
  "%s says which flags it takes, and measures nothing for it",
  async (script) => {
    for (const flag of ["--help", "-h"]) {
      const { code, stdout, stderr } = await bench(script, flag);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("--help");
    }
  },
);

test.each([
  ["run.mjs", ["--secnds", "1"], /^bench: Unknown option '--secnds'\n\nmake bench/],
  ["run.mjs", ["quick"], /^bench: Unexpected argument 'quick'\n\nmake bench/],
  ["run.mjs", ["--only"], /^bench: Option '--only <value>' argument missing\n/],
  ["run.mjs", ["--only", "nothing"], /^bench: no row has "nothing" in its name\n$/],
  ["run.mjs", ["--rounds", "0"], /^bench: --rounds needs a number above 0, not "0"\n$/],
  ["run.mjs", ["--seconds", "Infinity"], /^bench: --seconds needs a number above 0, not "Infinity"\n$/],
  ["connections.mjs", ["--connections", "many"], /^bench: --connections needs a number above 0, not "many"\n$/],
  ["connections.mjs", ["--stalld"], /^bench: Unknown option '--stalld'\n\nnode bench\/connections\.mjs/],
])("%s %j ends with 2 and in words", async (script, args, words) => {
  const { code, stdout, stderr } = await bench(script, ...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain("    at ");
});
