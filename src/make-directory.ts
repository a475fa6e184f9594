import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Like `mkdir -p`: what is there already may stay. Node's own recursive mkdir never ends where a file system says "no
 * such file" about a name whose parent exists, as /proc does; here no step is tried more than twice.
 *
 * @param mode of each directory that is made
 * @throws the system's error of the step that failed: EEXIST where a file is in the way, ENOENT where none can be made
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  const whole = resolve(path);
  // Up to the nearest one that is there or could be made, and down again.
  const missing: string[] = [];
  for (let at = whole; !(await isMade(at, mode)); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    if (!(await isMade(each, mode))) {
      throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${each}'`), {
        code: "ENOENT",
        syscall: "mkdir",
        path: each,
      });
    }
  }
}

/** False when its parent is missing. */
async function isMade(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT" && dirname(path) !== path) return false;
    // Which error an existing directory gives depends on where it is: a read-only disk says so first.
    if (await isDirectory(path)) return true;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
