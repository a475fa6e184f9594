/** Every system, ours first, and starting those that a row needs. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { aclog } from "./aclog.mjs";
import { bare } from "./bare.mjs";
import { makeCertificates } from "./certificates.mjs";
import { disk } from "./disk.mjs";
import { etcd } from "./etcd.mjs";
import { natsDefault, natsSynced } from "./nats.mjs";
import { redisAlways, redisEverysec } from "./redis.mjs";

const here = [aclog, bare, disk];
const peers = [natsDefault, natsSynced, redisEverysec, redisAlways, etcd];

/** Those that can be measured on this machine, and those that cannot: `{ name, why }`. */
export async function available({ withPeers }) {
  const found = [...here];
  const skipped = [];
  for (const peer of withPeers ? peers : []) {
    const why = await peer.missing();
    if (why === undefined) found.push(peer);
    else skipped.push({ name: peer.name, why });
  }
  return { found, skipped };
}

/** Starts each system at most once, when it is first asked for, with its data in `directory`. */
export class Servers {
  #directory;
  #certificates;
  #started = new Map();

  constructor(directory) {
    this.#directory = directory;
  }

  async of(system) {
    if (!this.#started.has(system)) this.#started.set(system, await this.fresh(system));
    return this.#started.get(system);
  }

  /** Another one, with nothing in it; whoever asks for it stops it. */
  async fresh(system, options = {}) {
    this.#certificates ??= await makeCertificates(join(this.#directory, "certs"));
    const directory = join(
      this.#directory,
      `${system.name.replaceAll(" ", "-")}-${Math.random().toString(36).slice(2, 8)}`,
    );
    await mkdir(directory, { recursive: true });
    return system.start({ directory, certificates: this.#certificates, ...options });
  }

  /** What was started: `{ system, server }`. */
  get started() {
    return Array.from(this.#started, ([system, server]) => ({ system, server }));
  }

  async stop() {
    for (const server of this.#started.values()) await server.stop();
  }
}
