/** Runs the built command line as its users do. */
import { type ChildProcessWithoutNullStreams, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runLoaded } from "./loaded-command.js";

const entry = fileURLToPath(new URL("../../bin/aclog.cjs", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Beside the test's own environment, of which no ACLOG_ variable reaches the command. */
  readonly env?: Readonly<Record<string, string>>;
  /** What stdin holds; nothing unless given. */
  readonly input?: string | Buffer;
}

/** The command, running. Whoever starts it waits for its end. */
export function start(
  args: readonly string[],
  options: RunOptions = {},
  stdio: StdioOptions = "pipe",
): ChildProcessWithoutNullStreams {
  const { env } = commandOf(options);
  return spawn(process.execPath, [entry, ...args], { cwd: options.cwd, env, stdio }) as ChildProcessWithoutNullStreams;
}

/** The words of a shell that start it, and the environment that it is started in. */
export function commandOf(options: RunOptions): { readonly command: string; readonly env: NodeJS.ProcessEnv } {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("ACLOG_"));
  return {
    command: `'${process.execPath}' '${entry}'`,
    env: { ...Object.fromEntries(inherited), ...options.env },
  };
}

/** Their log goes past stderr's stream. */
const alwaysAlone = ["serve", "matrix"];
const known = new Set<string>();

/**
 * The command, from start to end: the first of its name in a test file in a process of its own, those behind it in one that
 * has loaded the command line already.
 */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [name = ""] = args;
  if (!alwaysAlone.includes(name) && known.has(name)) {
    const { cwd = process.cwd(), input = "" } = options;
    return runLoaded({ args, cwd, env: commandOf(options).env, input: Buffer.from(input) });
  }
  known.add(name);
  return runAlone(args, options);
}

async function runAlone(args: readonly string[], options: RunOptions): Promise<Outcome> {
  const child = start(args, options);
  const outcome = outcomeOf(child);
  // A command that refuses its flags ends without reading this.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input);
  return outcome;
}

/** What a command that was started says until it ends. */
export async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** A fresh directory, removed with everything in it. */
export class Workplace implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), "aclog-cli-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
