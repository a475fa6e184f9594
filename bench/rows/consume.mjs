/** Consuming: from the start, and at the end. */
import { spread } from "../statistics.mjs";
import { atLeast, atMost, bestPeer, entryNamed } from "./targets.mjs";
import { median, perSecond } from "./values.mjs";

export const fromTheStart = {
  ...perSecond,
  name: "consume from the start",
  kind: "read",
  sizes: [100, 1024],
  storesNothing: true,
  // Enough that beginning a pass again does not count, and that it does not take minutes to store.
  holds: (bytes, seconds) => Math.round(Math.min(1, seconds) * (bytes > 500 ? 400_000 : 2_000_000)),
  targets: [
    atLeast({ 100: 3, 1024: 0.9 }, bestPeer),
    atLeast({ 100: 0.6, 1024: 0.85 }, entryNamed("bare grpc-js")),
    (row) => (row.bytes === 100 ? atMost(0.3, "cpu", "server CPU s per million records")(row) : []),
  ],
};

export const tailing = {
  ...median,
  name: "produce → tailing consumer, 1,000/s",
  kind: "tail",
  sizes: [100, 1024],
  params: { perSecond: 1000 },
  targets: [(row) => notLater(row, "p50", 1, 1.5), (row) => notLater(row, "p99", 1.2, 1.2)],
};

/** So late as bare grpc-js and the disk together, each times its factor. */
function notLater({ entries }, part, bareFactor, diskFactor) {
  const [ours] = entries;
  const bare = entries.find(({ kind }) => kind === "bare");
  const disk = entries.find(({ kind }) => kind === "disk");
  if (bare === undefined || disk === undefined) return [];
  const bounds = bare.runs.map((run, round) => bareFactor * run[part] + diskFactor * disk.runs[round][part]);
  const bound = spread(bounds).median;
  const value = ours[part].median;
  const times = (factor) => (factor === 1 ? "" : `${factor} × `);
  const text = `${part} ≤ ${times(bareFactor)}bare grpc-js + ${times(diskFactor)}fdatasync = ${bound.toFixed(2)} ms`;
  return [{ text, value, reached: value <= bound }];
}
