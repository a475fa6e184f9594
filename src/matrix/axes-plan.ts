/** Which combinations of the axes are tried, and which of them together. */
import { actions } from "./axes/actions.js";
import { credentials } from "./axes/credentials.js";
import { moments } from "./axes/moments.js";
import { slots } from "./axes/policy.js";
import { resources } from "./axes/resources.js";
import { allRows, coveringRows } from "./covering.js";
import type { Cell } from "./oracle.js";

/** All combinations that there are. */
export const combinations = product([moments.length, credentials.length, actions.length, resources.length]);

/** Every `of`-th batch, from the one `at` this place on. */
export interface Share {
  readonly at: number;
  readonly of: number;
}

/**
 * Every value and every pair of values of credential, action, resource and moment. What is turned away at the door never
 * comes to anything else, and would hide what it stands beside: so the pairs are made once of the welcome credentials and
 * once of the others.
 */
export function planAxes(isFull: boolean): { readonly count: number; readonly cells: Iterable<Cell> } {
  const groups = [true, false].map((isWelcome) =>
    credentials.filter(({ entrance }) => (entrance === "in") === isWelcome),
  );
  const shapes = groups.map((group) => [moments.length, group.length, actions.length, resources.length]);
  const rows = shapes.map((sizes) => (isFull ? { length: product(sizes), all: allRows(sizes) } : pairs(sizes)));
  function* cells(): Generator<Cell, void, undefined> {
    for (const [at, { all }] of rows.entries()) {
      for (const [moment, credential, action, resource] of all) {
        yield {
          moment: moments[moment!]!,
          credential: groups[at]![credential!]!,
          action: actions[action!]!,
          resource: resources[resource!]!,
        };
      }
    }
  }
  return { count: rows.reduce((sum, { length }) => sum + length, 0), cells: cells() };
}

function pairs(sizes: readonly number[]): { readonly length: number; readonly all: Iterable<readonly number[]> } {
  const all = coveringRows(sizes).toSorted((a, b) => a[0]! - b[0]!);
  return { length: all.length, all };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/** Cells of one moment, in their order, as many as there is room for. */
function* batches(cells: Iterable<Cell>): Generator<Cell[], void, undefined> {
  let batch: Cell[] = [];
  for (const cell of cells) {
    if (batch.length === slots || (batch[0] !== undefined && batch[0].moment !== cell.moment)) {
      yield batch;
      batch = [];
    }
    batch.push(cell);
  }
  if (batch.length > 0) yield batch;
}

/** What of it one of several takes. */
export function* shareOf(isFull: boolean, { at, of }: Share): Generator<readonly Cell[], void, undefined> {
  let number = 0;
  for (const batch of batches(planAxes(isFull).cells)) if (number++ % of === at) yield batch;
}
