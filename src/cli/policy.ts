/** `aclog policy`: work on a policy's files; and of it `check`, every mistake in them, without a server. */
import type { Command } from "commander";
import type { PolicyReport } from "../authz/index.js";
import { formatFinding } from "../errors.js";
import { print } from "./output.js";
import { addGrant, addRevoke } from "./policy-edit.js";
import { addFmt } from "./policy-fmt.js";
import { addPolicyDiff } from "./policy-diff.js";
import { addPolicyTest } from "./policy-test.js";
import { addActivate, addRollback } from "./policy-activate.js";
import { addLiveOptions, isLive, readPolicyFiles } from "./policy-live.js";
import { addFetch, addHistory, addStatus } from "./policy-status.js";
import { type ConnectionFlags, withClient } from "./connection.js";
import { addWhat } from "./policy-what.js";
import { addWho } from "./policy-who.js";
import { addWhy } from "./policy-why.js";

export function addPolicy(program: Command): void {
  const policy = program.command("policy").summary("work on a policy's files").description("Work on a policy's files.");
  const checking = policy
    .command("check")
    .summary("print every mistake in a policy's files")
    .description("Print every mistake in a policy's files, one on each line. Exits with 1 if there is one.")
    .argument("[DIR]", "the folder of model.conf, policy.csv, tenants.yaml and matrix.csv", "policy")
    .option("--strict", "exit with 1 for warnings too")
    .option("--json", "print one object")
    .addHelpText("after", "\nExample:\n  aclog policy check ./policy")
    .action(check);
  addFmt(policy);
  addGrant(policy);
  addRevoke(policy);
  addPolicyTest(policy);
  addPolicyDiff(policy);
  addWhy(policy);
  addWho(policy);
  addWhat(policy);
}

async function check(
  directory: string,
  { json, strict }: { readonly json?: true; readonly strict?: true },
): Promise<void> {
  const { checkPolicy } = await import("../authz/index.js");
  const { version, model, findings, warnings, counts } = await checkPolicy(directory);
  const isRefused = findings.length > 0 || (strict === true && warnings.length > 0);
  if (isRefused) process.exitCode = 1;
    .option("--json", "print one object");
  addLiveOptions(checking).addHelpText("after", "\nExample:\n  aclog policy check ./policy").action(check);
  addStatus(policy);
  addHistory(policy);
  addFetch(policy);
  addActivate(policy);
  addRollback(policy);
async function check(directory: string, flags: ConnectionFlags & { readonly json?: true }): Promise<void> {
  if (!isLive(flags)) {
    const { checkPolicy } = await import("../authz/index.js");
    await tell(directory, await checkPolicy(directory), flags.json);
    return;
  }
  const files = await readPolicyFiles(directory);
  await withClient(flags, async (client) => tell(directory, await client.policy.validate(files), flags.json));
type Checked = Pick<PolicyReport, "version" | "findings" | "warnings" | "counts">;
async function tell(directory: string, checked: Checked, json: true | undefined): Promise<void> {
  const { version, findings, warnings, counts } = checked;
  if (findings.length > 0) process.exitCode = 1;
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
