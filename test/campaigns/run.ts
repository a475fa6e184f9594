import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";

/** What a campaign prints with --json. */
interface Report {
  readonly figures: Readonly<Record<"cycles" | "acked" | "found" | "removed" | "read" | "lost" | "altered", number>> & {
    readonly duplicated: number;
    readonly other: number;
    readonly checks: { readonly whole: number; readonly new: number };
  };
  readonly findings: readonly { readonly kind: string; readonly text: string }[];
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the campaigns beside this file. */
export function runCampaign(script: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, script), ...args], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

/** Expects that it went through all its crashes and found everything. */
export function expectAllKept({ code, stdout, stderr }: Outcome, cycles: number): void {
  expect(stderr).toBe("");
  const { figures, findings } = JSON.parse(stdout) as Report;
  expect(findings, stdout).toEqual([]);
  expect(code).toBe(0);
  expect(figures).toMatchObject({ cycles, lost: 0, altered: 0, duplicated: 0, other: 0 });
  expect(figures.acked).toBeGreaterThan(0);
  expect(figures.found + figures.removed).toBe(figures.acked);
  expect(figures.found).toBeGreaterThan(0);
  expect(figures.read).toBeGreaterThanOrEqual(figures.found);
  expect(figures.checks.whole).toBe(1);
}
