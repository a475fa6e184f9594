/** `aclog policy test`: whether a policy does what its matrix states. */
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname } from "node:path";
import { styleText } from "node:util";
import type { Command } from "commander";
import type { MatrixRow } from "../authz/index.js";
import { OperatorError } from "../errors.js";
import type { Paint, TestReport } from "../review/index.js";
import { parsePath, parseTenant } from "./arguments.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { UsageError } from "./failure.js";
import { print } from "./output.js";
import { addFolder, type FolderFlags, namedFolder } from "./policy-flags.js";
import { addLiveOptions, isLive, narrowerQuestion, readPolicyFiles } from "./policy-live.js";
import { Progress } from "./progress.js";
import { untilStopped } from "./stop-signal.js";
import { whyUnwritable } from "./unwritable.js";

interface TestFlags extends ConnectionFlags, FolderFlags {
  readonly matrix?: string;
  readonly tenant?: string;
  readonly junit?: string;
  readonly json?: true;
}

export function addPolicyTest(policy: Command): void {
  const testing = policy
    .command("test")
    .summary("try what a policy's matrix states")
    .description(
      "Ask a policy everything that its matrix.csv states, without a server, and print a grid of what came out; what is " +
        "not as stated is marked, and listed with the rule to blame. Exits with 1 if anything is not as stated.",
    );
  addFolder(testing, 'default: "policy"; with --address: what is in force')
    .option("--matrix <FILE>", "try what this file states, in place of the policy's own matrix.csv", parsePath)
    .option("--tenant <TENANT>", "only what is stated about topics of this one", parseTenant)
    .option("--junit <FILE>", "write a JUnit report there too, for CI", parsePath)
    .option("--json", "print one object");
  addLiveOptions(testing)
    .addHelpText("after", "\nExamples:\n  aclog policy test ./policy\n  aclog policy test --junit report.xml")
    .action(test);
}

async function test(named: string | undefined, flags: TestFlags): Promise<void> {
  const directory = namedFolder(named, flags);
  const { matrix, tenant, junit, json } = flags;
  const { testAsJunit, testAsText } = await import("../review/index.js");
  const begunAt = performance.now();
  await untilStopped(async (signal) => {
    const report = isLive(flags)
      ? await tryLive(directory, flags, signal)
      : await tryMatrix(directory ?? "policy", { file: matrix, tenant, signal });
    if (!report.ok) process.exitCode = 1;
    if (junit !== undefined) {
      const seconds = (performance.now() - begunAt) / 1000;
      await writeReport(junit, testAsJunit(report, { seconds, madeMs: Date.now(), host: hostname() }));
    }
    await print(json ? `${JSON.stringify(report)}\n` : testAsText(report, paint));
  });
}

async function writeReport(path: string, report: string): Promise<void> {
  await writeFile(path, report).catch((error: unknown) => {
    throw new OperatorError(`cannot write ${path}: ${whyUnwritable(error)}`);
  });
}

async function tryLive(directory: string | undefined, flags: TestFlags, signal: AbortSignal): Promise<TestReport> {
  if (flags.matrix !== undefined) throw new UsageError("--matrix goes without --address");
  const files = directory === undefined ? undefined : await readPolicyFiles(directory);
  let report: unknown;
  await withClient(
    flags,
    async (client) => {
      report = await client.policy.test({ files, tenant: flags.tenant, signal });
    },
    narrowerQuestion,
  );
  return report as TestReport;
}

async function tryMatrix(
  directory: string,
  { file, tenant, signal }: { file: string | undefined; tenant: string | undefined; signal: AbortSignal },
): Promise<TestReport> {
  const { readPolicy, testMatrix } = await import("../review/index.js");
  const policy = await readPolicy(directory);
  const matrix = file === undefined ? undefined : await readMatrixFile(file, new Set(policy.tenants.keys()));
  using progress = await Progress.start("cases");
  return await testMatrix(policy, matrix, {
    tenant,
    ...(file === undefined ? {} : { source: file }),
    signal,
    onProgress: ({ rows, of, cases }) => progress.update({ records: cases, fraction: rows / of }),
  });
}

async function readMatrixFile(path: string, declared: ReadonlySet<string>): Promise<readonly MatrixRow[]> {
  const { parseMatrix, policyFileLimits, readSource } = await import("../authz/index.js");
  const file = await readSource(dirname(path), basename(path), policyFileLimits["matrix.csv"]);
  const matrix = await parseMatrix(file, declared);
  const findings = file.findings.inReadingOrder("errors");
  if (findings.length > 0) throw new OperatorError(`${path} cannot be used`, findings);
  return matrix;
}

const styles = { good: "green", quiet: "dim", bad: ["red", "bold"], head: "bold" } as const;

const paint: Paint = (kind, text) => {
  const isColoured = process.stdout.isTTY && process.stdout.hasColors();
  // styleText takes a list of styles, and its types a mutable one.
  return isColoured ? styleText([...[styles[kind]].flat()], text) : text;
};
