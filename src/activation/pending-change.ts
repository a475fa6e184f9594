import { join } from "node:path";
import { type PolicyFileName, PolicyFiles, policyFileNames } from "../authz/index.js";
import { type Finding } from "../errors.js";
import { PolicyFilesUnwritable, PolicyVersionDamaged } from "../policy-errors.js";
import { syncDirectory } from "../log/durable-files.js";
import { EditLocks } from "./edit-locks.js";
import type { PendingChange } from "./history.js";
import { hasSameBytes } from "./policy-folder.js";
import type { PolicyStore } from "./policy-store.js";
import { Replacement } from "./replacement.js";

/**
 * Puts prepared files in their places and then the entry in the history. What is to happen is on disk before the first file
 * changes, so that a start can finish it: four files cannot be replaced at once.
 *
 * @param before what is in the folder, to be put back if this fails
 */
export async function replaceFiles(
  store: PolicyStore,
  directory: string,
  replacement: Replacement,
  before: PolicyFiles,
  change: PendingChange,
): Promise<void> {
  await store.begin(change);
  try {
    await replacement.perform();
    await store.commit(change.entry);
  } catch (error) {
    await putBack(store, directory, before);
    throw new PolicyFilesUnwritable("the server's log says why", error);
  }
}

/** Where this fails too, the next reading of the files, or the next start, begins with it. */
async function putBack(store: PolicyStore, directory: string, before: PolicyFiles): Promise<void> {
  await store.begin({ entry: store.inForce!, overwrite: false });
  const found = await PolicyFiles.read(directory);
  const replacement = await Replacement.prepare(directory, found, before);
  await replacement.perform();
  await store.abandon();
}

/**
 * Finishes the change that a crash cut short. Where someone has edited files since, so that some are new, some old, and some
 * neither, nothing is done: nobody can know what they are to be together.
 *
 * @returns why it could not be finished; the files must not be used then
 */
export async function finishPending(store: PolicyStore, directory: string): Promise<readonly Finding[]> {
  const { pending, inForce } = store;
  await Replacement.removeLeftovers(directory);
  await EditLocks.removeLeftovers(directory);
  if (pending === undefined || inForce === undefined) return [];
  const current = await PolicyFiles.read(directory);
  const earlier = await store.read(inForce.version, directory);
  const target = await store.readPending(pending).catch((error: unknown) => {
    if (error instanceof PolicyVersionDamaged) return earlier;
    throw error;
  });
  const changing = policyFileNames.filter((name) => !hasSameBytes(earlier, target, name));
  const isNew = changing.filter((name) => hasSameBytes(current, target, name));
  const isOld = changing.filter((name) => hasSameBytes(current, earlier, name));
  const isOther = pending.overwrite ? [] : policyFileNames.filter((name) => isNeither(name, current, earlier, target));
  if (isOther.length > 0 && isNew.length > 0 && isOld.length > 0) return isOther.map((name) => mixed(directory, name));
  if (isOther.length > 0 && isNew.length === 0) {
    await store.abandon();
    return [];
  }
  if (isOther.length === 0) {
    try {
      const replacement = await Replacement.prepare(directory, current, target);
      await replacement.perform();
      // The names that it found may not be durable.
      await syncDirectory(directory);
    } catch (error) {
      if (!(error instanceof PolicyFilesUnwritable)) throw error;
      return [{ source: directory, problem: `a change to the policy was cut short, and ${error.message}` }];
    }
  }
  await store.commit(target === earlier ? inForce : pending.entry);
  return [];
}

function isNeither(name: PolicyFileName, current: PolicyFiles, earlier: PolicyFiles, target: PolicyFiles): boolean {
  return !hasSameBytes(current, earlier, name) && !hasSameBytes(current, target, name);
}

function mixed(directory: string, name: PolicyFileName): Finding {
  const problem =
    "it was edited after a change to the policy was cut short, which replaced some of the files beside it and others not: " +
    "write all four of them as they are to be";
  return { source: join(directory, name), problem };
}
