/** `aclog policy fmt`: brings a policy's files of rows into their usual form. */
import type { Command } from "commander";
import { print } from "./output.js";
import { addFolder, folderOf, type FolderFlags } from "./policy-flags.js";
import { counted } from "./units.js";

interface FmtFlags extends FolderFlags {
  readonly check?: true;
  readonly json?: true;
}

export function addFmt(policy: Command): void {
  const formatting = policy
    .command("fmt")
    .summary("align the columns of policy.csv and matrix.csv")
    .description(
      "Bring policy.csv and matrix.csv into their usual form: columns below each other between two blank lines, one space " +
        "behind each comma. Comments, blank lines, the order of lines and what each of them means stay. A policy with mistakes is " +
        "left alone.",
    );
  addFolder(formatting)
    .option("--check", "write nothing, print what would change, and exit with 1 if anything would")
    .option("--json", "print one object")
    .addHelpText("after", "\nExamples:\n  aclog policy fmt\n  aclog policy fmt ./policy --check")
    .action(format);
}

async function format(named: string | undefined, flags: FmtFlags): Promise<void> {
  const { check, json } = flags;
  const directory = folderOf(named, flags);
  const { formatPolicy, replaceFile } = await import("../authoring/index.js");
  const changes = await formatPolicy(directory);
  if (check) {
    if (changes.length > 0) process.exitCode = 1;
  } else {
    for (const change of changes) await replaceFile(change);
  }
  const files = changes.map(({ path, diff }) => ({ path, diff }));
  if (json) {
    await print(`${JSON.stringify({ ok: !check || changes.length === 0, written: !check, files })}\n`);
  } else if (check) {
    await print(files.map(({ diff }) => diff).join(""));
  } else {
    await print(
      files.length === 0
        ? `${directory}: nothing to do\n`
        : `${counted(files.length, "file")} written: ${files.map(({ path }) => path).join(", ")}\n`,
    );
  }
}
