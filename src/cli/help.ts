/** `aclog help`, and the same below each command that has others: commander's own says nothing of a name that is none. */
import type { Command } from "commander";
import { didYouMean } from "../suggest.js";

/** After every other command of `parent` is there. */
export function addHelp(parent: Command): void {
  const commands = [...parent.commands];
  const refuse = (name: string) => {
    const names = commands.map((each) => each.name());
    return parent.error(`error: unknown command '${name}'${didYouMean(name, names)}`);
  };
  // With --help behind a name that is none, commander explains the command above it, as if that had been asked for.
  parent.on("beforeHelp", () => {
    const [name] = parent.args;
    const isKnown = parent.commands.some((each) => each.name() === name);
    if (name !== undefined && !name.startsWith("-") && !isKnown) refuse(name);
  });
  parent
    .helpCommand(false)
    .command("help")
    .description("explain a command")
    .argument("[command]")
    .action((name?: string) => {
      if (name === undefined) return parent.help();
      const named = commands.find((each) => each.name() === name);
      if (named !== undefined) return named.help();
      return refuse(name);
    });
}
