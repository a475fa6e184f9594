/** `aclog serve` in a process of its own, on ports that were free. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import assert from "node:assert/strict";
import { once } from "node:events";
import { access, cp, readFile, watch } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { outcomeOf, run, start, Workplace, type Outcome, type RunOptions } from "./command.js";

interface Ready {
  readonly address: string;
  readonly adminAddress: string;
  readonly pid: number;
}

/** A directory with the example policy, and certificates for it. */
export async function examplePlace(): Promise<Workplace> {
  const workplace = await Workplace.make();
  const policy = fileURLToPath(new URL("../../policy", import.meta.url));
  await cp(policy, join(workplace.path, "policy"), { recursive: true });
  assert.equal((await run(["certs", "init"], { cwd: workplace.path })).code, 0);
  return workplace;
}

export class Served implements AsyncDisposable {
  /** What the ready file says. */
  readonly ready: Ready;
  readonly #directory: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #output: Output;

  private constructor(directory: string, child: ChildProcessWithoutNullStreams, output: Output, ready: Ready) {
    this.#directory = directory;
    this.#child = child;
    this.#output = output;
    this.ready = ready;
  }

  /**
   * Resolves once the server serves; rejects with what it said if it ends before. `directory` holds certs and policy.
   *
   * @param meanwhile what happens to the process before it serves
   */
  static async start(
    directory: string,
    flags: readonly string[] = [],
    meanwhile: (child: ChildProcessWithoutNullStreams) => Promise<void> = () => Promise.resolve(),
  ): Promise<Served> {
    const path = join(directory, readyFile);
    const watching = new AbortController();
    // Watching begins before the server does, so that the file cannot come unseen.
    const appeared = waitFor(directory, watching.signal);
    // Flags count before the environment.
    const env = { ACLOG_LISTEN: "127.0.0.1:0", ACLOG_ADMIN_LISTEN: "127.0.0.1:0" };
    const child = start(["serve", "--ready-file", readyFile, ...flags], { cwd: directory, env });
    const output = new Output(child);
    try {
      await Promise.race([Promise.all([appeared, meanwhile(child)]), output.endTooSoon()]);
    } finally {
      watching.abort();
    }
    return new Served(directory, child, output, JSON.parse(await readFile(path, "utf8")) as Ready);
  }

  /** Where and how a command calls this server. */
  as(principal: string): RunOptions {
    const port = this.ready.address.replace(/^.*:/, "");
    return { cwd: this.#directory, env: { ACLOG_AS: principal, ACLOG_ADDRESS: `localhost:${port}` } };
  }

  aclog(principal: string, args: readonly string[], input: string | Buffer = ""): Promise<Outcome> {
    return run(args, { ...this.as(principal), input });
  }

  /** What stands on stdout, once it matches. */
  printed(pattern: RegExp): Promise<string> {
    return this.#output.until("stdout", pattern);
  }

  /** What stands in the log, once it matches. */
  logged(pattern: RegExp): Promise<string> {
    return this.#output.until("stderr", pattern);
  }

  /** Sends SIGHUP and resolves once the log speaks of `outcome`. */
  async reload(outcome: RegExp): Promise<void> {
    this.#child.kill("SIGHUP");
    await this.#output.until("stderr", outcome);
  }

  async isReady(): Promise<boolean> {
    return access(join(this.#directory, readyFile)).then(
      () => true,
      () => false,
    );
  }

  async stop(signal: NodeJS.Signals): Promise<Outcome> {
    this.#child.kill(signal);
    return this.#output.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

interface SharedServer {
  readonly server: Served;
  /** Where it runs. */
  readonly directory: string;
}

/**
 * A server of the example policy for all tests of a file: there before the first, gone behind the last.
 *
 * @param prepare changes what is in its directory before it starts
 */
export function sharedServer(prepare: (directory: string) => Promise<void> = () => Promise.resolve()): SharedServer {
  let workplace: Workplace;
  let server: Served;
  beforeAll(async () => {
    workplace = await examplePlace();
    await prepare(workplace.path);
    server = await Served.start(workplace.path);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await workplace[Symbol.asyncDispose]();
  });
  return {
    get server() {
      return server;
    },
    get directory() {
      return workplace.path;
    },
  };
}

const readyFile = "ready.json";

/** What a process said so far; also once it has ended. */
class Output {
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #said = { stdout: "", stderr: "" };

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.ended = outcomeOf(child);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (text: string) => (this.#said[name] += text));
    }
  }

  async until(stream: "stdout" | "stderr", pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#said[stream]))
      await Promise.race([once(this.#child[stream], "data"), this.endTooSoon()]);
    return this.#said[stream];
  }

  async endTooSoon(): Promise<never> {
    const { code, stderr } = await this.ended;
    throw new Error(`the server ended with ${code}:\n${stderr}`);
  }
}

async function waitFor(directory: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const { filename } of watch(directory, { signal })) if (filename === readyFile) return;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
