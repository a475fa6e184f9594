import { fromOutside } from "./outside-text.js";
import type { MatrixReport } from "./run.js";

/** A report for programs: plain values, as `aclog matrix --json` prints them. */
export function reportObject(report: MatrixReport): object {
  const { cells, madeMs, outside, ...rest } = report;
  return {
    ...rest,
    made: new Date(madeMs).toISOString(),
    ...(outside && { outside: { ...outside, remark: fromOutside } }),
    cells: cells.map(({ cell, got, attempts, untried }) => {
      const { principal, tenant, topic, action, rows, why } = cell;
      return { principal, tenant, topic, action, rows, got, why, onTheWire: attempts.length > 0, attempts, untried };
    }),
  };
}
