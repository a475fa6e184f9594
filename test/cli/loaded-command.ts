/** Processes that have loaded the command line: loading it takes most of the time of most commands. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const module = fileURLToPath(new URL("loaded-command.mjs", import.meta.url));

export interface Order {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly input: Buffer;
}

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const idle: ChildProcess[] = [];
afterAll(async () => {
  for (const child of idle) {
    child.disconnect();
    await once(child, "exit");
  }
});

function load(): ChildProcess {
  return fork(module, { execArgv: [], serialization: "advanced", stdio: ["pipe", "ignore", "pipe", "ipc"] });
}

/** Resolves once the command has nothing left that would keep a process of its own from its end. */
export async function runLoaded(order: Order): Promise<Answer> {
  const child = idle.pop() ?? load();
  // A defect ends it in the midst of the command, with a stack trace.
  let trace = "";
  const listen = (text: Buffer) => (trace += text.toString());
  child.stderr!.on("data", listen);
  const ended = new AbortController();
  const { signal } = ended;
  try {
    child.send(order);
    return await Promise.race([
      once(child, "message", { signal }).then(([answer]) => {
        idle.push(child);
        return answer as Answer;
      }),
      once(child, "close", { signal }).then(([code]) => ({ code: code as number | null, stdout: "", stderr: trace })),
    ]);
  } finally {
    child.stderr!.off("data", listen);
    ended.abort();
  }
}
