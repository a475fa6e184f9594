/** `aclog policy check`: every mistake in a policy's files, with and without a server. */
import type { Command } from "commander";
import type { PolicyReport } from "../authz/index.js";
import { type Finding, formatFinding } from "../errors.js";
import { suspendedInWords } from "../tenant-standing.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { print } from "./output.js";
import { addFolder, folderOf, type FolderFlags } from "./policy-flags.js";
import { addLiveOptions, inFolder, isLive, notFolder, readPolicyFiles } from "./policy-live.js";
import { counted } from "./units.js";

type CheckFlags = ConnectionFlags & FolderFlags & { readonly strict?: true; readonly json?: true };

export function addCheck(policy: Command): void {
  const command = policy
    .command("check")
    .summary("print every mistake in a policy's files")
    .description("Print every mistake in a policy's files, one on each line. Exits with 1 if there is one.");
  addFolder(command).option("--strict", "exit with 1 for warnings too").option("--json", "print one object");
  addLiveOptions(command).addHelpText("after", "\nExample:\n  aclog policy check ./policy").action(check);
}

async function check(named: string | undefined, flags: CheckFlags): Promise<void> {
  const directory = folderOf(named, flags);
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
  const { version, model, findings, warnings, counts, suspended } = report;
  const isRefused = findings.length > 0 || (strict === true && warnings.length > 0);
  if (isRefused) process.exitCode = 1;
  if (json) {
    await print(`${JSON.stringify({ ok: !isRefused, version, model, findings, warnings, counts, suspended })}\n`);
    return;
  }
  const lines = [
    ...findings.map(formatFinding),
    ...warnings.map((warning) => `${formatFinding(warning)} (warning)`),
    findings.length === 0
      ? `${directory} is valid: ${contents(counts)}; version ${version}${inWords[model]}`
      : await mistakes(findings),
    ...(suspended.length === 0 ? [] : [suspendedInWords(suspended)]),
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

/** `3 mistakes`; `more than 50 mistakes` */
export async function mistakes(findings: readonly Finding[]): Promise<string> {
  const { isSurplus } = await import("../authz/index.js");
  const told = findings.filter((finding) => !isSurplus(finding));
  return `${told.length < findings.length ? "more than " : ""}${counted(told.length, "mistake")}`;
}
