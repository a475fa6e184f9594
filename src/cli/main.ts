/** The command line: which commands there are, and how every one of them ends. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addBackup } from "./backup.js";
import { addCerts } from "./certs.js";
import { addCompletion } from "./completion.js";
import { addConnections } from "./connections.js";
import { addConsume } from "./consume.js";
import { OperatorError } from "../errors.js";
import { inWords, reportFailure } from "./failure.js";
import { refuseRepeated } from "./given-once.js";
import { addHelp } from "./help.js";
import { addIdentity } from "./identity.js";
import { addImport } from "./import.js";
import { addOffsets } from "./offsets.js";
import { addLog } from "./log.js";
import { addMatrix } from "./matrix.js";
import { watchOutput } from "./output.js";
import { addPolicy } from "./policy.js";
import { addProduce } from "./produce.js";
import { addServe } from "./serve.js";
import { addTopics } from "./topics.js";
import { whyUnwritable } from "./unwritable.js";

const commands = [
  addServe,
  addProduce,
  addConsume,
  addImport,
  addTopics,
  addOffsets,
  addConnections,
  addCerts,
  addIdentity,
  addPolicy,
  addMatrix,
  addLog,
  addBackup,
  addCompletion,
] as const;

/**
 * Runs one command; `argv` is as in `process.argv`. The process exits, once everything is written, with 0 for success, 1 for
 * refused or failed, 2 for wrong use. Rejects only where a module cannot be opened, of which whoever loads this one tells.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes("--json");
  watchOutput((error) => {
    process.exitCode = reportFailure(new OperatorError(`cannot write to stdout: ${whyUnwritable(error)}`), json);
  });
  try {
    await program(json).parseAsync(argv);
  } catch (error) {
    if (isUnloaded(error)) throw error;
    const code = reportFailure(error, json);
    // A failure to write may have been reported already.
    process.exitCode ||= code;
  }
}

/** Node opens some hundred files at a time while it loads. */
function isUnloaded(error: unknown): boolean {
  const { code, path } = error as NodeJS.ErrnoException;
  return (code === "EMFILE" || code === "ENFILE") && path !== undefined && /\.[cm]?js$/.test(path);
}

function program(json: boolean): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const aclog = new Command("aclog")
    .description("A commit log that many tenants can share without trusting each other.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("Add --help for what there is.")
    .addHelpText(
      "after",
      "\nExample:\n  aclog produce --as acme/billing --topic orders --value 'hello'\n\n" +
        "Exit code: 0 success, 1 refused or failed, 2 wrong use.",
    );
  // With --json, stderr is one object; reportFailure writes it.
  if (json) aclog.configureOutput({ writeErr: () => undefined });
  // What commander refuses begins like every other failure.
  aclog.configureOutput({ outputError: (text, write) => write(`aclog: ${inWords(text)}`) });
  for (const add of commands) add(aclog);
  for (const each of [aclog, ...aclog.commands]) if (each.commands.length > 0) addHelp(each);
  refuseRepeated(aclog);
  return aclog;
}
