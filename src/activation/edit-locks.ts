import { readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type PolicyFileName, policyFileNames } from "../authz/index.js";
import { hasCode } from "../log/durable-files.js";

/** What a lock of ours leads to. Nobody else's does, so that one which a crash has left is known as ours. */
const ours = "held-by-aclog-serve";

/** Keeps the commands that edit policy files (`grant`, `revoke`, `fmt`) from replacing one while the server does, and the other way round. */
export class EditLocks implements AsyncDisposable {
  /** Files that somebody else is about to replace. */
  readonly heldByOthers: readonly PolicyFileName[];
  readonly #paths: readonly string[];

  private constructor(paths: readonly string[], heldByOthers: readonly PolicyFileName[]) {
    this.#paths = paths;
    this.heldByOthers = heldByOthers;
  }

  /** Takes what can be had. In a folder that cannot be written to, nothing can be replaced either. */
  static async take(directory: string, names: readonly PolicyFileName[]): Promise<EditLocks> {
    const paths: string[] = [];
    const heldByOthers: PolicyFileName[] = [];
    for (const name of names) {
      const path = lockPath(directory, name);
      try {
        // A link, since it is there with what it says or not at all.
        await symlink(ours, path);
        paths.push(path);
      } catch (error) {
        // One of ours is left from a change before, of which there is one at a time.
        if (await isOurs(path)) paths.push(path);
        else if (hasCode(error, "EEXIST")) heldByOthers.push(name);
      }
    }
    return new EditLocks(paths, heldByOthers);
  }

  /** Removes what a crash of a server has left. */
  static async removeLeftovers(directory: string): Promise<void> {
    for (const path of policyFileNames.map((name) => lockPath(directory, name))) {
      if (await isOurs(path)) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  /** Gives them back. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#paths) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function isOurs(path: string): Promise<boolean> {
  return (await readlink(path).catch(() => undefined)) === ours;
}

/** As the commands that edit name theirs. */
function lockPath(directory: string, name: PolicyFileName): string {
  return join(directory, `.${name}.lock`);
}
