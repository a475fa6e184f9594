/** Index of the last item that `matches`, or -1. Those that match must all come before those that do not. */
export function lastIndexWhere<T>(items: readonly T[], matches: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (matches(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The same where it takes a look at a file to know; about log2 of all items are looked at. */
export async function lastIndexWhereAsync<T>(
  items: readonly T[],
  matches: (item: T) => Promise<boolean>,
): Promise<number> {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (await matches(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
