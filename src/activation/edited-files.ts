import { basename } from "node:path";
import { type PolicyFiles, policyFileNames } from "../authz/index.js";
import { PolicyFilesEdited } from "../policy-errors.js";
import { type FoundFiles, hasSameBytes } from "./policy-folder.js";
import type { PolicyStore } from "./policy-store.js";

/** @throws PolicyFilesEdited when somebody has written to the files what is neither in force nor about to be, or is writing */
export async function refuseEdited(
  store: PolicyStore,
  { files, doubts }: FoundFiles,
  target: PolicyFiles,
): Promise<void> {
  const { version, sha256 } = store.inForce!;
  const written = doubts.map(({ source }) => basename(source));
  if (written.length > 0) throw new PolicyFilesEdited(written, version);
  if (files.sha256 === sha256 || files.sha256 === target.sha256) return;
  const inForce = await store.read(version, "");
  const isEdited = policyFileNames.filter(
    (name) => !hasSameBytes(files, inForce, name) && !hasSameBytes(files, target, name),
  );
  if (isEdited.length > 0) throw new PolicyFilesEdited(isEdited, version);
}
