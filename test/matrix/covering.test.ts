import { expect, test } from "vitest";
import { allRows, coveringRows } from "../../src/matrix/covering.js";

/** The pairs that no row has, as `axis=value axis=value`. */
function missingPairs(sizes: readonly number[], rows: readonly (readonly number[])[]): string[] {
  const had = new Set<string>();
  for (const row of rows) {
    row.forEach((value, axis) => row.forEach((other, at) => had.add(`${axis}=${value} ${at}=${other}`)));
  }
  const missing: string[] = [];
  sizes.forEach((size, axis) => {
    for (let other = axis + 1; other < sizes.length; other++) {
      for (let value = 0; value < size; value++) {
        for (let otherValue = 0; otherValue < sizes[other]!; otherValue++) {
          const pair = `${axis}=${value} ${other}=${otherValue}`;
          if (!had.has(pair)) missing.push(pair);
        }
      }
    }
  });
  return missing;
}

const shapes: number[][] = [[1], [3], [1, 1], [2, 2, 2], [3, 3, 3, 3], [4, 28, 17, 13]];
// Every small shape with four axes.
for (const row of allRows([3, 3, 3, 3])) shapes.push(row.map((size) => size + 1));

test("every two values of every two axes come together in a row", () => {
  for (const sizes of shapes) {
    const rows = coveringRows(sizes);
    expect(missingPairs(sizes, rows), sizes.join(" × ")).toEqual([]);
    for (const row of rows) row.forEach((value, axis) => expect(value).toBeLessThan(sizes[axis]!));
  }
});

test("it takes few rows more than the two largest axes need by themselves", () => {
  for (const sizes of shapes.filter(({ length }) => length > 1)) {
    const [first, second] = sizes.toSorted((a, b) => b - a) as [number, number];
    expect(coveringRows(sizes).length, sizes.join(" × ")).toBeLessThanOrEqual(Math.ceil(first * second * 1.5) + 2);
  }
  expect(coveringRows([24, 38, 17, 13]).length).toBeLessThanOrEqual(24 * 38 + 24);
});

test("it is the same every time", () => {
  expect(coveringRows([5, 4, 3, 2])).toEqual(coveringRows([5, 4, 3, 2]));
});

test("the full product has every row once", () => {
  const rows = [...allRows([3, 2, 4])];
  expect(rows).toHaveLength(24);
  expect(new Set(rows.map(String)).size).toBe(24);
  expect([...allRows([3, 0])]).toEqual([]);
  expect(coveringRows([3, 0])).toEqual([]);
});
