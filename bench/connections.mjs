/** What many connections cost: so many, each with a ConsumeStream; then their clients are killed, and say nothing. */
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { flagsOf, positive } from "./flags.mjs";
import { connect } from "./clients/grpc.mjs";
import { aclog } from "./systems/aclog.mjs";
import { startReaders } from "./start-readers.mjs";
import { metricsOf } from "./metrics.mjs";
import { Servers } from "./systems/index.mjs";

const help = `node bench/connections.mjs [FLAGS], after make build

  --connections N   how many; 1000 unless told
  --stalled         their readers have 4 MiB before them and take nothing; else they have read everything and wait
  --help            this
`;
const flags = flagsOf(
  { connections: { type: "string", default: "1000" }, stalled: { type: "boolean", default: false } },
  help,
);
const connections = Math.ceil(positive("connections", flags.connections));
const root = new URL("../.make/", import.meta.url).pathname;
await mkdir(root, { recursive: true });
const directory = await mkdtemp(join(root, "connections-"));
const server = await new Servers(directory).fresh(aclog, {
  limits: { connections: connections + 10, streams: connections + 10 },
});
try {
  await fill();
  const before = await look("before");
  const reader = startReaders(server, join(directory, "certs"), connections, flags.stalled);
  const started = performance.now();
  await until(({ openCalls }) => openCalls === connections);
  const opened = seconds(started);
  if (!flags.stalled) await until(({ waiting }) => waiting === connections);
  const open = await look(`${connections} connections, each with a stream (all open in ${opened} s)`);
  const each = Math.round((open.rss - before.rss) / connections / 1024);
  console.log(`  ${each} KiB and ${((open.fds - before.fds) / connections).toFixed(2)} descriptors each`);
  if (!flags.stalled) {
    const sent = performance.now();
    await produce("woken");
    await once(reader.stdout, "data");
    console.log(`  a new record reached all of them in ${seconds(sent)} s`);
  }
  const killed = performance.now();
  reader.kill("SIGKILL");
  await until((now) => now.connections <= 1 && now.openCalls === 0 && now.waiting === 0);
  await look(`after their client was killed: all free after ${seconds(killed)} s`);
  // Memory comes back with the garbage collector, and that with work.
  for (let call = 0; call < 500; call++) await produce("x");
  await look("after some more work");
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}

async function fill() {
  for (let sent = 0; sent < 4; sent++) await produce("x".repeat(1024 * 1023));
}

async function produce(value) {
  const client = await connect(server.connection);
  await client.unary["Produce, raw"]("orders", Buffer.from(value), 1)();
  client.close();
}

async function look(what) {
  const now = await metricsOf(server.adminAddress);
  const mebibytes = Math.round(now.rss / 1024 / 1024);
  console.log(
    `${what}: ${mebibytes} MiB, ${now.fds} descriptors, ${now.connections} connections, ${now.openCalls} streams`,
  );
  return now;
}

async function until(isSo) {
  while (!isSo(await metricsOf(server.adminAddress))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function seconds(since) {
  return ((performance.now() - since) / 1000).toFixed(2);
}
