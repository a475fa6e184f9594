import { createHash } from "node:crypto";
import type { Finding } from "../errors.js";
import { CompiledPolicy } from "./compiled-policy.js";
import { parseMatrix, runMatrix } from "./matrix-csv.js";
import { parseModel } from "./model-conf.js";
import { parsePolicy } from "./policy-csv.js";
import { RoleScopes } from "./role-scopes.js";
import { checkRoles, warnOfIdleRoles } from "./roles.js";
import { readSource, type SourceFile } from "./source-file.js";
import { parseTenants } from "./tenants-yaml.js";

/** What a look at a policy folder found. It can come into force if there are no `findings`. */
export interface PolicyReport {
  /** Short content hash of the four files, as `Authorizer.version` shows it. */
  readonly version: string;
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
}

/** What a file may have: the two with one row for each right, and the two others. */
const maxBytes = { large: 16 * 1024 * 1024, small: 256 * 1024 } as const;

/** Reads, checks, builds and tries a policy folder. Changes nothing; never throws for what the files say. */
export async function checkPolicy(directory: string): Promise<PolicyReport> {
  return (await loadPolicy(directory)).report;
}

/**
 * The policy is there exactly when the report has no findings.
 * @param judge what is done with the matrix of a policy that could be built
 */
export async function loadPolicy(
  directory: string,
  judge: typeof runMatrix = runMatrix,
): Promise<{ report: PolicyReport; policy?: CompiledPolicy }> {
  const [modelFile, tenantsFile, policyFile, matrixFile] = await Promise.all([
    readSource(directory, "model.conf", maxBytes.small),
    readSource(directory, "tenants.yaml", maxBytes.small),
    readSource(directory, "policy.csv", maxBytes.large),
    readSource(directory, "matrix.csv", maxBytes.large),
  ]);
  const files = [modelFile, tenantsFile, policyFile, matrixFile];
  const version = versionOf(files);

  const model = await parseModel(modelFile);
  const tenants = await parseTenants(tenantsFile);
  const declared = isGood(tenantsFile) ? new Set(tenants.keys()) : undefined;
  const rows = await parsePolicy(policyFile, declared);
  const scopes = await RoleScopes.of(rows);
  await checkRoles(scopes, policyFile.findings);
  // With a line left out for a mistake, roles would look idle that are not.
  if (isGood(policyFile)) await warnOfIdleRoles(rows, scopes, policyFile.findings);
  const matrix = await parseMatrix(matrixFile, declared);
  if (isGood(matrixFile) && matrix.length === 0) matrixFile.findings.warn({}, "this file states nothing");

  let policy: CompiledPolicy | undefined;
  if (model !== undefined && isGood(tenantsFile) && isGood(policyFile)) {
    try {
      policy = await CompiledPolicy.build(version, model, tenants, rows);
      await judge(matrix, policy, matrixFile.findings);
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      modelFile.findings.error({}, `Casbin cannot evaluate this policy: ${cause}`);
    }
  }
  const report: PolicyReport = {
    version,
    findings: files.flatMap((file) => file.findings.inReadingOrder("errors")),
    warnings: files.flatMap((file) => file.findings.inReadingOrder("warnings")),
    counts: {
      tenants: tenants.size,
      rules: rows.rules.length,
      assignments: rows.assignments.length,
      matrixRows: matrix.length,
    },
  };
  return policy !== undefined && report.findings.length === 0 ? { report, policy } : { report };
}

function isGood(file: SourceFile): boolean {
  return file.findings.errors.length === 0;
}

/** Each file's length goes before its bytes, so that no text can move from one file to the next unnoticed. */
function versionOf(files: readonly SourceFile[]): string {
  const hash = createHash("sha256");
  for (const { bytes } of files) hash.update(`${bytes?.byteLength ?? "missing"}\n`).update(bytes ?? "");
  return hash.digest("hex").slice(0, 12);
}
