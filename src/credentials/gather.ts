import type { Finding } from "../errors.js";
import type { Authority } from "../identity/index.js";
import { problemOfCircle } from "./authority-file.js";

/** What is read of a file that tenants are bound to; nothing as long as it was never good. */
interface TenantFile {
  readonly paths: readonly string[];
  readonly value: readonly Authority[] | undefined;
}

export interface Gathered {
  /** Each once, the server's own first. */
  readonly authorities: readonly Authority[];
  /** By the name of a tenants' file: those that count of it. */
  readonly ofTenants: ReadonlyMap<string, readonly Authority[]>;
  /** Of files that are good by themselves, and not beside the others. */
  readonly findings: readonly Finding[];
}

/** Puts together who is trusted. Of a tenants' file that would close a circle nobody is: that touches its tenants alone. */
export function gather(own: readonly Authority[], files: ReadonlyMap<string, TenantFile>): Gathered {
  const all = unique([...own, ...[...files.values()].flatMap(({ value }) => value ?? [])]);
  const ofTenants = new Map(Array.from(files, ([name, { value }]) => [name, value ?? []]));
  if (problemOfCircle(all) === undefined) return { authorities: all, ofTenants, findings: [] };
  let authorities = unique(own);
  const findings: Finding[] = [];
  for (const [name, { paths, value = [] }] of files) {
    const together = unique([...authorities, ...value]);
    const problem = problemOfCircle(together);
    if (problem === undefined) authorities = together;
    else {
      ofTenants.set(name, []);
      findings.push({ source: paths[0]!, problem });
    }
  }
  return { authorities, ofTenants, findings };
}

function unique(authorities: readonly Authority[]): readonly Authority[] {
  return [...new Map(authorities.toReversed().map((each) => [each.fingerprint256, each])).values()].toReversed();
}
