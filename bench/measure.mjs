/** One row of the table: every system does the same work, in turns, round after round. */
import { openClient } from "./client.mjs";
import { cpuSeconds, startNode } from "./processes.mjs";
import { spread } from "./statistics.mjs";
import { valueOf } from "./work.mjs";

/** What a server still does for a run when its last answer is out, such as writing behind it, is counted with the run. */
const settleMs = 100;
let topics = 0;

/** A peer that could not do its part; the row can be measured without it. */
export class PeerFailed extends Error {
  constructor(entrant, cause) {
    super(cause.message.split("\n", 1)[0], { cause });
    this.entrant = entrant;
  }
}

/**
 * @param row as in rows/, for one size of value
 * @param entrants `{ system, way, kind, server, variant }`, ours first
 * @throws PeerFailed
 * @returns the row's entries, each with its figure in every round and with ratios of runs that lay back to back
 */
export async function measureRow(row, entrants, { seconds, rounds, progress }) {
  const players = [];
  try {
    for (const entrant of entrants) {
      progress(`preparing ${nameOf(entrant)}`);
      players.push(await orFailed(entrant, () => prepare(row, entrant, seconds)));
    }
    for (const player of players) {
      progress(`warming up ${nameOf(player.entrant)}`);
      await orFailed(player.entrant, () => player.run(Math.min(1.5, seconds)));
    }
    for (let round = 0; round < rounds; round++) {
      for (const player of inTurn(players, round)) {
        progress(`round ${round + 1} of ${rounds}: ${nameOf(player.entrant)}`);
        player.runs.push(await orFailed(player.entrant, () => measured(row, player, seconds)));
      }
      pair(players, round);
    }
    return players.map((player) => entryOf(row, player));
  } finally {
    for (const { close } of players) await close();
  }
}

async function orFailed(entrant, work) {
  try {
    return await work();
  } catch (error) {
    throw entrant.system.kind === "peer" ? new PeerFailed(entrant, error) : error;
  }
}

/** What an entry is called: its system's name, and its variant or its way where there is more than one. */
export function nameOf({ system, way, kind, variant }) {
  if (variant.name !== undefined) return `${system.name}, ${variant.name}`;
  return system.ways[kind].length > 1 ? `${system.name}, ${way.name}` : system.name;
}

async function prepare(row, entrant, seconds) {
  const { system, way, variant } = entrant;
  const proxy =
    row.delayMs === undefined || entrant.server.connection === undefined
      ? undefined
      : await delayed(entrant.server.connection, row.delayMs);
  const server = proxy === undefined ? entrant.server : { ...entrant.server, connection: proxy.connection };
  const client = await (way.open?.(server) ?? openClient(way.client ?? system.client, server.connection));
  const params = { ...row.params, ...variant.params, bytes: row.bytes };
  const newTopic = () => `${row.kind}.${row.bytes}.${++topics}`;
  const each = (names, work) => Promise.all(names.map((name) => client[work](name)));
  // What a row reads, and many topics that are active, are there through all its runs; else each run has a topic of its own.
  const stored = row.holds && Math.min(row.holds(row.bytes, seconds), system.holdsAtMost ?? Infinity);
  const lasting = stored !== undefined || params.topics !== undefined ? newTopic() : undefined;
  const lastingNames = lasting === undefined ? [] : namesOf(lasting, params.topics);
  await each(lastingNames, "createTopic");
  if (stored !== undefined) await client.fill(lasting, valueOf(row.bytes), stored);
  return {
    entrant,
    server,
    runs: [],
    ratios: [],
    async run(time) {
      const topic = lasting ?? newTopic();
      const names = lasting === undefined ? [topic] : [];
      await each(names, "createTopic");
      const before = cpuSeconds(server.pid);
      const result = await client.run(row.kind, way.name, { ...params, topic, total: stored, seconds: time });
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      const cpu = ((cpuSeconds(server.pid) - before) * 1e6) / result.records;
      await each(names, "discard");
      return { ...result, cpu };
    },
    close: async () => {
      await each(lastingNames, "discard");
      await client.close();
      await proxy?.stop();
    },
  };
}

/** Of one topic its own name; of several, one for each. */
function namesOf(topic, count) {
  return count === undefined ? [topic] : Array.from({ length: count }, (_, at) => `${topic}.${at}`);
}

/** The same connection through a proxy that holds every byte back. */
async function delayed(connection, roundTripMs) {
  const script = new URL("delaying-proxy.mjs", import.meta.url).pathname;
  const { address, stop } = await startNode([script, `${connection.port}`, `${roundTripMs / 2}`]);
  return { connection: { ...connection, host: "localhost", port: Number(address.split(":").at(-1)) }, stop };
}

async function measured(row, { run }, seconds) {
  const { records, seconds: took, cpu, p50, p99, mean } = await run(seconds);
  const figures = { rate: records / took, cpu, p50, p99, mean };
  return { ...figures, value: row.value(figures) };
}

/**
 * Ours, two others, ours, two others, …: so each of the others has a run of ours right before or behind it, and who comes
 * first in one round comes last in the next.
 */
function inTurn([ours, ...others], round) {
  const order = round % 2 === 0 ? others : others.toReversed();
  const turns = [];
  for (let at = 0; at < order.length; at += 2) turns.push(ours, ...order.slice(at, at + 2));
  if (order.length === 0 || order.length % 2 === 0) turns.push(ours);
  return turns;
}

/** What each of the others did in this round, as a ratio to the run of ours beside it. */
function pair([ours, ...others], round) {
  const order = round % 2 === 0 ? others : others.toReversed();
  const first = ours.runs.length - inTurn([ours, ...others], round).filter((player) => player === ours).length;
  order.forEach((other, at) => {
    const beside = ours.runs[first + ((at + 1) >> 1)] ?? ours.runs.at(-1);
    other.beside = [...(other.beside ?? []), beside];
    other.ratios.push(beside.value / other.runs.at(-1).value);
  });
}

function entryOf(row, { entrant, server, runs, ratios, beside }) {
  const { system, way } = entrant;
  const known = (name) => (runs[0][name] === undefined || Number.isNaN(runs[0][name]) ? {} : { [name]: of(name) });
  const of = (name) => spread(runs.map((run) => run[name]));
  return {
    name: nameOf(entrant),
    system: system.name,
    kind: system.kind,
    way: way.name,
    durable: row.storesNothing ? `stored: ${system.durable}` : system.durable,
    fsyncs: system.fsyncs,
    secured: system.secured,
    value: of("value"),
    ...(ratios.length > 0 && { ratio: spread(ratios) }),
    ...known("p50"),
    ...known("p99"),
    ...(server.pid !== undefined && known("cpu")),
    runs,
    ...(beside && { beside }),
  };
}
