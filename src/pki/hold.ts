import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";
import { OperatorError } from "../errors.js";
import { NotAFile, requireFile } from "../read-file.js";
import { exists, finishInterrupted } from "./files.js";

const lockName = ".lock";
const patienceMs = 30_000;
const lookAgainMs = 20;

/**
 * Does `work` while no other run changes what is in the folder; a second one waits for its turn. The kernel frees the
 * folder when the process ends, however it ends, and what a killed one left half done is completed first.
 *
 * @throws OperatorError after half a minute, and at once where the lock is no file
 */
export async function holding<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const path = join(directory, lockName);
  await refuseOther(path);
  const lock = await open(path, "a", 0o600);
  try {
    await locked(lock, directory);
    await finishInterrupted(directory);
    return await work();
  } finally {
    await lock.close();
  }
}

/** To open a pipe would keep the run waiting for somebody who reads from it. */
async function refuseOther(path: string): Promise<void> {
  try {
    if (await exists(path)) await requireFile(path);
  } catch (error) {
    if (!(error instanceof NotAFile)) throw error;
    throw new OperatorError(`${path} is no file, and nothing was done: move it away, aclog makes its own`, [], {
      cause: error,
    });
  }
}

async function locked(lock: FileHandle, directory: string): Promise<void> {
  const until = performance.now() + patienceMs;
  while (!tryLock(lock.fd)) {
    if (performance.now() > until) {
      throw new OperatorError(
        `other runs of aclog have been changing what is in ${directory} for half a minute; nothing was done: try again when they are through`,
      );
    }
    await setTimeout(lookAgainMs);
  }
}
