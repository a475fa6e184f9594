/** `aclog serve`: runs the server until it is told to stop. */
import { resolve, sep } from "node:path";
import type { Command } from "commander";
import type { Logger } from "pino";
import type { Config, ConfigFlags } from "../config/index.js";
import { configVariable, settingNames, settings, variableOf, type Setting } from "../config/settings.js";
import { OperatorError } from "../errors.js";
import type { RunningNode } from "../node/index.js";
import { nextSteps } from "./next-steps.js";
import { tell } from "./output.js";
import { checkReadyFile, removeReadyFile, writeReadyFile } from "./ready-file.js";
import { whyUnwritable } from "./unwritable.js";

export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .summary("run the server")
    .description(
      "Run the server. Each setting is a flag, a variable (ACLOG_…) or a key of the YAML file; the flag counts most. " +
        "A policy, certificate or revocation list that changes is read by itself, and at once on SIGHUP; SIGTERM finishes what is under way and stops.",
    )
    .option("--config <FILE>", `YAML with any of the settings below (${configVariable})`);
  for (const name of settingNames) {
    const { placeholder, help, default: fallback }: Setting = settings[name];
    const flag = placeholder === undefined ? `--${name}` : `--${name} <${placeholder}>`;
    // The default is only told: a default that commander filled in would look like a flag and override the file.
    command.option(flag, `${help} (${variableOf(name)}${fallback === undefined ? "" : `; default ${fallback}`})`);
  }
  command
    .option("--json", "print one object instead of words, and log JSON also to a terminal")
    .addHelpText("after", "\nExample:\n  aclog serve --listen 127.0.0.1:8400 --data ./data --policy ./policy")
    .action(({ json, ...flags }: Readonly<Record<string, string | true>>) => serve(asWritten(command, flags), json));
}

/** Under the names of the flags themselves, and `true` as the text that the other sources would have. */
function asWritten(command: Command, flags: Readonly<Record<string, string | true>>): ConfigFlags {
  const given = command.options.filter((option) => option.attributeName() in flags);
  return Object.fromEntries(given.map((option) => [option.name(), String(flags[option.attributeName()])]));
}

async function serve(flags: ConfigFlags, json: string | true | undefined): Promise<void> {
  const { loadConfig } = await import("../config/index.js");
  const config = await loadConfig({ flags, env: process.env });
  if (config.readyFile !== undefined) await checkReadyFile(config.readyFile);
  const logger = await openLogger(config.logLevel, process.stderr.isTTY && !json);
  // Also what nobody caught in a promise: whatever state it left behind, going on could acknowledge what is not stored.
  process.on("uncaughtException", (error) => {
    logger.fatal({ err: error }, "a defect ends the server");
    process.exit(1);
  });
  const starting = import("../node/index.js").then(({ startNode }) => startNode(config, logger));
  // Asked while it starts, which may take a while, it reads everything once more when it serves. The outcome, also a
  // refused policy, is in the log: nobody waits for it here.
  process.on("SIGHUP", () => void starting.then((node) => node.reload()).catch(() => undefined));
  const node = await starting.catch((error: unknown) => {
    throw explained(error, config.dataDir);
  });
  obeyStopSignals(node, config.readyFile, logger);
  const { address, adminAddress } = node;
  try {
    if (config.readyFile !== undefined)
      await writeReadyFile(config.readyFile, { address, adminAddress, pid: process.pid });
  } catch (error) {
    await node.drain();
    throw error;
  }
  await announce(config, node, json);
}

/** Of what a data directory should have, and of nothing that somebody has only mistyped. */
const damage =
  /\b(is damaged|is missing|cannot be read|is older than|keep the data directory)\b.*nothing was changed|Nothing was changed: keep/s;

/** What the rooms below say about the data directory, with what to do about it; anything else as it is. */
function explained(error: unknown, dataDir: string): unknown {
  if (error instanceof OperatorError && error.message.endsWith("is in use by another process")) {
    const question = "is another `aclog serve` or `make run` running?";
    return new OperatorError(`${error.message}: ${question}`, error.findings, { cause: error });
  }
  if (error instanceof OperatorError && damage.test(error.message)) {
    const advice = `"aclog log verify --data ${dataDir}" shows all that is wrong, "aclog log repair" what can be saved`;
    return new OperatorError(`${error.message}. ${advice}`, error.findings, { cause: error });
  }
  const path =
    error instanceof Error && "syscall" in error && "path" in error ? resolve(String(error.path)) : undefined;
  const whole = resolve(dataDir);
  if (path === undefined || !(whole === path || path.startsWith(whole + sep) || whole.startsWith(path + sep)))
    return withoutFiles(error);
  const problem = `cannot keep data in ${dataDir}: ${whyUnwritable(error)}; name another folder with --data`;
  return new OperatorError(problem, [], { cause: error });
}

/** Some of what a server consists of is loaded only while it starts. */
function withoutFiles(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && error.code === "EMFILE")) return error;
  const problem = `too many open files (${error.message}): a server needs 256, and one more for each connection`;
  return new OperatorError(`${problem}; raise the limit (ulimit -n 20000) and start again`, [], { cause: error });
}

async function announce(config: Config, { address, adminAddress }: RunningNode, json: unknown): Promise<void> {
  const text = json
    ? `${JSON.stringify({ address, adminAddress, pid: process.pid })}\n`
    : `aclog serves on ${address}, data in ${config.dataDir}, policy in ${config.policyDir}. Ctrl-C stops it.\n` +
      nextSteps(address, adminAddress, process.pid);
  await tell(text);
}

function obeyStopSignals(node: RunningNode, readyFile: string | undefined, logger: Logger): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait for calls under way.
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info({ signal }, "stopping");
    shutDown(node, readyFile).catch((error: unknown) => {
      logger.error({ err: error }, "could not stop cleanly");
      process.exitCode = 1;
    });
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

async function shutDown(node: RunningNode, readyFile: string | undefined): Promise<void> {
  // First of all: from here on new calls are refused.
  if (readyFile !== undefined) await removeReadyFile(readyFile);
  await node.drain();
}

/** Logs to stderr, so that stdout stays what a program can read. Written at once: the last line may be the reason. */
async function openLogger(level: Config["logLevel"], isForPeople: boolean): Promise<Logger> {
  const { destination, pino, stdTimeFunctions } = await import("pino");
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  if (isForPeople) {
    const { PinoPretty } = await import("pino-pretty");
    return pino(options, PinoPretty({ destination: 2, sync: true, singleLine: true, translateTime: "HH:MM:ss.l" }));
  }
  const stderr = destination({ fd: 2, sync: true });
  // A log that cannot be written, as on a full disk, is no reason to stop serving.
  stderr.on("error", () => undefined);
  return pino(options, stderr);
}
