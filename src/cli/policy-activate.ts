/** `aclog policy activate|rollback`: bringing another policy into force on a server, once it has been seen what it changes. */
import { Argument, type Command, Option } from "commander";
import type { Client, DiffPolicyOptions, PolicyVersionInfo } from "../client/index.js";
import { type Finding, formatFinding } from "../errors.js";
import type { PolicyDiff } from "../review/index.js";
import { confirm } from "./confirm.js";
import { addConnectionOptions, type ConnectionFlags, withClient } from "./connection.js";
import { print } from "./output.js";
import { mistakes } from "./policy-check.js";
import { addFolder, folderOf, type FolderFlags } from "./policy-flags.js";
import { inFolder, readPolicyFiles } from "./policy-live.js";
import { parseVersion } from "./policy-status.js";

interface ChangeFlags extends ConnectionFlags {
  readonly basedOn?: string;
  readonly overwrite?: boolean;
  /** False: not if access widens. */
  readonly widen: boolean;
  readonly yes?: true;
  readonly json?: true;
}

/** Access would widen, and was not to: as `aclog policy diff` exits. */
const widens = 3;

export function addActivate(policy: Command): void {
  const activate = policy
    .command("activate")
    .summary("bring a policy into force on a server")
    .description(
      "Show who gains and who loses what by the policy in a folder, ask, and bring it into force on a server, in the " +
        "places of the server's own files. When it is done, nothing that it forbids is written or delivered any more.",
    );
  addChangeOptions(addFolder(activate))
    .addHelpText("after", "\nExample:\n  aclog policy activate ./policy --as ops/root")
    .action(activatePolicy);
}

export function addRollback(policy: Command): void {
  const rollback = policy
    .command("rollback")
    .summary("bring a version back into force on a server")
    .description("Show who gains and who loses what by a version that was in force before, ask, and bring it back.")
    .addArgument(new Argument("<VERSION>", "as aclog policy history lists it").argParser(parseVersion));
  addChangeOptions(rollback)
    .addHelpText("after", "\nExample:\n  aclog policy rollback 3f0c9a2b7d1e --as ops/root")
    .action(rollBack);
}

function addChangeOptions(command: Command): Command {
  command
    .addOption(
      new Option(
        "--based-on <VERSION>",
        "the version that the change was made from: refused if another is in force (default: the one in force)",
      ).argParser(parseVersion),
    )
    .option("--overwrite", "also where somebody is editing the server's files: that work is lost")
    .option("--no-widen", `exit with ${widens}, and change nothing, if anybody gains anything`)
    .option("--yes", "do not ask")
    .option("--json", "print one object: whether it was changed and the version, and not what it changes");
  return addConnectionOptions(command);
}

async function activatePolicy(named: string | undefined, flags: ChangeFlags & FolderFlags): Promise<void> {
  const directory = folderOf(named, flags);
  const files = await readPolicyFiles(directory);
  await withClient(flags, async (client) => {
    const { version, findings } = await client.policy.validate(files);
    if (findings.length > 0) await refuse(client, directory, inFolder(directory, findings), flags);
    else await change(client, flags, { files }, version, (options) => client.policy.activate(files, options));
  });
}

/** What cannot come into force is no failure of the call, so that it is printed as `aclog policy check` prints it. */
async function refuse(
  client: Client,
  directory: string,
  findings: readonly Finding[],
  { json }: ChangeFlags,
): Promise<void> {
  process.exitCode = 1;
  const inForce = (await client.policy.status()).active.version;
  if (json) {
    await print(`${JSON.stringify({ ok: false, changed: false, inForce, findings })}\n`);
    return;
  }
  process.stderr.write(
    `aclog: the policy in ${directory} has ${await mistakes(findings)}; version ${inForce} stays in force\n`,
  );
  await print(findings.map((finding) => `${formatFinding(finding)}\n`).join(""));
}

async function rollBack(version: string, flags: ChangeFlags): Promise<void> {
  await withClient(flags, async (client) => {
    await change(client, flags, { newVersion: version }, version, (options) =>
      client.policy.rollback(version, options),
    );
  });
}

/** Shows the effect, asks, and does it if nothing else came into force meanwhile. */
async function change(
  client: Client,
  { basedOn, overwrite = false, widen, yes, json }: ChangeFlags,
  to: DiffPolicyOptions,
  version: string,
  apply: (options: { readonly basedOn: string; readonly overwrite: boolean }) => Promise<PolicyVersionInfo>,
): Promise<void> {
  const { diffAsText } = await import("../review/index.js");
  const before = basedOn ?? (await client.policy.status()).active.version;
  const diff = (await client.policy.diff({ oldVersion: before, ...to })) as PolicyDiff;
  if (!json) await print(diffAsText(diff));
  if (diff.widens && !widen) {
    process.exitCode = widens;
    if (json) await print(`${JSON.stringify({ ok: false, changed: false, inForce: before, widens: true, version })}\n`);
    else process.stderr.write("aclog: access widens, and --no-widen was given: nothing was changed\n");
    return;
  }
  if (!yes) await confirm(`This brings version ${version} into force in place of ${before}.`, "y");
  const active = await apply({ basedOn: before, overwrite });
  const changed = active.version !== before;
  const done = `version ${active.version} is in force${changed ? "" : ", as before"}`;
  await print(`${json ? JSON.stringify({ ok: true, changed, ...active }) : done}\n`);
}
