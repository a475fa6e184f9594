/** `aclog completion`: a script that lets a shell complete commands, flags and their values. */
import { Argument, type Command, type Option } from "commander";
import { bashScript, fishScript, zshScript, type CompletedCommand, type CompletedFlag, type Values } from "./shells.js";
import { print } from "./output.js";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .summary("print a script for completion in a shell")
    .description("Print a script that lets a shell complete the commands and flags of aclog.")
    .addArgument(new Argument("<SHELL>", "which one").choices(Object.keys(scripts)))
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  aclog completion bash > ~/.local/share/bash-completion/completions/aclog\n" +
        "  source <(aclog completion bash)\n" +
        "  aclog completion zsh > ~/.zfunc/_aclog       # with fpath+=(~/.zfunc) before compinit in ~/.zshrc\n" +
        "  aclog completion fish > ~/.config/fish/completions/aclog.fish",
    )
    .action((shell: keyof typeof scripts) => print(scripts[shell](commandsOf(program, "", []))));
}

/**
 * The command and all below it.
 * @param siblings the commands beside it
 */
function commandsOf(command: Command, place: string, siblings: readonly string[]): CompletedCommand[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const names = below.map((each) => each.name());
  const [argument] = command.registeredArguments;
  // Commander gives its own help command no choices.
  const choices = command.name() === "help" ? siblings : argument?.argChoices;
  return [
    {
      place,
      commands: below.map((each) => ({ name: each.name(), summary: each.summary() || each.description() })),
      flags: help.visibleOptions(command).flatMap(flagOf),
      argument: argument === undefined ? undefined : valuesOf(argument.name(), choices),
    },
    ...below.flatMap((each) => commandsOf(each, `${place} ${each.name()}`, names)),
  ];
}

function flagOf(option: Option): CompletedFlag[] {
  if (option.long === undefined) return [];
  const placeholder = /<(.*)>/.exec(option.flags)?.[1];
  const values = placeholder === undefined ? undefined : valuesOf(placeholder, option.argChoices);
  return [{ name: option.long, help: option.description, values }];
}

/** The placeholders of the help say which values are files. */
function valuesOf(placeholder: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return choices;
  if (placeholder === "FILE") return "files";
  return placeholder === "DIR" ? "directories" : "unknown";
}
