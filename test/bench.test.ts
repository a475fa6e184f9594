import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Report {
  readonly rows: readonly {
    readonly name: string;
    readonly entries: readonly {
      readonly name: string;
      readonly value: { readonly median: number };
      readonly ratio?: { readonly median: number };
      readonly cpu: { readonly median: number };
      readonly durable: string;
      readonly secured: string;
    }[];
    readonly targets: readonly { readonly text: string; readonly value: number; readonly reached: boolean }[];
  }[];
  readonly systems: readonly { readonly name: string; readonly version: string }[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

function bench(script: string, ...args: string[]): Promise<Outcome> {
  return benchWithPath(process.env["PATH"], script, ...args);
}

function benchWithPath(searchPath: string | undefined, script: string, ...args: string[]): Promise<Outcome> {
  const path = join(import.meta.dirname, "..", "bench", script);
  const env = { ...process.env, PATH: searchPath };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test.each(["run.mjs", "connections.mjs", "cold-start.mjs"])(
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
  ["run.mjs", ["--only", "nothing"], /^bench: no row has "nothing" in its name; there are\n  one record at a time.*\n/],
  ["run.mjs", ["--rounds", "0"], /^bench: --rounds needs a number above 0, not "0"\n$/],
  ["run.mjs", ["--seconds", "Infinity"], /^bench: --seconds needs a number above 0, not "Infinity"\n$/],
  ["connections.mjs", ["--connections", "many"], /^bench: --connections needs a number above 0, not "many"\n$/],
  ["cold-start.mjs", ["--topics", "0"], /^bench: --topics needs a number above 0, not "0"\n$/],
  ["cold-start.mjs", ["--only", "nothing"], /^bench: no row has "nothing" in its name\n$/],
  ["connections.mjs", ["--stalld"], /^bench: Unknown option '--stalld'\n\nnode bench\/connections\.mjs/],
])("%s %j ends with 2 and in words", async (script, args, words) => {
  const { code, stdout, stderr } = await bench(script, ...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain("    at ");
});

test("a row in one short run: figures, what they are worth, what is wanted, a plot, and which peers are not there", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aclog-bench-"));
  try {
    const flags = ["--seconds", "0.2", "--rounds", "1", "--json", "--peers", "--plots", directory];
    // Where it finds no program at all.
    const { code, stdout, stderr } = await benchWithPath(
      directory,
      "run.mjs",
      ...flags,
      "--only",
      "unary Produce, 64 in flight, 100",
    );
    expect([code, stderr]).toEqual([0, ""]);
    const { rows, systems, skipped } = JSON.parse(stdout) as Report;
    expect(rows.map(({ name }) => name)).toEqual(["plain unary Produce, 64 in flight, 100 B"]);
    const [ours, bare] = rows[0]!.entries;
    expect([ours!.name, bare!.name]).toEqual(["aclog", "bare grpc-js"]);
    expect(ours).toMatchObject({ durable: "fdatasync", secured: "mTLS, policy" });
    for (const { value, cpu } of [ours!, bare!]) {
      expect(value.median).toBeGreaterThan(0);
      expect(cpu.median).toBeGreaterThan(0);
    }
    expect(bare!.ratio!.median).toBeCloseTo(ours!.value.median / bare!.value.median, 5);
    const value = bare!.ratio!.median;
    expect(rows[0]!.targets).toEqual([{ text: "≥ 0.9 × bare grpc-js", value, reached: value >= 0.9 }]);
    expect(systems.map(({ name }) => name)).toEqual(["aclog", "bare grpc-js"]);
    expect(skipped).toContainEqual({
      name: "Redis always",
      why: "there is no redis-server: apt-get install redis-server redis-tools, or make bench-peers as root",
    });
    expect(await readFile(join(directory, "plain-unary-produce-64-in-flight-100-b.svg"), "utf8")).toMatch(/^<svg /);
  } finally {
    await rm(directory, { recursive: true });
  }
});
