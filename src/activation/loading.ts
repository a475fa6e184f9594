/** How files become a policy that can come into force, and what is said where they cannot. */
import { loadPolicy, type PolicyFiles } from "../authz/index.js";
import { type Finding, OperatorError } from "../errors.js";
import { PolicyVersionDamaged } from "../policy-errors.js";
import { type Endings, endingsOf, refuseCutFiles } from "./endings.js";
import type { HistoryEntry, PolicyVersion } from "./history.js";

/** @param inForce how files have to end at least */
export async function load(files: PolicyFiles, inForce: Endings = {}): ReturnType<typeof loadPolicy> {
  refuseCutFiles(files, inForce);
  return loadPolicy(files);
}

export function entryOf(
  files: PolicyFiles,
  how: PolicyVersion["how"],
  author: string,
  before: HistoryEntry | undefined,
): HistoryEntry {
  const { version, sha256 } = files;
  const basedOn = before?.version;
  return Object.freeze({ version, sha256, activatedMs: Date.now(), author, how, basedOn, endings: endingsOf(files) });
}

/** What is damaged is for whoever runs the server to mend, at a start. */
export function asRefusal(error: unknown): never {
  if (!(error instanceof PolicyVersionDamaged)) throw error;
  throw new OperatorError(`${error.location}: ${error.message}`, [], { cause: error });
}

export function unusable(directory: string, findings: readonly Finding[], inForce: string): OperatorError {
  return new OperatorError(`the policy in ${directory} cannot be used; version ${inForce} stays in force`, findings);
}
