import { formatFinding } from "../../src/errors.js";
import { type LoadedPolicy, loadPolicy, PolicyFiles, type PolicyFileName } from "../../src/authz/index.js";
import { exampleModel } from "../authz/policy-folder.js";

export { exampleModel };

/** As its model has it, in place of the example's matcher. */
export function modelWith(matcher: string): string {
  return exampleModel.replace(/^m = .*$/m, () => `m = ${matcher}`);
}

const declaring = (tenants: readonly string[]): string =>
  `tenants:\n${tenants.map((tenant) => `  ${tenant}: {}\n`).join("")}`;

export interface Texts extends Partial<Record<PolicyFileName, string>> {
  /** In place of `tenants.yaml`. */
  readonly tenants?: readonly string[];
}

/** A policy of the example's model, acme, globex and no matrix, but for what is given. Its matrix is not tried. */
export async function policyOf(
  source: string,
  { tenants = ["acme", "globex"], ...texts }: Texts,
): Promise<LoadedPolicy> {
  const all = {
    "model.conf": exampleModel,
    "tenants.yaml": tenants.length === 0 ? "tenants: {}\n" : declaring(tenants),
    "policy.csv": "",
    "matrix.csv": "",
    ...texts,
  };
  const bytes = Object.fromEntries(Object.entries(all).map(([name, text]) => [name, Buffer.from(text)]));
  const { policy, report } = await loadPolicy(await PolicyFiles.of(source, bytes), () => Promise.resolve());
  if (policy === undefined) throw new Error(report.findings.map(formatFinding).join("\n"));
  return policy;
}
