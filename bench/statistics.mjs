/** Medians and their spread. */

/** Of any numbers: `{ median, min, max }`. */
export function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: middle(sorted), min: sorted[0], max: sorted.at(-1) };
}

/** Of times in milliseconds: `{ p50, p99, mean }`. */
export function distribution(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { p50: at(0.5), p99: at(0.99), mean: sorted.reduce((sum, time) => sum + time, 0) / sorted.length };
}

function middle(sorted) {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
