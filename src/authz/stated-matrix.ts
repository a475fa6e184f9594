import { join } from "node:path";
import { OperatorError } from "../errors.js";
import type { Effect } from "./columns.js";
import type { CompiledPolicy } from "./compiled-policy.js";
import { loadPolicy } from "./load.js";
import { type TenantStanding, defaultTenantStanding } from "../tenant-standing.js";
import { type MatrixCase, spelledOut } from "./matrix-csv.js";
import { PolicyFiles } from "./policy-files.js";
import { whyUnusable } from "./unusable-policy.js";

/** One case of a matrix, with every row that states it and what the policy beside it says. */
export interface StatedCase extends MatrixCase {
  /** In the order of the file, at least one; two rows may contradict each other. */
  readonly rows: readonly { readonly line: number; readonly expected: Effect }[];
  readonly decision: Effect;
  /** The rule that decided, with its place, or that there is none. */
  readonly why: string;
}

/** A policy folder's `matrix.csv`, spelled out. */
export interface StatedMatrix {
  /** As findings name the file: `policy/matrix.csv`. */
  readonly source: string;
  /** As `Authorizer.version` shows it. */
  readonly policyVersion: string;
  /** The declared tenants, sorted. */
  readonly tenants: readonly string[];
  /** What `tenants.yaml` says of one of them but for its limits. */
  readonly standingOf: (tenant: string) => TenantStanding;
  /** Each case once, in the order of the file. */
  readonly cases: readonly StatedCase[];
  /** What the policy says to a case, whether or not the matrix states it. */
  decide(asked: MatrixCase): Effect;
}

/**
 * Reads what a folder's matrix states, and does not mind where the policy says otherwise: that is for the reader to judge.
 * @throws OperatorError with every other mistake in the files
 */
export async function readMatrix(directory: string): Promise<StatedMatrix> {
  const cases = new Map<string, StatedCase & { readonly rows: StatedCase["rows"][number][] }>();
  const files = await PolicyFiles.read(directory);
  const { report, policy } = await loadPolicy(files, async (matrix, compiled) => {
    const casesOf = spelledOut(matrix, compiled);
    for (const row of matrix) {
      for (const asked of casesOf(row)) {
        const key = `${asked.principal} ${asked.action} ${asked.tenant}/${asked.topic}`;
        const known = cases.get(key) ?? { ...asked, ...decisionOn(asked, compiled), rows: [] };
        cases.set(key, known);
        known.rows.push({ line: row.line, expected: row.expected });
      }
    }
  });
  if (policy === undefined) throw new OperatorError(whyUnusable(files), report.findings);
  return {
    source: join(directory, "matrix.csv"),
    policyVersion: policy.compiled.version,
    tenants: policy.compiled.tenants,
    standingOf: (tenant) => policy.tenants.get(tenant)?.standing ?? defaultTenantStanding,
    cases: [...cases.values()],
    decide: (asked) => decisionOn(asked, policy.compiled).decision,
  };
}

function decisionOn(
  { principal, action, tenant, topic }: MatrixCase,
  policy: CompiledPolicy,
): Pick<StatedCase, "decision" | "why"> {
  const { allowed, rule, reason } = policy.evaluate(principal, action, tenant, topic);
  const why = rule === undefined ? reason : `${rule.place}: ${rule.text}`;
  return { decision: allowed ? "allow" : "deny", why };
}
