import { Pace } from "../authz/index.js";

/** So many are sorted in one go, within a millisecond or two. */
const runLength = 2_000;

/** As `toSorted` by these keys' code units, with waiting calls let in between: a hundred thousand names take long. */
export async function sortedBy<Item>(items: readonly Item[], key: (item: Item) => string): Promise<Item[]> {
  const pace = new Pace();
  const order = (one: Keyed<Item>, other: Keyed<Item>): number =>
    Number(one.key > other.key) - Number(one.key < other.key);
  let runs: Keyed<Item>[][] = [];
  for (let start = 0; start < items.length; start += runLength) {
    const run = items.slice(start, start + runLength).map((item) => ({ item, key: key(item) }));
    runs.push(run.sort(order));
    await pace.step();
  }
  while (runs.length > 1) {
    const merged: Keyed<Item>[][] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at]!, runs[at + 1] ?? [], pace));
    runs = merged;
  }
  return (runs[0] ?? []).map(({ item }) => item);
}

interface Keyed<Item> {
  readonly item: Item;
  readonly key: string;
}

async function merge<Item>(
  one: readonly Keyed<Item>[],
  other: readonly Keyed<Item>[],
  pace: Pace,
): Promise<Keyed<Item>[]> {
  const merged: Keyed<Item>[] = [];
  let [left, right] = [0, 0];
  while (left < one.length && right < other.length) {
    merged.push(one[left]!.key <= other[right]!.key ? one[left++]! : other[right++]!);
    const pause = pace.step();
    if (pause !== undefined) await pause;
  }
  return merged.concat(one.slice(left), other.slice(right));
}
