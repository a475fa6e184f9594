/** Medians, their spread, and the table. */
import Table from "cli-table3";

/** Of times in milliseconds. */
export function distribution(times) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN);
  return { p50: at(0.5), p99: at(0.99) };
}

/** @param results of each round, by server */
export function ratioRow({ name, unit }, results) {
  const side = (runs) => {
    const rates = runs.map(({ rate }) => rate).toSorted((a, b) => a - b);
    const middle = runs.toSorted((a, b) => a.rate - b.rate)[Math.floor(runs.length / 2)];
    const { milliseconds, perMessage } = middle;
    return {
      median: Math.round(middle.rate),
      min: Math.round(rates[0]),
      max: Math.round(rates.at(-1)),
      cpuMicroseconds: round(middle.cpuMicroseconds),
      ...(milliseconds && { milliseconds }),
      ...(perMessage && { recordsPerMessage: round(perMessage) }),
    };
  };
  const [aclog, bare] = [side(results.aclog), side(results.bare)];
  return { name, unit, aclog, bare, ratio: round(aclog.median / bare.median) };
}

export function table({ machine, seconds, rounds, disk, rows }) {
  const grid = new Table({
    head: ["per second", "aclog", "bare grpc-js", "ratio", "server CPU µs each", "p50/p99 ms: aclog", "bare"],
    colAligns: ["left", ...new Array(6).fill("right")],
    style: { head: [], border: [] },
  });
  for (const { name, aclog, bare, ratio } of rows)
    grid.push([name, rate(aclog), rate(bare), ratio.toFixed(2), cpu(aclog, bare), times(aclog), times(bare)]);
  grid.push([
    "the disk alone: 4 KiB and an fdatasync",
    { content: disk.perSecond.toLocaleString("en"), colSpan: 4 },
    times(disk),
    "",
  ]);
  const runs = `medians of ${rounds} runs of ${seconds} s each, with the lowest and the highest`;
  return `${grid.toString()}\n${runs}; Node ${machine.node}, ${machine.cores} × ${machine.cpu}\n`;
}

function rate({ median, min, max }) {
  const text = (value) => value.toLocaleString("en");
  return `${text(median)} (${text(min)}–${text(max)})`;
}

function times({ milliseconds }) {
  return milliseconds === undefined ? "" : `${milliseconds.p50} / ${milliseconds.p99}`;
}

/** All threads of the server, for each call or record. */
function cpu(...sides) {
  return sides.map(({ cpuMicroseconds }) => cpuMicroseconds).join(" / ");
}

function round(value) {
  return Math.round(value * 100) / 100;
}
