/** `make bench` and `make bench-peers`. How to read what they print is in README.md. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fail, flagsOf, positive } from "./flags.mjs";
import { PeerFailed, measureRow, nameOf } from "./measure.mjs";
import { writePlots } from "./plots.mjs";
import { killAll } from "./processes.mjs";
import { progressOf } from "./progress.mjs";
import { rows } from "./rows/index.mjs";
import { Servers, available } from "./systems/index.mjs";
import { table } from "./table.mjs";

const help = `make bench BENCH="[FLAGS]", make bench-peers BENCH="[FLAGS]", or after make build: node bench/run.mjs [FLAGS]

  --seconds N   how long each run takes; 3 unless told (BENCH_SECONDS)
  --rounds N    how many runs each figure is the median of; 3 unless told (BENCH_ROUNDS)
  --only TEXT   rows whose name has TEXT in it
  --peers       beside NATS JetStream, Redis Streams and etcd too, where they are installed
  --plots DIR   writes a plot of each row there, as SVG
  --json        one object instead of a table
  --help        this

How to read the table: bench/README.md
`;
const flags = flagsOf(
  {
    seconds: { type: "string", default: process.env.BENCH_SECONDS ?? "3" },
    rounds: { type: "string", default: process.env.BENCH_ROUNDS ?? "3" },
    only: { type: "string", default: "" },
    peers: { type: "boolean", default: false },
    plots: { type: "string" },
    json: { type: "boolean", default: false },
  },
  help,
);
const seconds = positive("seconds", flags.seconds);
const rounds = Math.max(1, Math.round(positive("rounds", flags.rounds)));
const chosen = rows.filter(({ name }) => name.includes(flags.only));
if (chosen.length === 0)
  fail(
    `no row has ${JSON.stringify(flags.only)} in its name; there are\n  ${rows.map(({ name }) => name).join("\n  ")}`,
  );

const root = new URL("../.make/", import.meta.url).pathname;
await mkdir(root, { recursive: true });
const directory = await mkdtemp(join(root, "bench-"));
const clear = () => rm(directory, { recursive: true, force: true });
for (const signal of ["SIGINT", "SIGTERM"])
  process.once(signal, () => {
    killAll();
    void clear().finally(() => process.exit(1));
  });
const progress = progressOf({ quiet: flags.json });
let { found, skipped } = await available({ withPeers: flags.peers });
for (const { name, why } of skipped) progress.say(`${name}: skipped, ${why}`);
const servers = new Servers(directory);
try {
  const results = [];
  for (const [at, row] of chosen.entries()) {
    progress.row(row.name, at + 1, chosen.length);
    results.push(await resultOf(row));
  }
  progress.end();
  if (flags.plots !== undefined) progress.say(`plots: ${(await writePlots(flags.plots, results)).join(" ")}`);
  const report = { machine: machine(), seconds, rounds, systems: await used(), skipped, rows: results };
  process.stdout.write(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : table(report));
} finally {
  await servers.stop();
  await clear();
}

async function resultOf(row) {
  const context = { servers, found, seconds, rounds, progress: progress.step };
  const entries = row.measure === undefined ? await compared(row, context) : await row.measure(row, context);
  const { name, unit, better, bytes } = row;
  const result = { name, unit, better, bytes, entries: [...entries, ...(row.computed?.(entries) ?? [])] };
  return { ...result, targets: row.targets.flatMap((target) => target(result)) };
}

/** Every system that does this kind of work, in each of its ways and, where the row has variants, in each of these. */
async function compared(row, context) {
  const entrants = [];
  for (const system of found.filter(({ kind }) => row.among?.includes(kind) ?? true)) {
    const ways = (system.ways[row.kind] ?? []).map((way) => (typeof way === "string" ? { name: way } : way));
    const wanted = ways.filter(({ name }) => row.way === undefined || name === row.way);
    const server = wanted.length > 0 && (await serverOf(system));
    if (!server) continue;
    for (const way of wanted)
      for (const variant of row.variants ?? [{}]) entrants.push({ system, way, server, kind: row.kind, variant });
  }
  for (;;) {
    try {
      return await measureRow(row, entrants, context);
    } catch (error) {
      if (!(error instanceof PeerFailed)) throw error;
      entrants.splice(entrants.indexOf(error.entrant), 1);
      skip(`${nameOf(error.entrant)} in “${row.name}”`, error.message);
    }
  }
}

/** Undefined, and said, for a peer that does not start. */
async function serverOf(system) {
  try {
    return await servers.of(system);
  } catch (error) {
    if (system.kind !== "peer") throw error;
    found = found.filter((other) => other !== system);
    skip(system.name, `it did not start: ${error.message.split("\n").at(-1)}`);
  }
}

function skip(name, why) {
  skipped.push({ name, why });
  progress.say(`${name}: skipped, ${why}`);
}

function machine() {
  return { node: process.version, cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length };
}

async function used() {
  return Promise.all(
    servers.started.map(async ({ system, server }) => {
      const { name, durable, fsyncs, secured } = system;
      return { name, version: await system.version(), durable, fsyncs, secured, settings: server.settings };
    }),
  );
}
