import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Client } from "../../src/client/index.js";
import type { TestNode } from "../support/test-node.js";
import { type ShimState, readState, words } from "./shim.js";

const launcher = fileURLToPath(new URL("../../bin/aclog.cjs", import.meta.url));

interface Where {
  /** Lends its certificates and its policy. */
  readonly files: TestNode;
  readonly data: string;
}

/** `aclog serve` as it was built, with the shim if there is a library. */
export class Shimmed implements AsyncDisposable {
  readonly #where: Where;
  readonly #child: ChildProcess;
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #clients = new Map<string, Client>();
  #addresses: { readonly address: string; readonly adminAddress: string } | undefined;
  #log = "";
  #printed = "";

  /** @param shim the library and the rule that holds from the start on; undefined: none */
  constructor(where: Where, shim?: { readonly library: string; readonly rule: string }) {
    this.#where = where;
    const { tls, policyDir } = where.files.config;
    const addresses = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
    const settings = { ...addresses, data: where.data, policy: policyDir, ca: tls.ca, cert: tls.cert, key: tls.key };
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const env: NodeJS.ProcessEnv = { ...process.env };
    if (shim !== undefined) {
      const preload = { LD_PRELOAD: shim.library, FAULTS_ROOT: where.data, FAULTS_STATE: this.#statePath };
      Object.assign(env, preload, { FAULTS_RULE: shim.rule });
    }
    const stdio = ["ignore", "pipe", "pipe"] as const;
    this.#child = spawn(process.execPath, [launcher, "serve", "--json", ...flags], { env, stdio: [...stdio] });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#printed += text));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    this.#exited = once(this.#child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  }

  get #statePath(): string {
    return `${this.#where.data}.state`;
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves when it serves; false if it ended before. */
  async serves(): Promise<boolean> {
    const printed = (async () => {
      while (!this.#printed.includes("\n")) await once(this.#child.stdout!, "data");
      return true;
    })();
    if (!(await Promise.race([printed, this.#exited.then(() => false)]))) return false;
    this.#addresses = JSON.parse(this.#printed) as { address: string; adminAddress: string };
    return true;
  }

  /** From here on another rule holds, and counting begins anew. */
  async arm(rule: string): Promise<void> {
    const state = await open(this.#statePath, "r+");
    try {
      await state.write(`${rule}\0`, words.rule);
      const { buffer } = await state.read(Buffer.alloc(8), 0, 8, words.generation);
      buffer.writeBigUInt64LE(buffer.readBigUInt64LE() + 1n);
      await state.write(buffer, 0, 8, words.generation);
    } finally {
      await state.close();
    }
  }

  state(): Promise<ShimState> {
    return readState(this.#statePath);
  }

  /** A client of `acme/root`; the same one each time. */
  as(principal: string): Client {
    const { files } = this.#where;
    const address = `localhost:${/\d+$/.exec(this.#addresses!.address)![0]}`;
    const known = this.#clients.get(principal) ?? Client.connect({ address, ...files.keysOf(principal) });
    this.#clients.set(principal, known);
    return known;
  }

  /** What `/readyz` says. */
  async readiness(): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://${this.#addresses!.adminAddress}/readyz`);
    return { status: response.status, text: await response.text() };
  }

  /** Resolves with the exit code or the signal that ended it. */
  async end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    if (signal !== undefined) this.#child.kill(signal);
    const [code, ended] = await this.#exited;
    for (const client of this.#clients.values()) await client.close();
    this.#clients.clear();
    return code ?? ended!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}
