import { type LoadedPolicy, loadPolicy, PolicyFiles } from "../authz/index.js";
import { UnusablePolicy } from "../errors.js";

/**
 * A policy folder, to be looked at. Its matrix is read and not tried.
 * @throws UnusablePolicy with every mistake in the files
 */
export async function readPolicy(directory: string): Promise<LoadedPolicy> {
  const { policy, report } = await loadPolicy(await PolicyFiles.read(directory), () => Promise.resolve());
  if (policy !== undefined) return policy;
  throw new UnusablePolicy(`the policy in ${directory} cannot be used`, report.findings);
}
