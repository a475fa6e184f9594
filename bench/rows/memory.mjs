/** What servers hold in memory: for what they store, and for readers that take nothing. */
import { once } from "node:events";
import { dirname } from "node:path";
import { openClient } from "../client.mjs";
import { metricsOf } from "../metrics.mjs";
import { residentBytes } from "../processes.mjs";
import { startReaders } from "../start-readers.mjs";
import { spread } from "../statistics.mjs";
import { valueOf } from "../work.mjs";

const mebibyte = 1024 ** 2;
const bytes = 100;
const stages = [0, 1e6, 10e6];
const stageNames = ["nothing stored", "1 M records", "10 M records"];
/** What a garbage collector or an allocator gives back by itself, it gives back soon. */
const settleMs = 1000;
const stalled = 100;

export const memory = {
  name: "server memory, by what is stored, 100 B",
  unit: "MiB resident",
  better: "less",
  bytes,
  measure: resident,
  targets: [
    ({ entries }) => {
      const value = entries.find(({ name }) => name === "aclog, 10 M records").value.median;
      return [{ text: "≤ 150 MiB after 10 M records", value, reached: value <= 150 }];
    },
  ],
};

export const stalledConsumers = {
  name: `server memory for each of ${stalled} stalled consumers`,
  unit: "MiB resident",
  better: "less",
  bytes: 1024 ** 2,
  measure: residentOfStalled,
  targets: [({ entries: [{ value }] }) => [{ text: "≤ 4 MiB", value: value.median, reached: value.median <= 4 }]],
};

/** Each system anew in each round. etcd is left out: ten million keys are more than it is made for. */
async function resident(_row, { servers, found, rounds, progress }) {
  const entries = [];
  for (const system of found.filter(({ kind, name }) => kind === "aclog" || (kind === "peer" && name !== "etcd"))) {
    // It makes no difference to a peer's memory when it syncs.
    if (system.kind === "peer" && system.fsyncs) continue;
    const sizes = stages.map(() => []);
    for (let round = 0; round < rounds; round++) {
      const server = await servers.fresh(system);
      try {
        const client = await openClient(system.client, server.connection);
        await client.createTopic("memory");
        for (const [at, stage] of stages.entries()) {
          progress(`round ${round + 1} of ${rounds}: ${system.name}, ${stageNames[at]}`);
          if (stage > 0) await client.fill("memory", valueOf(bytes), stage - stages[at - 1]);
          await new Promise((resolve) => setTimeout(resolve, settleMs));
          sizes[at].push(residentBytes(server.pid) / mebibyte);
        }
        await client.close();
      } finally {
        await server.stop();
      }
    }
    entries.push(...sizes.map((values, at) => entry(system, stageNames[at], values)));
  }
  return entries;
}

/** They have 4 MiB before them, ask for all of it and take none. */
async function residentOfStalled(_row, { servers, found, rounds, progress }) {
  const aclog = found.find(({ kind }) => kind === "aclog");
  const values = [];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    const limits = { connections: stalled + 10, streams: stalled + 10 };
    const server = await servers.fresh(aclog, { limits });
    try {
      const client = await openClient("aclog", server.connection);
      await client.fill("orders", valueOf(mebibyte - 1024), 4);
      await client.close();
      const before = residentBytes(server.pid);
      const readers = startReaders(server, dirname(server.connection.tls.ca), stalled, true);
      const ended = once(readers, "exit");
      while ((await metricsOf(server.adminAddress)).openCalls < stalled)
        await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      values.push((residentBytes(server.pid) - before) / mebibyte / stalled);
      readers.kill("SIGKILL");
      await ended;
    } finally {
      await server.stop();
    }
  }
  return [entry(aclog, "each", values)];
}

function entry({ name, kind, durable, fsyncs, secured }, what, values) {
  return { name: `${name}, ${what}`, system: name, kind, durable, fsyncs, secured, value: spread(values) };
}
