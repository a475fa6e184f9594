/** The results as a table for people. */

const head = ["", "median (min–max)", "aclog ÷ it", "p50 / p99 ms", "CPU s/M", "durable", "secured"];
const left = new Set([0, 5, 6]);

/** @param report what `--json` prints */
export function table({ machine, seconds, rounds, rows, skipped }) {
  const widths = head.map((words, at) =>
    Math.max(words.length, ...rows.flatMap(({ entries }) => entries.map((entry) => cells(entry)[at].length))),
  );
  const line = (texts) =>
    texts.map((text, at) => (left.has(at) ? text.padEnd(widths[at]) : text.padStart(widths[at]))).join("  ");
  const lines = [line(head).trimEnd()];
  for (const { name, unit, better, entries, targets } of rows) {
    lines.push("", `${name}: ${unit}${better === "less" ? ", less is better" : ""}`);
    for (const entry of entries) lines.push(line(cells(entry)).trimEnd());
    for (const target of targets) lines.push(`  ${verdict(target)}`);
  }
  lines.push(
    "",
    `Medians, with the lowest and the highest, of runs of ${seconds} s: ${rounds} of each; ratios are of runs back to back.`,
    "CPU s/M: server CPU seconds, of all threads, for a million records.",
    `Node ${machine.node}, ${machine.cores} × ${machine.cpu}`,
    ...skipped.map(({ name, why }) => `${name}: skipped, ${why}`),
  );
  return `${lines.join("\n")}\n`;
}

/** Whether the project has what it wants, as a line. */
export function verdict({ text, value, reached }) {
  return `${reached ? "reached:" : "MISSED: "} ${text} (is ${number(value)})`;
}

/** Three digits that matter, and no more. */
export function number(value) {
  if (value === undefined || !Number.isFinite(value)) return "";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(3)).toString();
}

function cells({ name, value, ratio, p50, p99, cpu, durable, secured }) {
  return [
    `  ${name}`,
    spreadText(value),
    ratio === undefined ? "" : spreadText(ratio),
    p50 === undefined ? "" : `${number(p50.median)} / ${number(p99.median)}`,
    number(cpu?.median),
    durable,
    secured,
  ];
}

function spreadText({ median, min, max }) {
  return `${number(median)} (${number(min)}–${number(max)})`;
}
