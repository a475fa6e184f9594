import type { Finding } from "../errors.js";
import { nameOfRole } from "./columns.js";
import { CompiledPolicy } from "./compiled-policy.js";
import { warnOfIdleRules } from "./idle-rules.js";
import { type MatrixRow, parseMatrix, runMatrix } from "./matrix-csv.js";
import { type Model, parseModel } from "./model-conf.js";
import { parsePolicy, type PolicyRows } from "./policy-csv.js";
import { PolicyFiles } from "./policy-files.js";
import { RoleScopes } from "./role-scopes.js";
import { checkRoles, warnOfIdleNames, warnOfIdleRoles } from "./roles.js";
import type { SimpleColumns } from "./simple-model.js";
import type { SourceFile } from "./source-file.js";
import { type DeclaredTenant, parseTenants } from "./tenants-yaml.js";

/** What a look at a policy folder found. It can come into force if there are no `findings`. */
export interface PolicyReport {
  /** Short content hash of the four files, as `Authorizer.version` shows it. */
  readonly version: string;
  /** Which of the two kinds of model judges: with tenants, or the simple one, which knows the caller's own alone. */
  readonly model: "tenants" | "simple";
  /** Every mistake, of each file the first 50; each one keeps the policy from coming into force. */
  readonly findings: readonly Finding[];
  /** What is possible but perhaps not meant, such as a role that nobody has: these keep nothing from coming into force. */
  readonly warnings: readonly Finding[];
  readonly counts: {
    readonly tenants: number;
    /** The `p` lines of `policy.csv`. */
    readonly rules: number;
    /** The `g` lines of `policy.csv`. */
    readonly assignments: number;
    readonly matrixRows: number;
  };
  /** Tenants of which no client gets in. */
  readonly suspended: readonly string[];
}

/** A policy that could come into force, with what its files say. */
export interface LoadedPolicy {
  readonly files: PolicyFiles;
  readonly compiled: CompiledPolicy;
  readonly model: Model;
  readonly tenants: ReadonlyMap<string, DeclaredTenant>;
  readonly rows: PolicyRows;
  readonly matrix: readonly MatrixRow[];
  /** What its lines are like under the simple model; undefined under one with tenants. */
  readonly simple: SimpleColumns | undefined;
}

/** Reads, checks, builds and tries a policy folder. Changes nothing; never throws for what the files say. */
export async function checkPolicy(directory: string): Promise<PolicyReport> {
  return (await loadPolicy(await PolicyFiles.read(directory))).report;
}

/**
 * The policy is there exactly when the report has no findings.
 * @param judge what is done with the matrix of a policy that could be built
 */
export async function loadPolicy(
  files: PolicyFiles,
  judge: typeof runMatrix = runMatrix,
): Promise<{ report: PolicyReport; policy?: LoadedPolicy }> {
  const { version } = files;
  const modelFile = files.files["model.conf"];
  const tenantsFile = files.files["tenants.yaml"];
  const policyFile = files.files["policy.csv"];
  const matrixFile = files.files["matrix.csv"];

  const { model, simple } = await parseModel(modelFile);
  const tenants = await parseTenants(tenantsFile);
  const declared = isGood(tenantsFile) ? new Set(tenants.keys()) : undefined;
  const rows = await parsePolicy(policyFile, declared, simple);
  const scopes = await RoleScopes.of(rows);
  await checkRoles(scopes, policyFile.findings, simple && nameOfRole);
  // With a line left out for a mistake, roles would look idle that are not.
  if (isGood(policyFile))
    await (simple === undefined ? warnOfIdleRoles : warnOfIdleNames)(rows, scopes, policyFile.findings);
  // What nobody states nobody has to hold: classic policies come without.
  const isStated = simple === undefined || !matrixFile.isMissing;
  const all = files.all.filter((file) => file !== matrixFile || isStated);
  const matrix = await parseMatrix(matrixFile, declared);
  if (isGood(matrixFile) && matrix.length === 0 && isStated) matrixFile.findings.warn({}, "this file states nothing");

  let compiled: CompiledPolicy | undefined;
  if (model !== undefined && isGood(tenantsFile) && isGood(policyFile)) {
    try {
      compiled = await CompiledPolicy.build(version, model, tenants, rows);
      await warnOfIdleRules(rows, compiled, policyFile.findings);
      await judge(matrix, compiled, matrixFile.findings);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      modelFile.findings.error({}, `Casbin cannot evaluate this policy: ${cause}`);
    }
  }
  for (const file of [policyFile, matrixFile]) await file.findings.placeFields(file.text ?? "");
  const report: PolicyReport = {
    version,
    model: simple === undefined ? "tenants" : "simple",
    findings: all.flatMap((file) => file.findings.inReadingOrder("errors")),
    warnings: all.flatMap((file) => file.findings.inReadingOrder("warnings")),
    counts: {
      tenants: tenants.size,
      rules: rows.rules.length,
      assignments: rows.assignments.length,
      matrixRows: matrix.length,
    },
    suspended: [...tenants].flatMap(([tenant, { standing }]) => (standing.isSuspended ? [tenant] : [])).sort(),
  };
  if (model === undefined || compiled === undefined || report.findings.length > 0) return { report };
  return { report, policy: { files, compiled, model, tenants, rows, matrix, simple } };
}

function isGood(file: SourceFile): boolean {
  return file.findings.errors.length === 0;
}
