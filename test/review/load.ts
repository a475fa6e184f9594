import assert from "node:assert/strict";
import { type LoadedPolicy, loadPolicy, PolicyFiles as Files } from "../../src/authz/index.js";
import { PolicyFolder, type PolicyFiles } from "../authz/policy-folder.js";

/** The policy of these files, those that are not given being small and sound. */
export async function load(files: PolicyFiles): Promise<LoadedPolicy> {
  await using folder = await PolicyFolder.create({ "matrix.csv": "acme/known, acme, orders, admin, deny\n", ...files });
  const { policy, report } = await loadPolicy(await Files.read(folder.path));
  assert.deepEqual(report.findings, []);
  return policy!;
}
