/** What the commands under `topics` and `offsets` have in common. */
import { type Argument, type Command, Option } from "commander";
import { parseTenant } from "./arguments.js";
import { addConnectionOptions, type ConnectionFlags } from "./connection.js";

/** The flags that each of them has. */
export interface ClientFlags extends ConnectionFlags {
  readonly tenant?: string;
  readonly json?: true;
}

interface Explained {
  readonly summary: string;
  /** A few sentences; the summary as one unless given. */
  readonly description?: string;
  readonly argument?: Argument;
  /** Beside those of every command that calls a server. */
  readonly options?: readonly Option[];
  /** What --json prints. */
  readonly json: string;
  readonly examples: readonly string[];
}

/** A command below `parent` that calls a server; its action is still to be set. */
export function addClientCommand(parent: Command, name: string, explained: Explained): Command {
  const { summary, description = sentence(summary), argument, options = [], json, examples } = explained;
  const command = parent.command(name).summary(summary).description(description);
  if (argument !== undefined) command.addArgument(argument);
  for (const option of options) command.addOption(option);
  command.addOption(tenantOption()).option("--json", json);
  const lines = examples.map((example) => `  ${example}\n`).join("");
  return addConnectionOptions(command).addHelpText(
    "after",
    `\nExample${examples.length > 1 ? "s" : ""}:\n${lines.trimEnd()}`,
  );
}

/** Gives `tenant`. */
export function tenantOption(): Option {
  return new Option("--tenant <TENANT>", "whose topic; the caller's own unless given").argParser(parseTenant);
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
