/** Redis Streams with an append-only file; TLS alone, client certificates, and an ACL user. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, run, startProcess } from "../processes.mjs";
import { missing, pathOf } from "./peer.mjs";

export const redisAlways = redis("always", "fsync each turn", true);
export const redisEverysec = redis("everysec", "fsync each second", false);

/** How many commands the C tool sends before it waits for their answers. */
const pipelined = 2048;

function redis(appendfsync, durable, fsyncs) {
  return {
    name: `Redis ${appendfsync}`,
    kind: "peer",
    durable,
    fsyncs,
    secured: "mTLS, ACL",
    client: "redis",
    ways: {
      produce: ["XADD"],
      flood: ["XADD, pipelines", { name: "redis-benchmark", open: openTool }],
      // How a record was written makes no difference to its readers: one of the two is enough for the rows about reading.
      ...(fsyncs ? {} : { read: ["XRANGE"] }),
      tail: ["XADD → XREAD BLOCK"],
    },
    missing: () =>
      missing({
        programs: ["redis-server", "redis-benchmark", "redis-cli"],
        packages: ["redis-server", "redis-tools"],
        library: "redis",
      }),
    version: async () => (await run(await pathOf("redis-server"), ["--version"])).trim(),

    async start({ directory, certificates }) {
      const port = await freePort();
      const password = randomBytes(16).toString("hex");
      const config = configOf({ port, directory, appendfsync, certificates });
      const path = join(directory, "redis.conf");
      await writeFile(path, `${config}user bench on >${password} ~bench:* ${commands}\n`, { mode: 0o600 });
      const isReady = (line) => (line.includes("Ready to accept connections") ? {} : undefined);
      const server = await startProcess(await pathOf("redis-server"), [path], { isReady });
      const connection = { host: "127.0.0.1", port, username: "bench", password, tls: certificates.client };
      return { ...server, settings: { config: `${config}user bench … ~bench:* ${commands}\n` }, connection };
    },
  };
}

const commands = "+xadd +xread +xrange +unlink +client +hello +ping";

function configOf({ port, directory, appendfsync, certificates: { server } }) {
  return `bind 127.0.0.1
port 0
tls-port ${port}
tls-cert-file ${server.cert}
tls-key-file ${server.key}
tls-ca-cert-file ${server.ca}
tls-auth-clients yes
dir ${directory}
appendonly yes
appendfsync ${appendfsync}
auto-aof-rewrite-percentage 0
save ""
user default off
`;
}

/** Redis's own C tool, on one connection: it sends so many commands, waits for their answers, and sends again. */
async function openTool({ connection: { host, port, username, password, tls } }) {
  const common = ["-h", host, "-p", `${port}`, "--user", username, "-a", password, "--tls"];
  const files = ["--cacert", tls.ca, "--cert", tls.cert, "--key", tls.key];
  let perSecond = 50_000;
  return {
    async run(_kind, _way, { topic, bytes, seconds }) {
      const records = Math.ceil((perSecond * seconds) / pipelined) * pipelined;
      const command = ["XADD", `bench:${topic}`, "*", "v", "x".repeat(bytes)];
      const how = ["-c", "1", "-P", `${pipelined}`, "-n", `${records}`, "--csv"];
      const output = await run(await pathOf("redis-benchmark"), [...common, ...files, ...how, ...command]);
      // Its last line is `"name","requests per second",…`; the name is the command, quotes and all.
      perSecond = Number(/,"([\d.]+)"/.exec(output.trim().split("\n").at(-1))[1]);
      return { records, seconds: records / perSecond };
    },
    createTopic: () => undefined,
    discard: async (topic) =>
      run(await pathOf("redis-cli"), [...common, ...files, "--no-auth-warning", "UNLINK", `bench:${topic}`]),
    close: () => undefined,
  };
}
