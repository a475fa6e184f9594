import { fileURLToPath } from "node:url";
import type { PolicyFiles } from "./policy-files.js";

/** What to say of a policy that cannot be used, and where there is none at all, how to come by one. */
export function whyUnusable({ source, all }: PolicyFiles): string {
  const outcome = `the policy in ${source} cannot be used`;
  if (!all.every(({ isMissing }) => isMissing === true)) return outcome;
  // It comes with the package too: not everybody has a checkout.
  const example = fileURLToPath(new URL("../../policy", import.meta.url));
  return `${outcome}: there is none; --policy names the folder if it is elsewhere, and the files in ${example} are one to begin with: copy them`;
}
