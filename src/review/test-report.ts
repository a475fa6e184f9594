import { parsePrincipal } from "../names.js";
import {
  type Action,
  columnsFor,
  type Decision,
  type Effect,
  entry,
  type LoadedPolicy,
  type MatrixCase,
  type MatrixRow,
  Pace,
  spelledOut,
} from "../authz/index.js";

/** What a matrix states, tried on a policy. Plain values. */
export interface TestReport {
  readonly ok: boolean;
  /** As findings name the matrix: `policy/matrix.csv`. */
  readonly source: string;
  readonly policyVersion: string;
  readonly counts: {
    readonly rows: number;
    /** Rows of which every case came out as stated. */
    readonly passed: number;
    /** Every `*` spelled out. */
    readonly cases: number;
    readonly differences: number;
  };
  readonly rows: readonly TestedRow[];
  /** The first of them, in the order of the file. */
  readonly differences: readonly Difference[];
  /** The first of them, in the order of the file. */
  readonly grid: readonly GridCell[];
  /** Whether `grid` has everything that the matrix speaks of. */
  readonly isGridWhole: boolean;
  /** Tenants of principals in the matrix of which none gets in: what is stated about them is asked of the rules alone. */
  readonly suspended: readonly string[];
}

export interface TestedRow extends MatrixRow {
  readonly cases: number;
  /** How many came out otherwise. */
  readonly differences: number;
  /** The first that did, if any. */
  readonly first?: Difference;
}

/** A case that did not come out as a row states it. */
export interface Difference extends MatrixCase {
  readonly line: number;
  readonly expected: Effect;
  readonly got: Effect;
  /** The rule to blame, or that there is none: `policy/policy.csv:7: p, …`. */
  readonly why: string;
}

/** A principal and a topic, with what came out for each action that the matrix speaks of. */
export interface GridCell extends Omit<MatrixCase, "action"> {
  readonly results: Readonly<Partial<Record<Action, GridResult>>>;
}

export interface GridResult {
  readonly got: Effect;
  /** Whether that is what every row about it states. */
  readonly asStated: boolean;
}

export interface TestOptions {
  /** Only what is stated about topics of this tenant. Then the answer says nothing of any other. */
  readonly tenant?: string | undefined;
  /** As findings name the matrix, if it is not the policy's own. */
  readonly source?: string;
  readonly onProgress?: (done: { readonly rows: number; readonly of: number; readonly cases: number }) => void;
  readonly signal?: AbortSignal;
}

/** A matrix with every `*` spelled out can be larger than memory. */
const maxDifferences = 1_000;
const maxGridCells = 20_000;

/**
 * Asks a policy everything that a matrix states, its own or another. Lets waiting calls run in between.
 * @throws Error when the matcher cannot be evaluated; the signal's reason when that is aborted
 */
export async function testMatrix(
  policy: LoadedPolicy,
  matrix: readonly MatrixRow[] = policy.matrix,
  options: TestOptions = {},
): Promise<TestReport> {
  const { tenant, source = policy.files.files["matrix.csv"].source, onProgress, signal } = options;
  const stated = tenant === undefined ? matrix : concerning(tenant, matrix);
  const casesOf = spelledOut(stated, policy.compiled);
  const rows: TestedRow[] = [];
  const found: Difference[] = [];
  const grid = new Grid();
  const pace = new Pace();
  let [cases, differences] = [0, 0];
  for (const row of stated) {
    signal?.throwIfAborted();
    onProgress?.({ rows: rows.length, of: stated.length, cases });
    const tally = { cases: 0, differences: 0 };
    let first: Difference | undefined;
    for (const asked of casesOf(row)) {
      const pause = pace.step();
      if (pause !== undefined) await pause.then(() => signal?.throwIfAborted());
      const decision = policy.compiled.evaluate(asked.principal, asked.action, asked.tenant, asked.topic);
      const difference = differenceOf(row, asked, decision);
      grid.add(asked, { got: decision.allowed ? "allow" : "deny", asStated: difference === undefined });
      tally.cases += 1;
      if (difference === undefined) continue;
      tally.differences += 1;
      first ??= difference;
      if (found.length < maxDifferences) found.push(difference);
    }
    cases += tally.cases;
    differences += tally.differences;
    rows.push({ ...row, ...tally, ...(first === undefined ? {} : { first }) });
  }
  const passed = rows.filter((row) => row.differences === 0).length;
  return {
    ok: differences === 0,
    source,
    policyVersion: policy.files.version,
    counts: { rows: rows.length, passed, cases, differences },
    rows,
    differences: found,
    grid: grid.cells,
    isGridWhole: grid.isWhole,
    suspended: suspendedAmong(stated, policy),
  };
}

function suspendedAmong(rows: readonly MatrixRow[], { compiled }: LoadedPolicy): string[] {
  const homes = new Set(rows.flatMap(({ principal }) => parsePrincipal(principal)?.tenant ?? []));
  return [...homes].filter((tenant) => compiled.standingOf(tenant)?.isSuspended === true).sort();
}

/** What the rows state about one tenant. */
function concerning(tenant: string, matrix: readonly MatrixRow[]): MatrixRow[] {
  return matrix.filter((row) => columnsFor(tenant).includes(row.tenant)).map((row) => ({ ...row, tenant }));
}

function differenceOf(row: MatrixRow, asked: MatrixCase, { allowed, rule, reason }: Decision): Difference | undefined {
  const got = allowed ? "allow" : "deny";
  if (got === row.expected) return undefined;
  const why = rule === undefined ? reason : `${rule.place}: ${rule.text}`;
  return { line: row.line, ...asked, expected: row.expected, got, why };
}

interface OpenCell extends GridCell {
  readonly results: Partial<Record<Action, GridResult>>;
}

class Grid {
  readonly #cells = new Map<string, OpenCell>();
  isWhole = true;

  get cells(): GridCell[] {
    return [...this.#cells.values()];
  }

  add({ principal, tenant, topic, action }: MatrixCase, result: GridResult): void {
    const key = `${principal} ${tenant}/${topic}`;
    if (this.#cells.size >= maxGridCells && !this.#cells.has(key)) {
      this.isWhole = false;
      return;
    }
    const { results } = entry(this.#cells, key, (): OpenCell => ({ principal, tenant, topic, results: {} }));
    // Two rows can contradict each other.
    results[action] = { ...result, asStated: result.asStated && results[action]?.asStated !== false };
  }
}
