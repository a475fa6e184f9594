/** `aclog policy check`: every mistake in a policy's files, with and without a server. */
import type { Command } from "commander";
import type { PolicyReport } from "../authz/index.js";
import { formatFinding } from "../errors.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { print } from "./output.js";
import { addLiveOptions, inFolder, isLive, notFolder, readPolicyFiles } from "./policy-live.js";

type CheckFlags = ConnectionFlags & { readonly strict?: true; readonly json?: true };

export function addCheck(policy: Command): void {
  const command = policy
    .command("check")
    .summary("print every mistake in a policy's files")
    .description("Print every mistake in a policy's files, one on each line. Exits with 1 if there is one.")
    .argument("[DIR]", "the folder of model.conf, policy.csv, tenants.yaml and matrix.csv", "policy")
    .option("--strict", "exit with 1 for warnings too")
    .option("--json", "print one object");
  addLiveOptions(command).addHelpText("after", "\nExample:\n  aclog policy check ./policy").action(check);
}

async function check(directory: string, flags: CheckFlags): Promise<void> {
  if (!isLive(flags)) {
    const { checkPolicy } = await import("../authz/index.js");
    const [report, wrongPlace] = [await checkPolicy(directory), await notFolder(directory)];
    await tell(directory, wrongPlace === undefined ? report : { ...report, findings: [wrongPlace] }, flags);
    return;
  }
  const files = await readPolicyFiles(directory);
  await withClient(flags, async (client) => {
    const report = await client.policy.validate(files);
    const [findings, warnings] = [inFolder(directory, report.findings), inFolder(directory, report.warnings)];
    await tell(directory, { ...report, findings, warnings }, flags);
  });
}

async function tell(directory: string, report: PolicyReport, { strict, json }: CheckFlags): Promise<void> {
  const { version, model, findings, warnings, counts } = report;
  const isRefused = findings.length > 0 || (strict === true && warnings.length > 0);
  if (isRefused) process.exitCode = 1;
  if (json) {
    await print(`${JSON.stringify({ ok: !isRefused, version, model, findings, warnings, counts })}\n`);
    return;
  }
  const lines = [
    ...findings.map(formatFinding),
    ...warnings.map((warning) => `${formatFinding(warning)} (warning)`),
    findings.length === 0
      ? `${directory} is valid: ${contents(counts)}; version ${version}${inWords[model]}`
      : mistakes(findings.length),
  ];
  await print(lines.map((line) => `${line}\n`).join(""));
}

const inWords = {
  tenants: "",
  simple:
    "\nIts model is the simple one (subject, topic, action): a name is that principal of each tenant, and reaches topics of its " +
    "own tenant alone",
} as const;

function contents({ tenants, rules, assignments, matrixRows }: PolicyReport["counts"]): string {
  return `${tenants} tenants, ${rules} rules, ${assignments} assignments, ${matrixRows} rows in the matrix`;
}

function mistakes(count: number): string {
  return count === 1 ? "1 mistake" : `${count} mistakes`;
}
