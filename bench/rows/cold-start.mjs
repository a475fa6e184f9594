/** How long a start takes, until the first record is acknowledged: what cold-start.mjs measures. */
import { run } from "../processes.mjs";
import { spread } from "../statistics.mjs";

const script = new URL("../cold-start.mjs", import.meta.url).pathname;
const wanted = [
  { name: "1,000 segments, stopped cleanly", seconds: 1 },
  { name: "1,000 segments, killed under load", seconds: 3 },
  { name: "topics, all dirty, killed", seconds: 10 },
];

export const coldStart = {
  name: "cold start, 10 GB in 1,000 segments, and 10,000 topics",
  unit: "s to the first answer",
  better: "less",
  measure: async (_row, { found, rounds, progress }) => {
    progress("making 10 GB");
    const { rows } = JSON.parse(await run(process.execPath, [script, "--json", "--rounds", `${rounds}`]));
    const { kind, durable, fsyncs, secured } = found.find((system) => system.kind === "aclog");
    return rows.map(({ name, starts }) => ({
      ...{ name, system: "aclog", kind, durable, fsyncs, secured },
      value: spread(starts.map(({ seconds }) => seconds)),
      runs: starts,
    }));
  },
  targets: wanted.map(({ name, seconds }) => ({ entries }) => {
    const value = entries.find((entry) => entry.name === name).value.median;
    return [{ text: `≤ ${seconds} s: ${name}`, value, reached: value <= seconds }];
  }),
};
