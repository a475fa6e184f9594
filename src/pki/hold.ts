import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";
import { OperatorError } from "../errors.js";
import { finishInterrupted } from "./files.js";

const lockName = ".lock";
const patienceMs = 30_000;
const lookAgainMs = 20;

/**
 * Does `work` while no other run changes what is in the folder; a second one waits for its turn. The kernel frees the
 * folder when the process ends, however it ends, and what a killed one left half done is completed first.
 *
 * @throws OperatorError after half a minute
 */
export async function holding<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const lock = await open(join(directory, lockName), "a", 0o600);
  try {
    await locked(lock, directory);
    await finishInterrupted(directory);
    return await work();
  } finally {
    await lock.close();
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
