/** A plot of each row, as an SVG file that needs nothing else: bars at the medians, whiskers from the lowest to the highest. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { number, verdict } from "./table.mjs";

const width = 920;
const labels = 300;
const right = 130;
const barHeight = 20;
const barStep = 32;
const top = 86;
/** From here on the smallest bar could not be seen beside the largest. */
const logFrom = 30;

const looks = {
  ours: { fill: "#0f766e", says: "aclog: fdatasync before the answer" },
  fsynced: { fill: "#2563eb", says: "synced before the answer" },
  unsynced: { fill: "#f59e0b", says: "answered before it is synced" },
  ceiling: { fill: "#94a3b8", says: "a part by itself" },
};

/** @returns the paths of the files */
export async function writePlots(directory, rows) {
  await mkdir(directory, { recursive: true });
  const paths = [];
  for (const row of rows) {
    const path = join(directory, `${row.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}.svg`);
    await writeFile(path, plot(row));
    paths.push(path);
  }
  return paths;
}

/** @param row as in the report */
export function plot({ name, unit, better, entries, targets }) {
  const scale = scaleOf(entries.map(({ value }) => value));
  const axisY = top + entries.length * barStep + 4;
  const used = Object.entries(looks).filter(([look]) => entries.some((entry) => lookOf(entry) === look));
  const legendY = axisY + 52;
  const targetsY = legendY + 28;
  const height = targetsY + targets.length * 18 + 8;
  const parts = [
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(24, 34, name, 'font-size="18" font-weight="600"'),
    text(24, 58, `${unit}; ${better} is better${scale.log ? "; logarithmic scale" : ""}`, 'fill="#475569"'),
    ...scale.ticks.flatMap((tick) => [
      `<line x1="${scale.x(tick)}" y1="${top - 8}" x2="${scale.x(tick)}" y2="${axisY}" stroke="#e2e8f0"/>`,
      text(scale.x(tick), axisY + 18, short(tick), 'text-anchor="middle" fill="#475569" font-size="12"'),
    ]),
    ...entries.flatMap((entry, at) => bar(entry, top + at * barStep, scale)),
    ...legend(used, legendY),
    ...targets.map((target, at) =>
      text(24, targetsY + at * 18, verdict(target), `font-size="13" fill="${target.reached ? "#166534" : "#b91c1c"}"`),
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="'Helvetica Neue', Arial, 'Liberation Sans', sans-serif" font-size="14" fill="#0f172a">
${parts.join("\n")}
</svg>
`;
}

function bar(entry, y, { x }) {
  const { median, min, max } = entry.value;
  const middle = y + barHeight / 2;
  const line = (x1, y1, x2, y2) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#0f172a" stroke-width="1.3"/>`;
  const label = median === undefined ? "" : number(median);
  return [
    text(labels - 12, middle + 5, entry.name, 'text-anchor="end"'),
    `<rect x="${labels}" y="${y}" width="${Math.max(1, x(median) - labels)}" height="${barHeight}" rx="2" fill="${looks[lookOf(entry)].fill}"/>`,
    line(x(min), middle, x(max), middle),
    ...[min, max].map((end) => line(x(end), middle - 5, x(end), middle + 5)),
    text(x(max) + 10, middle + 5, label, 'font-weight="600"'),
  ];
}

function legend(used, y) {
  let x = 24;
  return used.flatMap(([, { fill, says }]) => {
    const at = x;
    x += 34 + says.length * 7;
    return [
      `<rect x="${at}" y="${y - 11}" width="12" height="12" rx="2" fill="${fill}"/>`,
      text(at + 18, y, says, 'font-size="13"'),
    ];
  });
}

function lookOf({ kind, fsyncs }) {
  if (kind === "aclog") return "ours";
  if (kind === "peer") return fsyncs ? "fsynced" : "unsynced";
  return "ceiling";
}

/** Where a value lies, and where the marks are. A bar of a logarithmic scale begins at a power of ten. */
function scaleOf(spreads) {
  const lowest = Math.min(...spreads.map(({ min }) => min).filter((value) => value > 0));
  const highest = Math.max(...spreads.map(({ max }) => max));
  const room = width - labels - right;
  if (highest / lowest < logFrom) {
    const step = niceStep(highest / 5);
    const ticks = Array.from({ length: Math.floor(highest / step) + 1 }, (_, at) => at * step);
    return { log: false, ticks, x: (value) => labels + (room * value) / highest };
  }
  const from = Math.floor(Math.log10(lowest));
  const to = Math.log10(highest);
  const ticks = Array.from({ length: Math.floor(to) - from + 1 }, (_, at) => 10 ** (from + at));
  const x = (value) => labels + (room * (Math.log10(Math.max(value, 10 ** from)) - from)) / (to - from);
  return { log: true, ticks, x };
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((times) => times * power >= value) * power;
}

function short(value) {
  if (value >= 1e6) return `${number(value / 1e6)}M`;
  return value >= 1e3 ? `${number(value / 1e3)}k` : number(value);
}

function text(x, y, words, attributes = "") {
  return `<text x="${x}" y="${y}" ${attributes}>${words.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
}
