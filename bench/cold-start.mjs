/** What a start takes: from `aclog serve` until the first record is acknowledged, by what is stored and how it stopped. */
import { execFile, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { Client, Metadata, credentials } from "@grpc/grpc-js";
import Table from "cli-table3";
import { fail, flagsOf, positive } from "./flags.mjs";
import { asIs, records, requests } from "./messages.mjs";

const here = (path) => new URL(path, import.meta.url).pathname;
const cli = here("../bin/aclog.cjs");
const mebibyte = 1024 ** 2;

const help = `node bench/cold-start.mjs [FLAGS], after make build

  --gigabytes N   what is stored in 1,000 segments; 10 unless told: it needs as much room on the disk
  --topics N      how many topics the rows with many topics have; 10000 unless told
  --rounds N      how many starts each row is the median of; 3 unless told
  --only TEXT     rows whose name has TEXT in it
  --json          one object instead of a table
  --help          this
`;

/** What is stored. */
const segments = { name: "segments", kind: "fill", sizesOf: ({ bytes }) => ({ bytes, topics: 10, segments: 1000 }) };
const topics = { name: "topics", kind: "create", isUsed: true, sizesOf: ({ topics }) => ({ topics }) };
const newTopics = { ...topics, name: "new-topics", isUsed: false, isForOneStart: true };

/** And what happens to it before each start. */
const rows = [
  { name: "1,000 segments, stopped cleanly", data: segments },
  { name: "1,000 segments, killed under load", data: segments, before: loadAndKill },
  { name: "topics that are new, all dirty, killed", data: newTopics, before: ({ path }) => appendToAll(path) },
  { name: "topics, all dirty, killed", data: topics, before: ({ path }) => appendToAll(path) },
  { name: "topics, 10 KiB each dirty, killed", data: topics, before: ({ path }) => appendToAll(path, 10 * 1024) },
  { name: "topics, idle, stopped cleanly", data: topics },
];

if (process.send === undefined) await main();
else await obey(JSON.parse(process.argv[2]));

async function main() {
  const flags = flagsOf(
    {
      gigabytes: { type: "string", default: "10" },
      topics: { type: "string", default: "10000" },
      rounds: { type: "string", default: "3" },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
    help,
  );
  const sizes = {
    bytes: positive("gigabytes", flags.gigabytes) * 1e9,
    topics: Math.ceil(positive("topics", flags.topics)),
    rounds: Math.ceil(positive("rounds", flags.rounds)),
  };
  const chosen = rows.filter(({ name }) => name.includes(flags.only));
  if (chosen.length === 0) fail(`no row has ${JSON.stringify(flags.only)} in its name`);
  const root = here("../.make/");
  await mkdir(root, { recursive: true });
  const directory = await mkdtemp(join(root, "cold-start-"));
  try {
    const secrets = await prepare(directory);
    const measured = [];
    for (const row of chosen) {
      const starts = await measure(row, { directory, secrets, sizes, say: flags.json ? () => undefined : say });
      measured.push({
        name: row.name,
        starts,
        median: starts.toSorted((a, b) => a.seconds - b.seconds)[starts.length >> 1],
      });
    }
    process.stdout.write(
      flags.json ? `${JSON.stringify({ ...sizes, rows: measured }, undefined, 2)}\n` : table(measured),
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function table(measured) {
  const head = ["start", "seconds to the first answer", "of them, recovery", "MiB resident", "descriptors"];
  const grid = new Table({ head, colAligns: ["left", ...new Array(4).fill("right")], style: { head: [], border: [] } });
  for (const { name, starts, median } of measured) {
    const all = starts.map(({ seconds }) => seconds);
    const spread = `${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)}`;
    const { seconds, opening, residentMebibytes, descriptors } = median;
    grid.push([name, `${seconds.toFixed(2)} (${spread})`, opening.toFixed(2), residentMebibytes, descriptors]);
  }
  return `${grid.toString()}\n`;
}

/** Starts the server on such data so many times, and stops it cleanly each time. */
async function measure({ name, data, before }, { directory, secrets, sizes, say }) {
  const path = join(directory, data.name);
  const starts = [];
  for (let round = 0; round < sizes.rounds; round++) {
    if (!existsSync(path)) {
      say(`${name}: making its data …`);
      if ((await engine({ ...data, ...data.sizesOf(sizes), path })) !== 0) throw new Error(`could not make ${path}`);
    }
    await before?.({ path, secrets });
    const { stop, address, ...start } = await started(path, secrets);
    await stop();
    say(`${name}: ${JSON.stringify(start)}`);
    starts.push(start);
    if (data.isForOneStart) await rm(path, { recursive: true });
  }
  return starts;
}

/** A record for every topic, and the kill before a checkpoint can come of it. */
async function appendToAll(path, bytes = 100) {
  await engine({ kind: "append", path, bytes });
}

/** Certificates, and a policy under which `acme/root` may do everything in its tenant. */
async function prepare(directory) {
  const policy = join(directory, "policy");
  await cp(here("../policy"), policy, { recursive: true });
  const limits = { storage_bytes: 1e15, topics: 1e9 };
  await writeFile(join(policy, "tenants.yaml"), JSON.stringify({ tenants: { acme: { limits }, globex: {}, ops: {} } }));
  const certs = join(directory, "certs");
  await promisify(execFile)(process.execPath, [cli, "certs", "init", "--dir", certs]);
  const file = (name) => join(certs, name);
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "clients/acme/root.crt", "clients/acme/root.key"].map((name) => readFile(file(name))),
  );
  const tls = ["--ca", file("ca.crt"), "--cert", file("server.crt"), "--key", file("server.key")];
  return { flags: ["--policy", policy, ...tls], credentials: credentials.createSsl(ca, key, cert) };
}

/** Starts a server. Times are in seconds from the moment its process is asked for. */
async function started(path, secrets) {
  const began = performance.timeOrigin + performance.now();
  const at = () => (performance.timeOrigin + performance.now() - began) / 1000;
  const flags = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", path, ...secrets.flags];
  const options = process.env.BENCH_NODE_OPTIONS?.split(" ") ?? [];
  const child = spawn(process.execPath, [...options, cli, "serve", "--json", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  let opening = NaN;
  createInterface({ input: child.stderr }).on("line", (line) => {
    const { msg, milliseconds } = JSON.parse(line);
    if (msg === "the data directory is open") opening = milliseconds / 1000;
  });
  const line = once(createInterface({ input: child.stdout }), "line");
  const first = await Promise.race([line, ended.then(() => undefined)]);
  if (first === undefined) throw new Error(`no server could start on ${path}`);
  const ready = at();
  const { address } = JSON.parse(first[0]);
  const client = new Client(address.replace("127.0.0.1", "localhost"), secrets.credentials, {
    "grpc.use_local_subchannel_pool": 1,
  });
  await new Promise((resolve, reject) =>
    client.makeUnaryRequest("/log.v1.Log/Produce", asIs, asIs, request(1), new Metadata(), (error) =>
      error === null ? resolve() : reject(error),
    ),
  );
  const seconds = at();
  client.close();
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  return {
    seconds,
    ready,
    opening,
    residentMebibytes: Math.round(Number(/VmRSS:\s*(\d+)/.exec(status)[1]) / 1024),
    descriptors: readdirSync(`/proc/${child.pid}/fd`).length,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      await ended;
    },
    address,
  };
}

/** Mebibytes as fast as the server takes them, for two seconds; then the kill, in the midst of it. */
async function loadAndKill({ path, secrets }) {
  const { address, stop } = await started(path, secrets);
  const client = new Client(address.replace("127.0.0.1", "localhost"), secrets.credentials, {
    "grpc-node.flow_control_window": 4 * mebibyte,
  });
  const call = client.makeBidiStreamRequest("/log.v1.Log/ProduceStream", asIs, asIs, new Metadata());
  // It ends with the server.
  call.on("error", () => undefined);
  const batch = request(1000, 1000);
  call.on("data", () => call.write(batch));
  for (let open = 0; open < 8; open++) call.write(batch);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await stop("SIGKILL");
  client.close();
}

function request(count, bytes = 100) {
  return requests.produce({ topic: "bench.0", records: records(count, bytes) });
}

/** Works on the data in a process of its own, so that it can end as a crash does. */
async function engine(work) {
  const child = fork(here("cold-start.mjs"), [JSON.stringify(work)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "16" },
  });
  const [code] = await once(child, "exit");
  return code;
}

async function obey({ kind, path, topics, segments, bytes, isUsed }) {
  const { FileStore, defaultFileStoreOptions } = await import("../dist/log/index.js");
  const { readProduceRequest } = await import("../dist/wire/requests.js");
  const quiet = () => undefined;
  const events = { onRecovered: quiet, onFailure: quiet, onClockJump: quiet, onMaintenanceProblem: quiet };
  const segmentBytes = kind === "fill" ? bytes / segments : defaultFileStoreOptions.segmentBytes;
  const store = await FileStore.open(path, { ...defaultFileStoreOptions, segmentBytes }, events);
  const append = async (log, count, each) => {
    const batch = readProduceRequest(request(count, each)).records;
    await (
      await log.append(batch, {})
    ).durable;
  };
  const inTurns = async (items, concurrent, work) => {
    const queue = items.values();
    await Promise.all(
      Array.from({ length: concurrent }, async () => {
        for (const item of queue) await work(item);
      }),
    );
  };
  if (topics !== undefined) {
    const names = Array.from({ length: topics }, (_, index) => `bench.${index}`);
    await inTurns(names, 64, (name) => store.open("acme", name));
  }
  const logs = store.topics("acme");
  if (kind === "fill") {
    await inTurns(logs, 10, async (log) => {
      for (let stored = 0; stored < bytes / topics; stored += mebibyte) await append(log, 256, mebibyte / 256 - 64);
    });
  }
  if (kind === "append") {
    // No more at a time than may wait of one tenant.
    await inTurns(logs, (32 * mebibyte) / bytes, (log) => append(log, Math.ceil(bytes / 1024), Math.min(bytes, 1024)));
    process.kill(process.pid, "SIGKILL");
  }
  if (isUsed) await inTurns(logs, logs.length, (log) => append(log, 1, 100));
  await store[Symbol.asyncDispose]();
  process.exit();
}
