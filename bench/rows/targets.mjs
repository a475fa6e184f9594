/** What the project wants of a row. Each gives `{ text, value, reached }`, or nothing where it was not measured. */

/** At least so many times as much as the entries chosen; `factor` may differ by the bytes of a value. */
export function atLeast(factor, chosen) {
  return (row) => {
    const entry = chosen(row.entries);
    const bound = typeof factor === "number" ? factor : factor[row.bytes];
    if (entry?.ratio === undefined || bound === undefined) return [];
    const value = entry.ratio.median;
    return [{ text: `≥ ${bound} × ${entry.name}`, value, reached: value >= bound }];
  };
}

/** At most so much of one figure of ours, such as `cpu`. */
export function atMost(bound, figure, words) {
  return (row) => {
    const value = row.entries[0][figure]?.median;
    return value === undefined ? [] : [{ text: `${words} ≤ ${bound}`, value, reached: value <= bound }];
  };
}

export const entryNamed = (name) => (entries) => entries.find((entry) => entry.name === name || entry.system === name);
export const bestPeer = (entries) => best(entries.filter(({ kind }) => kind === "peer"));
export const bestFsyncingPeer = (entries) => best(entries.filter(({ kind, fsyncs }) => kind === "peer" && fsyncs));

function best(entries) {
  return entries.toSorted((a, b) => b.value.median - a.value.median)[0];
}
