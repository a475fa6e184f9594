import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, watch } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TestNode } from "./test-node.js";

const launcher = join(import.meta.dirname, "..", "..", "bin", "aclog.cjs");

/** `aclog serve` as it was built, in a process that can be killed. */
export class ServedProcess {
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  private constructor(child: ChildProcess, exit: Promise<unknown[]>, address: string) {
    this.#child = child;
    this.#exit = exit;
    this.address = address;
  }

  static async start(files: TestNode, data: string): Promise<ServedProcess> {
    const { tls, policyDir } = files.config;
    const readyFile = join(data, "..", "ready.json");
    await rm(readyFile, { force: true });
    const settings = {
      listen: "127.0.0.1:0",
      "admin-listen": "127.0.0.1:0",
      data,
      policy: policyDir,
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
    };
    const flags = Object.entries({ ...settings, "ready-file": readyFile }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const watching = new AbortController();
    const appeared = appears(readyFile, watching.signal);
    const child = spawn(process.execPath, [launcher, "serve", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said += text.toString()));
    const exit = once(child, "exit");
    const tooSoon = exit.then(() => Promise.reject(new Error(`the server ended:\n${said}`)));
    tooSoon.catch(() => undefined);
    await Promise.race([appeared, tooSoon]);
    watching.abort();
    const { address } = JSON.parse(await readFile(readyFile, "utf8")) as { address: string };
    return new ServedProcess(child, exit, `localhost:${/\d+$/.exec(address)![0]}`);
  }

  /** Resolves with the exit code when the process has ended by itself or by the signal. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    this.#child.kill(signal);
    const [code] = await this.#exit;
    return code;
  }
}

async function appears(path: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const { filename } of watch(join(path, ".."), { signal })) {
      if (filename === basename(path) && (await readFile(path, "utf8").catch(() => "")) !== "") return;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
