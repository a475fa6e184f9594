import type { MatrixReport } from "./run.js";

/** A report for programs: plain values, as `aclog matrix --json` prints them. */
export function reportObject(report: MatrixReport): object {
  const { cells, madeMs, ...rest } = report;
  return {
    ...rest,
    made: new Date(madeMs).toISOString(),
    cells: cells.map(({ cell, got, attempts }) => {
      const { principal, tenant, topic, action, rows, why } = cell;
      return { principal, tenant, topic, action, rows, got, why, onTheWire: attempts.length > 0, attempts };
    }),
  };
}
