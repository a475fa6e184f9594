import { basename } from "node:path";
import type { PolicyStatus } from "../activation/index.js";
import type { CredentialsInForce, FoundList } from "../credentials/index.js";
import type { Finding } from "../errors.js";

// What whoever asks a probe should know of a server that is ready all the same. Anybody may ask, so what the files say is left
// out. Undefined: there is nothing to say.

/** Of the policy's files. */
export function refusedFiles({ active, refused }: PolicyStatus): string | undefined {
  if (refused.length === 0) return undefined;
  const files = [...new Set(refused.map(({ source }) => source))].join(", ");
  const count = refused.length === 1 ? "1 finding" : `${refused.length} findings`;
  return `policy files refused: ${count} in ${files}; version ${active.version} in force`;
}

/** Of certificates and revocation lists that are not what is in force. */
export function refusedCredentials(findings: readonly Finding[]): string | undefined {
  if (findings.length === 0) return undefined;
  return `certificates or revocation lists refused: ${namesOf(findings)}; the last good ones are in force`;
}

/** Of revocation lists for which no newer ones came in time. */
export function expiredLists(inForce: CredentialsInForce, crlExpired: "refuse" | "accept"): string | undefined {
  const lists = expiredOf(inForce);
  if (lists.length === 0) return undefined;
  const outcome = crlExpired === "refuse" ? "refused" : "let in all the same";
  return `revocation lists expired: ${namesOf(lists)}; new connections of their authorities are ${outcome}`;
}

/** Revocation lists in use that have expired: nobody knows what their authorities have revoked since. */
export function expiredOf({ lists, trust }: CredentialsInForce): readonly FoundList[] {
  const { listsInUse } = trust;
  const nowMs = Date.now();
  return lists.filter(({ list }) => listsInUse.has(list) && (list.nextUpdateMs ?? Infinity) <= nowMs);
}

function namesOf(found: readonly { readonly source: string }[]): string {
  return [...new Set(found.map(({ source }) => basename(source)))].join(", ");
}
