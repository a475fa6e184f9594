/**
 * A covering array of strength two: few rows in which any two values of any two axes come together at least once. Made axis
 * by axis (Lei and Tai, "In-parameter-order", 1998), always the same for the same sizes.
 *
 * @param sizes how many values each axis has; without any of one there are no rows
 * @returns rows with the index of a value for each axis
 */
export function coveringRows(sizes: readonly number[]): readonly (readonly number[])[] {
  if (sizes.includes(0)) return [];
  // The two largest axes alone need as many rows as their product, so the others are fitted into those.
  const order = sizes.map((_size, axis) => axis).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const rows: Row[] = [Array<undefined>(sizes.length).fill(undefined)];
  order.forEach((axis, position) => addAxis(rows, sizes, order.slice(0, position), axis));
  return rows.map((row) => row.map((value) => value ?? 0));
}

/** Every row of the full product, one after the other: it is not held in memory. */
export function* allRows(sizes: readonly number[]): Generator<readonly number[], void, undefined> {
  const row = sizes.map(() => 0);
  if (sizes.includes(0)) return;
  for (;;) {
    yield [...row];
    let axis = sizes.length - 1;
    while (axis >= 0 && row[axis] === sizes[axis]! - 1) row[axis--] = 0;
    if (axis < 0) return;
    row[axis]!++;
  }
}

/** Undefined where any value will do. */
type Row = (number | undefined)[];

/** Gives each row a value of `axis`, and adds rows for the pairs that none of them brings. */
function addAxis(rows: Row[], sizes: readonly number[], before: readonly number[], axis: number): void {
  const size = sizes[axis]!;
  const missing = new Pairs(before, sizes, size);
  if (before.length === 0) {
    rows.splice(0, rows.length, ...Array.from({ length: size }, (_each, value) => withValue(rows[0]!, axis, value)));
    return;
  }
  rows.forEach((row, at) => {
    let best = at % size;
    let most = missing.newIn(row, best);
    for (let step = 1; step < size; step++) {
      const value = (at + step) % size;
      const count = missing.newIn(row, value);
      if (count > most) [best, most] = [value, count];
    }
    row[axis] = best;
    missing.take(row, best);
  });
  for (const [other, otherValue, value] of missing.rest()) {
    // A row that was added already and leaves this axis open brings the pair without being a row more.
    const open = rows.find((row) => row[axis] === value && row[other] === undefined);
    if (open !== undefined) {
      open[other] = otherValue;
      continue;
    }
    const row: Row = Array<undefined>(sizes.length).fill(undefined);
    row[other] = otherValue;
    row[axis] = value;
    rows.push(row);
  }
}

function withValue(row: Row, axis: number, value: number): Row {
  const changed = [...row];
  changed[axis] = value;
  return changed;
}

/** The pairs of one axis with those before it that no row has brought yet. */
class Pairs {
  readonly #before: readonly number[];
  readonly #size: number;
  /** For each axis before, a flag for each pair. */
  readonly #missing: ReadonlyMap<number, Uint8Array>;

  constructor(before: readonly number[], sizes: readonly number[], size: number) {
    this.#before = before;
    this.#size = size;
    this.#missing = new Map(before.map((axis) => [axis, new Uint8Array(sizes[axis]! * size).fill(1)]));
  }

  newIn(row: Row, value: number): number {
    let count = 0;
    for (const axis of this.#before) {
      const other = row[axis];
      if (other !== undefined) count += this.#missing.get(axis)![other * this.#size + value]!;
    }
    return count;
  }

  take(row: Row, value: number): void {
    for (const axis of this.#before) {
      const other = row[axis];
      if (other !== undefined) this.#missing.get(axis)![other * this.#size + value] = 0;
    }
  }

  *rest(): Generator<readonly [axis: number, other: number, value: number], void, undefined> {
    for (const [axis, flags] of this.#missing) {
      for (const [at, flag] of flags.entries()) {
        if (flag === 1) yield [axis, Math.floor(at / this.#size), at % this.#size];
      }
    }
  }
}
