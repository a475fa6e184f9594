import { basename, dirname, join } from "node:path";
import { type Finding, OperatorError } from "../errors.js";
import { type Authority, IdentityRules, Trust } from "../identity/index.js";
import { readAuthorities } from "./authority-file.js";
import { fitAuthorities } from "./authorities-together.js";
import type { CredentialFiles } from "./credentials.js";
import { ListFiles } from "./list-files.js";
import { Part } from "./part.js";
import { readRules } from "./rules-file.js";

const maxPemBytes = 8 * 1024 * 1024;

/** Everything by which a server judges who somebody is, read once. */
export interface ReadTrust {
  readonly trust: Trust;
  /** By the name of a file that a tenant is bound to: fingerprints of the authorities in it. */
  readonly tenantFiles: ReadonlyMap<string, readonly string[]>;
  /**
   * About files that tenants are bound to and that cannot be used: these tenants' principals are refused. And about lists that
   * have expired and are to be accepted.
   */
  readonly findings: readonly Finding[];
}

/**
 * For who only wants to know: without the server's own certificate, and without looking after the files.
 * @param tenantNames names of files beside the authorities that tenants are bound to
 * @throws OperatorError with everything for which a server would not start
 */
export async function readTrust(
  { ca, crl, crlExpired, identity }: Omit<CredentialFiles, "cert" | "key">,
  tenantNames: readonly string[],
): Promise<ReadTrust> {
  const own = authoritiesIn(ca);
  const plain = tenantNames.filter((name) => name === basename(name));
  const tenants = new Map(plain.map((name) => [name, authoritiesIn(join(dirname(ca), name))]));
  const rules = identity === undefined ? undefined : rulesIn(identity);
  const lists = new ListFiles(crl);
  await lists.look();
  for (const each of [own, ...tenants.values(), ...(rules === undefined ? [] : [rules]), lists]) await each.take(true);
  const { authorities, tenantFiles, findings } = fitAuthorities(own.value ?? [], tenants);
  await lists.judge(authorities);
  const fatal = [...(own.unusable?.findings ?? []), ...(rules?.unusable?.findings ?? []), ...lists.findings];
  if (fatal.length > 0) throw new OperatorError("nobody can be judged by these files:", fatal);
  return {
    trust: new Trust({
      authorities,
      lists: lists.found.map(({ list }) => list),
      rules: rules?.value ?? IdentityRules.builtIn,
      expiredLists: crlExpired,
    }),
    tenantFiles,
    findings: [
      ...[...tenants.values()].flatMap(({ unusable }) => unusable?.findings ?? []),
      ...findings,
      ...(crlExpired === "accept" ? expiredAmong(lists.found) : []),
    ],
  };
}

/** Where they are refused, whoever needs one is told so. */
function expiredAmong(found: ListFiles["found"]): Finding[] {
  return found.flatMap(({ source, list: { issuer, nextUpdateMs = Infinity } }) => {
    if (nextUpdateMs > Date.now()) return [];
    const when = new Date(nextUpdateMs).toISOString();
    return [
      {
        source,
        problem: `the revocation list of ${issuer} expired on ${when}: nobody knows what it has revoked since`,
      },
    ];
  });
}

function authoritiesIn(path: string): Part<readonly Authority[]> {
  return new Part([path], { maxBytes: maxPemBytes, make: ([pem]) => readAuthorities(path, pem!) });
}

function rulesIn(path: string): Part<IdentityRules> {
  return new Part([path], { maxBytes: maxPemBytes, make: ([bytes], beside) => readRules(path, bytes!, beside) });
}
