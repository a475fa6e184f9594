/**
 * Completion scripts. Each walks the words before the cursor down the tree of commands, skipping the values of flags,
 * and offers what can come next. While somebody completes, nothing is started, and nothing that was typed is evaluated.
 */

/** What can stand in a place; of `unknown` text nothing can be offered. */
export type Values = readonly string[] | "files" | "directories" | "unknown";

export interface CompletedFlag {
  /** With its dashes. */
  readonly name: string;
  readonly help: string;
  /** Undefined for a flag that stands alone. */
  readonly values: Values | undefined;
}

export interface CompletedCommand {
  /** The words that lead to it, each with a space before it: ` topics list`; nothing for the program itself. */
  readonly place: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly flags: readonly CompletedFlag[];
  /** Undefined for a command without an argument. */
  readonly argument: Values | undefined;
}

/** For bash from 4. */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const offerValues = (values: Values) => {
    if (values === "files") return "compopt -o default 2>/dev/null";
    if (values === "directories") return "compopt -o dirnames 2>/dev/null";
    return `offered=${quoted(wordsOf(values).join(" "))}`;
  };
  const offer = ({ commands: below, flags, argument }: CompletedCommand) => {
    const words = [...below, ...flags].map(({ name }) => name);
    const offered = `offered=${quoted([...words, ...wordsOf(argument)].join(" "))}`;
    // Bash turns to its files only where nothing else is offered.
    const isPath = argument === "files" || argument === "directories";
    return isPath ? `if [[ $current == -* ]]; then ${offered}; else ${offerValues(argument)}; fi` : offered;
  };
  return `# aclog completion for bash: source it, or put it where bash-completion looks.
_aclog() {
  local current=\${COMP_WORDS[COMP_CWORD]} at='' flag='' offered='' word i
  # Bash makes the = of --flag=value a word of its own.
  [[ $current == '=' ]] && current=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == '=' ]] && continue
    if [[ -n $flag ]]; then flag=''; continue; fi
    case "$at $word" in
${caseOfSteps(commands)}
    esac
  done
  case "$at|$flag" in
${cases(commands, offer, offerValues)}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -F _aclog aclog
`;
}

/** For zsh from 5. It works sourced, and under the name _aclog from a folder of fpath. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const offerValues = (values: Values) => {
    if (values === "files") return "_files";
    if (values === "directories") return "_files -/";
    return values === "unknown" ? ":" : `compadd -- ${values.map(quoted).join(" ")}`;
  };
  const described = (name: string, help: string) => quoted(`${name}:${help}`);
  const offer = ({ commands: below, flags, argument }: CompletedCommand) => {
    const words = below.map(({ name, summary }) => described(name, summary));
    const flagWords = flags.map(({ name, help }) => described(name, help));
    return [
      `offered=(${flagWords.join(" ")}); [[ $current == -* ]] && _describe -o flag offered`,
      ...(words.length === 0 ? [] : [`offered=(${words.join(" ")}); _describe command offered`]),
      ...(argument === undefined ? [] : [offerValues(argument)]),
    ].join("; ");
  };
  return `#compdef aclog
# aclog completion for zsh: source it behind compinit, or put it as _aclog into a folder of fpath.
_aclog() {
  local current=\${words[CURRENT]} at='' flag='' word i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $flag ]]; then flag=''; continue; fi
    case "$at $word" in
${caseOfSteps(commands)}
    esac
  done
  if [[ -z $flag && $current == --*=* ]]; then
    flag="$at \${current%%=*}"
    compset -P '*='
  fi
  case "$at|$flag" in
${cases(commands, offer, offerValues)}
  esac
}
if [[ \${funcstack[1]} == _aclog ]]; then _aclog "$@"; else compdef _aclog aclog; fi
`;
}

/** For fish from 3. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const kindOf = (values: Values | undefined) => {
    if (values === undefined) return "";
    if (values === "files") return " -rF";
    if (values === "directories") return " -xa '(__fish_complete_directories)'";
    return values === "unknown" ? " -x" : ` -xa ${quoted(values.join(" "))}`;
  };
  const rulesOf = ({ place, commands: below, flags, argument }: CompletedCommand) => {
    const rule = `complete -c aclog -n ${quoted(`__aclog_at ${quoted(place)}`)}`;
    return [
      ...below.map(({ name, summary }) => `${rule} -a ${name} -d ${quoted(summary)}`),
      ...flags.map(({ name, help, values }) => `${rule} -l ${name.slice(2)}${kindOf(values)} -d ${quoted(help)}`),
      ...(argument === undefined || argument === "unknown" ? [] : [`${rule}${kindOf(argument).replace("x", "")}`]),
    ];
  };
  const { entered, valued } = steps(commands);
  const enter = entered.map((place) => `      case ${quoted(place)}\n        set at ${quoted(place)}`).join("\n");
  return `# aclog completion for fish: put it into ~/.config/fish/completions/aclog.fish.
function __aclog_at
  set -l at ''
  set -l is_value no
  for word in (commandline -opc)[2..-1]
    if test $is_value = yes
      set is_value no
      continue
    end
    switch "$at $word"
${enter}
      case ${valued.map(([place]) => quoted(place)).join(" ")}
        set is_value yes
    end
  end
  test "$at" = "$argv[1]"
end
complete -c aclog -f
${commands.flatMap(rulesOf).join("\n")}
`;
}

/** Where a word leads: down to a command, or to the value of a flag. */
function steps(commands: readonly CompletedCommand[]): {
  readonly entered: readonly string[];
  readonly valued: readonly (readonly [place: string, values: Values])[];
} {
  return {
    entered: commands.map(({ place }) => place).filter((place) => place !== ""),
    valued: commands.flatMap(({ place, flags }) =>
      flags.flatMap(({ name, values }) => (values === undefined ? [] : [[`${place} ${name}`, values] as const])),
    ),
  };
}

/** The branches of a step down the tree, for bash and zsh. */
function caseOfSteps(commands: readonly CompletedCommand[]): string {
  const { entered, valued } = steps(commands);
  return (
    `      ${entered.map(quoted).join(" | ")}) at="$at $word" ;;\n` +
    `      ${valued.map(([place]) => quoted(place)).join(" | ")}) flag="$at $word" ;;`
  );
}

/** The branches that offer what can stand at the cursor, for bash and zsh. */
function cases(
  commands: readonly CompletedCommand[],
  offer: (command: CompletedCommand) => string,
  offerValues: (values: Values) => string,
): string {
  const ofCommands = commands.map((command) => `    ${quoted(`${command.place}|`)}) ${offer(command)} ;;`);
  const ofFlags = steps(commands).valued.map(
    ([place, values]) => `    *${quoted(`|${place}`)}) ${offerValues(values)} ;;`,
  );
  return [...ofCommands, ...ofFlags].join("\n");
}

function wordsOf(values: Values | undefined): readonly string[] {
  return values === undefined || typeof values === "string" ? [] : values;
}

/** One word for any of the shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
