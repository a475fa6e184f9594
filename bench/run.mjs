/** `make bench`: aclog beside a bare grpc-js server, in the same run. How to read it is in README.md. */
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { syncRow } from "./disk.mjs";
import { fail, flagsOf, positive } from "./flags.mjs";
import { ratioRow, table } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";
import { startServers } from "./servers.mjs";

const help = `make bench BENCH="[FLAGS]", or after make build: node bench/run.mjs [FLAGS]

  --seconds N   how long each run takes; 3 unless told (BENCH_SECONDS)
  --rounds N    how many runs each cell is the median of; 3 unless told (BENCH_ROUNDS)
  --only TEXT   rows whose name has TEXT in it
  --json        one object instead of a table
  --help        this

How to read the table: bench/README.md
`;
const flags = flagsOf(
  {
    seconds: { type: "string", default: process.env.BENCH_SECONDS ?? "3" },
    rounds: { type: "string", default: process.env.BENCH_ROUNDS ?? "3" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
  help,
);
const seconds = positive("seconds", flags.seconds);
const rounds = Math.max(1, Math.round(positive("rounds", flags.rounds)));
const chosen = scenarios.filter(({ name }) => name.includes(flags.only));
if (chosen.length === 0) fail(`no row has ${JSON.stringify(flags.only)} in its name`);

const root = new URL("../.make/", import.meta.url).pathname;
await mkdir(root, { recursive: true });
const directory = await mkdtemp(join(root, "bench-"));
const say = (line) => flags.json || process.stderr.write(`${line}\n`);
try {
  const disk = await syncRow(directory, seconds);
  const servers = await startServers(directory);
  const rows = [];
  try {
    say("warming up …");
    for (const { client } of [servers.aclog, servers.bare]) await warmUp(client());
    for (const scenario of chosen) {
      say(`${scenario.name} …`);
      rows.push(ratioRow(scenario, await measure(scenario, servers)));
    }
  } finally {
    await servers.stop();
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length };
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ machine, seconds, rounds, disk, rows }, undefined, 2)}\n`
      : table({ machine, seconds, rounds, disk, rows }),
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** A server that has run for a while: what V8 has not compiled yet costs several times as much. */
async function warmUp(client) {
  await scenarios.find(({ name }) => name.includes("64 in flight")).run(client, Math.max(3, seconds));
  client.close();
}

/** Back to back, in turns, so that what else the machine does hits both alike. */
async function measure(scenario, servers) {
  const results = { aclog: [], bare: [] };
  const clients = { aclog: servers.aclog.client(), bare: servers.bare.client() };
  try {
    for (const [name, client] of Object.entries(clients)) {
      await scenario.prepare?.(client, name);
      // And what only this scenario uses.
      await scenario.run(client, Math.min(1, seconds));
    }
    for (let round = 0; round < rounds; round++) {
      // Whoever comes first in one round comes last in the next.
      const order = round % 2 === 0 ? ["aclog", "bare"] : ["bare", "aclog"];
      for (const name of order) {
        const before = cpuSeconds(servers[name].pid);
        const started = performance.now();
        const result = await scenario.run(clients[name], seconds);
        const elapsed = (performance.now() - started) / 1000;
        const cpu = cpuSeconds(servers[name].pid) - before;
        results[name].push({ ...result, cpuMicroseconds: (cpu * 1e6) / (result.rate * elapsed) });
      }
    }
  } finally {
    for (const client of Object.values(clients)) client.close();
  }
  return results;
}

/** What a process has used of all processors, in user and system time; NaN where there is no /proc. */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
    // Source: proc(5), utime and stime, in ticks of a hundredth of a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}
