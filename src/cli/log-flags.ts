/** What the commands under `log` have in common. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { isSystemName, isTopicName, nameRules } from "../names.js";
import { parsePath, parseTenant } from "./arguments.js";
import { Progress } from "./progress.js";
import type { OnProgress } from "../repair/index.js";

export interface LogFlags {
  readonly data: string;
  readonly json?: true;
}

export interface TopicFlags extends LogFlags {
  readonly tenant?: string;
  readonly topic?: string;
}

/** A command below `parent` that works on a data directory; its action is still to be set. */
export function addLogCommand(
  parent: Command,
  name: string,
  explained: {
    readonly summary: string;
    readonly description: string;
    readonly json: string;
    readonly examples: readonly string[];
    readonly options?: readonly Option[];
  },
): Command {
  const { summary, description, json, examples, options = [] } = explained;
  const command = parent.command(name).summary(summary).description(description);
  command.option(
    "--data <DIR>",
    "where the server stores (ACLOG_DATA)",
    parsePath,
    process.env["ACLOG_DATA"] || "./data",
  );
  for (const option of options) command.addOption(option);
  const lines = examples.map((example) => `  ${example}\n`).join("");
  return command
    .option("--json", json)
    .addHelpText("after", `\nExample${examples.length > 1 ? "s" : ""}:\n${lines.trimEnd()}`);
}

/** Give `topic` and `tenant`. */
export function topicOptions(what: string): Option[] {
  return [
    new Option("--topic <TOPIC>", `${what}, by name or by id`).argParser(parseNameOrId),
    new Option("--tenant <TENANT>", "only topics of this one").argParser(parseTenant),
  ];
}

/** Shows on a terminal how far `work` is. */
export async function withProgress<T>(work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  using progress = await Progress.start();
  return await work(({ records, bytes }, ofBytes) => {
    const fraction = ofBytes === undefined || ofBytes === 0 ? undefined : Math.min(1, bytes / ofBytes);
    progress.update({ records, bytes, fraction });
  });
}

function parseNameOrId(text: string): string {
  if (isTopicName(text) || isSystemName(text)) return text;
  throw new InvalidArgumentError(`A topic's name is ${nameRules.topic}.`);
}
