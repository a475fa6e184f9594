/** The two servers, each a process of its own, with the same certificates. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { Client, credentials } from "@grpc/grpc-js";

const here = (path) => new URL(path, import.meta.url).pathname;
const cli = here("../bin/aclog.cjs");

/** @param limits of the tenant that calls, as in tenants.yaml */
export async function startServers(directory, limits = {}) {
  const policy = join(directory, "policy");
  await cp(here("../policy"), policy, { recursive: true });
  const tenants = { acme: { limits }, globex: {}, ops: {} };
  await writeFile(join(policy, "tenants.yaml"), JSON.stringify({ tenants }));
  const certs = join(directory, "certs");
  await promisify(execFile)(process.execPath, [cli, "certs", "init", "--dir", certs]);
  const file = (name) => join(certs, name);
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "clients/acme/root.crt", "clients/acme/root.key"].map((name) => readFile(file(name))),
  );
  const tls = ["--ca", file("ca.crt"), "--cert", file("server.crt"), "--key", file("server.key")];
  const aclog = await start([
    cli,
    "serve",
    "--json",
    ...["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn"],
    ...["--data", join(directory, "data"), "--policy", policy, ...tls],
  ]);
  const bare = await start([here("bare-server.mjs"), ...tls]);
  const clientOf =
    ({ address }) =>
    () =>
      new Client(address.replace("127.0.0.1", "localhost"), credentials.createSsl(ca, key, cert), {
        // A connection for each client, and a window that does not hold up what is sent in batches; for both alike.
        "grpc.use_local_subchannel_pool": 1,
        "grpc-node.flow_control_window": 4 * 1024 * 1024,
      });
  return {
    aclog: { ...aclog, client: clientOf(aclog) },
    bare: { ...bare, client: clientOf(bare) },
    stop: () => Promise.all([aclog, bare].map(({ stop }) => stop())),
  };
}

/** A server that prints one line of JSON with its address when it serves, and stops on SIGTERM. */
async function start(argv) {
  const child = spawn(process.execPath, [...(process.env.BENCH_NODE_OPTIONS?.split(" ") ?? []), ...argv], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line");
  const first = await Promise.race([line, ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`${argv[0]} did not start`);
  return {
    ...JSON.parse(first[0]),
    pid: child.pid,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
