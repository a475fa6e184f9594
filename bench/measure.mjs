/** One row of the table: every system does the same work, in turns, round after round. */
import { openClient } from "./client.mjs";
import { cpuSeconds } from "./processes.mjs";
import { spread } from "./statistics.mjs";
import { valueOf } from "./work.mjs";

/** What a server still does for a run when its last answer is out, such as writing behind it, is counted with the run. */
const settleMs = 100;
let topics = 0;

/**
 * @param row as in rows/, for one size of value
 * @param entrants `{ system, way, kind, server }`, ours first
 * @returns the row's entries, each with its figure in every round and with ratios of runs that lay back to back
 */
export async function measureRow(row, entrants, { seconds, rounds, progress }) {
  const players = [];
  try {
    for (const entrant of entrants) {
      progress(`preparing ${nameOf(entrant)}`);
      players.push(await prepare(row, entrant, seconds));
    }
    for (const player of players) {
      progress(`warming up ${nameOf(player.entrant)}`);
      await player.run(Math.min(1.5, seconds));
    }
    for (let round = 0; round < rounds; round++) {
      for (const player of inTurn(players, round)) {
        progress(`round ${round + 1} of ${rounds}: ${nameOf(player.entrant)}`);
        player.runs.push(await measured(row, player, seconds));
      }
      pair(players, round);
    }
    return players.map((player) => entryOf(row, player));
  } finally {
    for (const { close } of players) await close();
  }
}

/** What an entry is called: its system's name, and how it does this work where it does it in more than one way. */
export function nameOf({ system, way, kind }) {
  return system.ways[kind].length > 1 ? `${system.name}, ${way.name}` : system.name;
}

async function prepare(row, entrant, seconds) {
  const { system, way, server } = entrant;
  const client = await (way.open?.(server) ?? openClient(way.client ?? system.client, server.connection));
  const params = { ...row.params, bytes: row.bytes };
  const newTopic = () => `${row.kind}.${row.bytes}.${++topics}`;
  const stored = row.holds?.(row.bytes, seconds);
  let topic;
  if (stored !== undefined && client.fill !== undefined) {
    topic = newTopic();
    await client.createTopic(topic);
    await client.fill(topic, valueOf(row.bytes), stored);
  }
  return {
    entrant,
    server,
    runs: [],
    ratios: [],
    async run(time) {
      if (stored !== undefined || client.createTopic === undefined)
        return client.run(row.kind, way.name, { ...params, topic, total: stored, seconds: time });
      const fresh = newTopic();
      const names = params.topics === undefined ? [fresh] : topicsOf(fresh, params.topics);
      for (const name of names) await client.createTopic(name);
      const result = await client.run(row.kind, way.name, { ...params, topic: fresh, seconds: time });
      for (const name of names) await client.discard(name);
      return result;
    },
    close: async () => {
      if (topic !== undefined) await client.discard(topic);
      await client.close();
    },
  };
}

function topicsOf(prefix, count) {
  return Array.from({ length: count }, (_, at) => `${prefix}.${at}`);
}

async function measured(row, { run, server }, seconds) {
  const before = cpuSeconds(server.pid);
  const result = await run(seconds);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const cpu = cpuSeconds(server.pid) - before;
  const figures = { rate: result.records / result.seconds, cpu: (cpu * 1e6) / result.records };
  return {
    ...figures,
    p50: result.p50,
    p99: result.p99,
    mean: result.mean,
    value: row.value({ ...figures, ...result }),
  };
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
