import { type LoadedPolicy, loadPolicy, PolicyFiles, whyUnusable } from "../authz/index.js";
import { UnusablePolicy } from "../errors.js";

/**
 * A policy folder, to be looked at. Its matrix is read and not tried.
 * @throws UnusablePolicy with every mistake in the files
 */
export async function readPolicy(directory: string): Promise<LoadedPolicy> {
  const files = await PolicyFiles.read(directory);
  const { policy, report } = await loadPolicy(files, () => Promise.resolve());
  if (policy !== undefined) return policy;
  throw new UnusablePolicy(whyUnusable(files), report.findings);
}
