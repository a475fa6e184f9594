/** aclog as `aclog serve` starts it, with the example policy. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startNode } from "../processes.mjs";

const here = (path) => new URL(path, import.meta.url).pathname;
const cli = here("../../bin/aclog.cjs");
/** So that no limit is part of what is measured. */
const roomy = { storage_bytes: "1 TiB", topics: 20_000 };

export const aclog = {
  name: "aclog",
  kind: "aclog",
  durable: "fdatasync",
  fsyncs: true,
  secured: "mTLS, policy",
  client: "aclog",
  ways: {
    produce: ["client.produce", { name: "ProduceStream, raw", client: "grpc" }],
    topics: ["client.produce", { name: "ProduceStream with request ids, raw", client: "grpc" }],
    unary: [{ name: "Produce, raw", client: "grpc" }],
    flood: ["client.produceMany", "client.import", { name: "ProduceStream, raw", client: "grpc" }],
    read: ["client.followBatches", "client.follow", { name: "ConsumeStream, raw", client: "grpc" }],
    tail: ["client.produce → client.follow"],
  },
  version: async () => process.env.npm_package_version ?? "this tree",

  /** @param limits of the tenant that calls, as in tenants.yaml */
  async start({ directory, certificates, limits = {} }) {
    const policy = join(directory, "policy");
    await mkdir(directory, { recursive: true });
    await cp(here("../../policy"), policy, { recursive: true });
    const tenants = { acme: { limits: { ...roomy, ...limits } }, globex: {}, ops: {} };
    await writeFile(join(policy, "tenants.yaml"), JSON.stringify({ tenants }));
    const { ca, cert, key } = certificates.server;
    const server = await startNode([
      cli,
      "serve",
      "--json",
      ...["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "warn"],
      ...["--data", join(directory, "data"), "--policy", policy],
      ...["--ca", ca, "--cert", cert, "--key", key],
    ]);
    const endpoint = { host: "localhost", port: Number(server.address.split(":").at(-1)) };
    return {
      ...server,
      settings: { policy: "policy/", limits: roomy },
      connection: { ...endpoint, tls: certificates.admin },
    };
  },
};
