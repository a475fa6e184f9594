/** Where a campaign runs: certificates, a policy, and a server's data directory, which may be on a disk of its own. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "../../dist/client/index.js";

export const run = promisify(execFile);
export const root = new URL("../../", import.meta.url).pathname;
export const launcher = join(root, "bin", "aclog.cjs");
/** Each has an administrator called root in the example policy. */
export const tenants = ["acme", "globex", "ops"];

export class Place {
  constructor(directory, port) {
    this.directory = directory;
    this.port = port;
    this.data = join(directory, "data");
    this.log = join(directory, "server.log");
  }

  /** A directory of its own below .make, which stays until `remove`. */
  static async make(name) {
    await mkdir(join(root, ".make"), { recursive: true });
    const directory = await mkdtemp(join(root, ".make", `${name}-`));
    await run(process.execPath, [launcher, "certs", "init", "--dir", join(directory, "certs")]);
    await cp(join(root, "policy"), join(directory, "policy"), { recursive: true });
    const limits = { storage_bytes: "1 TiB", topics: 10_000, connections: 1000, streams: 10_000 };
    const declared = Object.fromEntries(tenants.map((tenant) => [tenant, { limits }]));
    await writeFile(join(directory, "policy", "tenants.yaml"), JSON.stringify({ tenants: declared }));
    return new Place(directory, await freePort());
  }

  /** What `aclog serve` is told. */
  get flags() {
    const certs = join(this.directory, "certs");
    const files = { ca: join(certs, "ca.crt"), cert: join(certs, "server.crt"), key: join(certs, "server.key") };
    const settings = {
      listen: `127.0.0.1:${this.port}`,
      "admin-listen": "127.0.0.1:0",
      data: this.data,
      policy: join(this.directory, "policy"),
      ...files,
    };
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  }

  /** The PEM files of `acme/root`. */
  filesOf(principal) {
    const certs = join(this.directory, "certs");
    const stem = join(certs, "clients", principal);
    return { ca: join(certs, "ca.crt"), cert: `${stem}.crt`, key: `${stem}.key` };
  }

  /** A typed client of it, with a connection of its own. */
  connect(principal) {
    return Client.connect({ address: `localhost:${this.port}`, files: this.filesOf(principal) });
  }

  async remove() {
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
