/** The command line: which commands there are, and how every one of them ends. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addCompletion } from "./completion.js";
import { OperatorError } from "../errors.js";
import { inWords, reportFailure } from "./failure.js";
import { refuseRepeated } from "./given-once.js";
import { addHelp } from "./help.js";
import { watchOutput } from "./output.js";
import { whyUnwritable } from "./unwritable.js";

type Add = (program: Command) => void;

const addBackup = (): Promise<Add> => import("./backup.js").then((module) => module.addBackup);

/** In the order of the help. Loading all of them takes longer than most commands do. */
const commands = new Map<string | undefined, () => Promise<Add>>([
  ["serve", () => import("./serve.js").then((module) => module.addServe)],
  ["produce", () => import("./produce.js").then((module) => module.addProduce)],
  ["consume", () => import("./consume.js").then((module) => module.addConsume)],
  ["import", () => import("./import.js").then((module) => module.addImport)],
  ["topics", () => import("./topics.js").then((module) => module.addTopics)],
  ["offsets", () => import("./offsets.js").then((module) => module.addOffsets)],
  ["connections", () => import("./connections.js").then((module) => module.addConnections)],
  ["certs", () => import("./certs.js").then((module) => module.addCerts)],
  ["identity", () => import("./identity.js").then((module) => module.addIdentity)],
  ["policy", () => import("./policy.js").then((module) => module.addPolicy)],
  ["matrix", () => import("./matrix.js").then((module) => module.addMatrix)],
  ["log", () => import("./log.js").then((module) => module.addLog)],
  ["backup", addBackup],
  ["restore", addBackup],
]);

/** What adds the command that is named first; everything where none is, as for help, completion and a name that is mistyped. */
async function addersFor(name: string | undefined): Promise<Iterable<Add>> {
  const load = commands.get(name);
  if (load !== undefined) return [await load()];
  return new Set([...(await Promise.all([...commands.values()].map((each) => each()))), addCompletion]);
}

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
    await program(json, await addersFor(argv[2])).parseAsync(argv);
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

function program(json: boolean, adders: Iterable<Add>): Command {
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
  for (const add of adders) add(aclog);
  for (const each of [aclog, ...aclog.commands]) if (each.commands.length > 0) addHelp(each);
  refuseRepeated(aclog);
  return aclog;
}
