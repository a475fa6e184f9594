/** Commands on a terminal of their own, and what a person would see there. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { commandOf, type RunOptions } from "./command.js";

/** util-linux's script(1) makes the terminal. */
export const hasTerminals = spawnSync("script", ["--version"]).status === 0;

export class OnTerminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  #output = "";

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#ended = once(child, "close").then(([code]) => code as number | null);
  }

  /** Runs the command line behind `aclog`, which a shell reads. */
  static start(line: string, options: RunOptions): OnTerminal {
    const { command, env } = commandOf(options);
    const shell = `stty rows 24 cols 100; exec ${command} ${line}`;
    return new OnTerminal(spawn("script", ["-qec", shell, "/dev/null"], { cwd: options.cwd, env }));
  }

  /** Resolves once what the terminal was sent matches. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#output)) await once(this.#child.stdout, "data");
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Everything that the terminal was sent. */
  get sent(): string {
    return this.#output;
  }

  /** The exit code, and what stands on the screen at the end. */
  async ended(): Promise<{ readonly code: number | null; readonly screen: string }> {
    const code = await this.#ended;
    return { code, screen: screenAfter(this.#output) };
  }
}

/** What stands on a screen that was sent `output`, as far as the command line uses its commands. */
export function screenAfter(output: string): string {
  const lines: string[][] = [[]];
  let [row, column] = [0, 0];
  let saved: readonly [number, number] = [0, 0];
  for (const [part, command] of output.matchAll(/\x1b([78]|\[[\d;?]*[A-Za-z])|[^]/g)) {
    const line = (lines[row] ??= []);
    if (command === "7") saved = [row, column];
    else if (command === "8") [row, column] = saved;
    else if (command === "[1G" || part === "\r") column = 0;
    else if (command === "[0K") line.length = Math.min(line.length, column);
    else if (command === "[2K") line.length = 0;
    else if (command !== undefined) throw new Error(`unknown command ${command}`);
    else if (part === "\n") lines[++row] ??= [];
    else line[column++] = part;
  }
  return lines.map((line) => Array.from(line, (character: string | undefined) => character ?? " ").join("")).join("\n");
}
