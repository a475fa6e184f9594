/** `aclog policy status|history|fetch`: what a server decides by, what it decided by before, and its files. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Argument, type Command, InvalidArgumentError } from "commander";
import type { PolicyStatusInfo, PolicyVersionInfo } from "../client/index.js";
import { formatFinding, OperatorError } from "../errors.js";
import { parsePath } from "./arguments.js";
import { addConnectionOptions, type ConnectionFlags, withClient } from "./connection.js";
import { print } from "./output.js";
import { isVersion } from "./policy-live.js";
import { list, table, type Column } from "./table.js";
import { roughAge } from "./units.js";
import { whyUnwritable } from "./unwritable.js";

interface Flags extends ConnectionFlags {
  readonly json?: true;
}

export function addStatus(policy: Command): void {
  const status = policy
    .command("status")
    .summary("show which policy a server decides by")
    .description(
      "Show which version of the policy is in force on a server, who brought it there, and what is wrong with the " +
        "server's files if they say something else. Exits with 1 in that case.",
    )
    .option("--json", "print one object");
  addConnectionOptions(status)
    .addHelpText("after", "\nExample:\n  aclog policy status --as ops/root")
    .action(showStatus);
}

export function addHistory(policy: Command): void {
  const history = policy
    .command("history")
    .summary("list the policies that a server decided by")
    .description("List the versions of the policy that were in force on a server, the newest first.")
    .option("--json", "print one object for each version");
  addConnectionOptions(history)
    .addHelpText("after", "\nExample:\n  aclog policy history --as ops/root")
    .action(showHistory);
}

export function addFetch(policy: Command): void {
  const fetch = policy
    .command("fetch")
    .summary("write the policy of a server to a folder")
    .description("Write the files of the policy that is in force on a server to a folder, to be edited there.")
    .addArgument(new Argument("<DIR>", "the folder; files that are there are not replaced").argParser(parsePath))
    .addArgument(
      new Argument("[VERSION]", "another version than the one in force, as history lists it").argParser(parseVersion),
    );
  addConnectionOptions(fetch)
    .addHelpText("after", "\nExample:\n  aclog policy fetch ./policy-in-force --as ops/root")
    .action(fetchFiles);
}

/** @throws InvalidArgumentError unless it could be a version */
export function parseVersion(text: string): string {
  if (isVersion(text)) return text;
  throw new InvalidArgumentError("A version is 12 hexadecimal digits, as aclog policy history lists them.");
}

async function showStatus(flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const status = await client.policy.status();
    if (status.refused.length > 0) process.exitCode = 1;
    if (flags.json) {
      await print(`${JSON.stringify(status)}\n`);
      return;
    }
    await print(await list(details(status)));
    const findings = status.refused.map((finding) => `${formatFinding(finding)}\n`).join("");
    const mayBeMeant = status.refused.some(({ problem }) => problem.includes("may have been cut short"));
    const advice = mayBeMeant ? "If it is meant so: aclog policy activate DIR\n" : "";
    if (findings !== "") await print(`The server's files are not what is in force:\n${findings}${advice}`);
  });
}

function details({ active, filesVersion, refusedMs }: PolicyStatusInfo): Readonly<Record<string, string>> {
  const { version, activatedMs, author, how, basedOn } = active;
  return {
    version,
    activated: `${new Date(activatedMs).toISOString()} (${roughAge(activatedMs)})`,
    by: how === "files" ? "the files that changed" : `${author} (${how})`,
    before: basedOn ?? "none",
    files: filesVersion === version ? "as in force" : `version ${filesVersion}, which is not in force`,
    ...(refusedMs !== undefined && { refused: `${new Date(refusedMs).toISOString()} (${roughAge(refusedMs)})` }),
  };
}

async function showHistory(flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const { versions, truncated } = await client.policy.history({ pageSize: 1000 });
    if (flags.json) {
      await print(versions.map((version) => `${JSON.stringify(version)}\n`).join(""));
      return;
    }
    await print(await table(columns, versions, "no version"));
    if (truncated) await print("There are older ones.\n");
  });
}

const columns: readonly Column<PolicyVersionInfo>[] = [
  { head: "version", cell: ({ version }) => version },
  { head: "activated", cell: ({ activatedMs }) => new Date(activatedMs).toISOString() },
  { head: "by", cell: ({ author }) => author },
  { head: "how", cell: ({ how }) => how },
  { head: "before", cell: ({ basedOn }) => basedOn ?? "" },
];

async function fetchFiles(directory: string, wanted: string | undefined, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const { version, files } = await client.policy.files({ version: wanted });
    await mkdir(directory, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const path = join(directory, name);
      await writeFile(path, content, { flag: "wx" }).catch((error: unknown) => {
        const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
        throw new OperatorError(
          isThere
            ? `${directory} has a ${name} already: name another folder, or remove it`
            : `cannot write ${path}: ${whyUnwritable(error)}`,
        );
      });
    }
    await print(`${directory} has version ${version}\n`);
  });
}
