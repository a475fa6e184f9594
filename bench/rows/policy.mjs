/** What identity and policy take of a call: measured by themselves, beside what a whole call costs in the same run. */
import { dirname } from "node:path";
import { openClient } from "../client.mjs";
import { cpuSeconds, run } from "../processes.mjs";
import { spread } from "../statistics.mjs";

const script = new URL("../policy-loop.mjs", import.meta.url).pathname;
const bytes = 100;
const batch = 100;

export const policy = {
  name: "identity and policy",
  unit: "% of the server CPU of a unary call",
  better: "less",
  bytes,
  measure: shares,
  targets: [
    ({ entries }) =>
      entries.map(({ name, value }) => ({
        text: `≤ 2 % of a unary call: ${name}`,
        value: value.median,
        reached: value.median <= 2,
      })),
    ({ entries }) =>
      entries.map(({ name, ofBatch }) => ({
        text: `≤ 0.5 % of a batch of ${batch}: ${name}`,
        value: ofBatch.median,
        reached: ofBatch.median <= 0.5,
      })),
  ],
};

const cases = [10, 100_000].flatMap((lines) => [
  { lines, topic: "same", name: `${lines.toLocaleString("en")} lines, the same topic` },
  { lines, topic: "fresh", name: `${lines.toLocaleString("en")} lines, another topic each time` },
]);

async function shares(_row, { servers, found, seconds, rounds, progress }) {
  const aclog = found.find(({ kind }) => kind === "aclog");
  const server = await servers.of(aclog);
  const client = await openClient("grpc", server.connection);
  const runs = [];
  try {
    for (let round = 0; round < rounds + 1; round++) {
      progress(`round ${Math.max(1, round)} of ${rounds}: calls`);
      const call = await cpuOf(server, client, "unary", "Produce, raw", seconds);
      const message = batch * (await cpuOf(server, client, "flood", "ProduceStream, raw", seconds));
      // The first was for warming up.
      if (round === 0) continue;
      const decisions = {};
      for (const lines of [10, 100_000]) {
        progress(`round ${round} of ${rounds}: ${lines} lines`);
        const certificates = dirname(server.connection.tls.ca);
        const argv = [script, dirname(certificates), certificates, `${lines}`, `${seconds}`];
        decisions[lines] = JSON.parse(await run(process.execPath, argv));
      }
      runs.push({ call, message, decisions });
    }
  } finally {
    await client.close();
  }
  return cases.map(({ name, lines, topic }) => {
    const of = (share) => spread(runs.map(share));
    const { kind, durable, fsyncs, secured } = aclog;
    return {
      ...{ name, system: "aclog", kind, durable, fsyncs, secured },
      value: of(({ call, decisions }) => (100 * decisions[lines][topic]) / call),
      ofBatch: of(({ message, decisions }) => (100 * decisions[lines][topic]) / message),
      decisionMicroseconds: of(({ decisions }) => decisions[lines][topic]),
      callMicroseconds: of(({ call }) => call),
      batchMicroseconds: of(({ message }) => message),
    };
  });
}

/** Server CPU for a record, in µs. */
async function cpuOf(server, client, kind, way, seconds) {
  const before = cpuSeconds(server.pid);
  const { records } = await client.run(kind, way, { topic: `policy.${kind}`, bytes, callers: 64, seconds });
  return ((cpuSeconds(server.pid) - before) * 1e6) / records;
}
