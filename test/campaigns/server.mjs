/** A server in a process of its own: `aclog serve`, or the same with small files. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { launcher, root } from "./place.mjs";

const smallServer = join(root, "test", "campaigns", "small-server.mjs");

export class Server {
  /** When it said that it serves, in milliseconds after it was started; undefined: not yet. */
  readyMs;
  /** Where probes are answered. */
  adminAddress;
  #child;
  #ended;
  #ready;
  #log;

  /** @param isSmall with segments and journal files that a few hundred records cross */
  constructor(place, { isSmall = false } = {}) {
    const log = openSync(place.log, "a");
    const program = isSmall ? [smallServer] : [launcher, "serve", "--json"];
    const started = performance.now();
    this.#log = place.log;
    this.#child = spawn(process.execPath, [...program, ...place.flags], {
      stdio: ["ignore", "pipe", log],
      // Ctrl-C is for the campaign, which knows when its server is to end.
      detached: true,
    });
    closeSync(log);
    this.#ended = once(this.#child, "exit");
    this.#ready = new Promise((resolve) => {
      this.#child.stdout.once("data", (line) => {
        this.readyMs = performance.now() - started;
        this.adminAddress = JSON.parse(line).adminAddress;
        resolve();
      });
    });
  }

  /** @throws with the end of its log when it ends instead */
  async ready() {
    await Promise.race([this.#ready, this.#ended]);
    if (this.readyMs === undefined) throw new ServerEnded(await this.lastLines());
  }

  /** Whether it lives. */
  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal) {
    this.#child.kill(signal);
  }

  /** Resolves when it is gone, with its exit code: null after a signal. */
  async kill(signal = "SIGKILL") {
    this.#child.kill(signal);
    return this.ended();
  }

  async ended() {
    const [code] = await this.#ended;
    return code;
  }

  async lastLines() {
    return (await readFile(this.#log, "utf8")).split("\n").slice(-12).join("\n");
  }
}

export class ServerEnded extends Error {
  constructor(lines) {
    super(`the server ended by itself:\n${lines}`);
    this.name = "ServerEnded";
  }
}
