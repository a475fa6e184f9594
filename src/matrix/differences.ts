/** What did not come out as it must, each as one line that leads to the row or to the caller that it is about. */
import type { StatedCase } from "../authz/index.js";
import type { Outsider } from "./outsiders.js";
import type { TriedCell } from "./try-cell.js";

export interface Difference {
  /** The matrix's file; undefined for what no row states. */
  readonly source?: string;
  readonly line?: number;
  readonly problem: string;
}

/**
 * @param strays cells that were refused and whose records were found all the same, with the topic that has them
 * @param serverErrors what the server itself called an error meanwhile
 * @param files how the policy beside the matrix is called, where the server may have another one
 */
export function differencesIn(
  source: string,
  cells: readonly TriedCell[],
  outsiders: readonly Outsider[],
  strays: ReadonlyMap<StatedCase, string>,
  serverErrors: readonly string[],
  files = "the policy",
): readonly Difference[] {
  const ofRows = cells.flatMap((tried) => {
    const stray = strays.get(tried.cell);
    return tried.cell.rows.flatMap(({ line, expected }) => {
      const problem = tried.untried === undefined ? problemWith(tried, expected, stray, files) : undefined;
      return problem === undefined ? [] : [{ source, line, problem }];
    });
  });
  return [
    ...[...ofRows, ...untriedRows(source, cells)].toSorted((a, b) => a.line - b.line),
    ...outsiders.flatMap(({ who, problem }) =>
      problem === undefined ? [] : [{ problem: `${who} must not get in: ${problem}` }],
    ),
    ...[...new Set(serverErrors)].map((text) => ({ problem: `the server reported an error: ${text}` })),
  ];
}

/** Of one row and for one reason, all cells that were not tried are one difference: there may be hundreds. */
function untriedRows(source: string, cells: readonly TriedCell[]): readonly (Difference & { readonly line: number })[] {
  const rows = new Map<string, { line: number; untried: string; first: StatedCase; count: number }>();
  for (const { cell, untried } of cells) {
    if (untried === undefined) continue;
    for (const { line } of cell.rows) {
      const key = `${line} ${untried}`;
      const row = rows.get(key) ?? { line, untried, first: cell, count: 0 };
      rows.set(key, row);
      row.count++;
    }
  }
  return [...rows.values()].map(({ line, untried, first, count }) => {
    const { principal, action, tenant, topic } = first;
    const more = count > 1 ? ` (and ${count - 1} more of this line)` : "";
    return { source, line, problem: `${principal} ${action} ${tenant}/${topic}: not tried: ${untried}${more}` };
  });
}

function problemWith(
  tried: TriedCell,
  expected: "allow" | "deny",
  stray: string | undefined,
  files: string,
): string | undefined {
  if (tried.got === expected && stray === undefined) return undefined;
  const { principal, action, tenant, topic, decision, why } = tried.cell;
  const asked = `${principal} ${action} ${tenant}/${topic}: expected ${expected}`;
  if (tried.got === expected) return `${asked}, and it was refused, but what was sent is stored in ${stray!}`;
  const policy = `${files} says ${decision} (${why})`;
  return `${asked}, got ${describe(tried)}; ${policy}`;
}

/** `allow`, if that is all there is to say; else what came of which methods. */
function describe({ got, attempts }: TriedCell): string {
  if (attempts.length === 0) return `${got} by the policy alone`;
  if (got !== "neither") return got;
  const methodsOf = new Map<string, string[]>();
  for (const { method, got: each, problem } of attempts) {
    const outcome = problem ?? each;
    methodsOf.set(outcome, [...(methodsOf.get(outcome) ?? []), method]);
  }
  return [...methodsOf].map(([outcome, methods]) => `${methods.join(", ")}: ${outcome}`).join("; ");
}

/** Whether anything about a cell is not as stated. */
export function differs({ cell, got }: TriedCell): boolean {
  return cell.rows.some(({ expected }) => expected !== got);
}
