import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Like `mkdir -p`: what is there already may stay. Node's own recursive mkdir never ends where a file system says "no
 * such file" about a name whose parent exists, as /proc does; here no step is tried more than twice. And where the disk is
 * full, or fails, Node's says ENOENT instead.
 *
 * @param mode of each directory that is made
 * @returns true if it was not there
 * @throws the system's error of the step that failed: EEXIST where a file is in the way, ENOENT where none can be made
 */
export async function makeDirectory(path: string, mode: number): Promise<boolean> {
  const whole = resolve(path);
  // Up to the nearest one that is there or could be made, and down again.
  const missing: string[] = [];
  let made = await make(whole, mode);
  for (let at = whole; made === "impossible"; made = await make(at, mode)) {
    missing.push(at);
    at = dirname(at);
  }
  for (const each of missing.reverse()) {
    made = await make(each, mode);
    if (made === "impossible") {
      throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${each}'`), {
        code: "ENOENT",
        syscall: "mkdir",
        path: each,
      });
    }
  }
  return made === "made";
}

/** Impossible when its parent is missing. */
async function make(path: string, mode: number): Promise<"made" | "there" | "impossible"> {
  try {
    await mkdir(path, { mode });
    return "made";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT" && dirname(path) !== path)
      return "impossible";
    // Which error an existing directory gives depends on where it is: a read-only disk says so first.
    if (await isDirectory(path)) return "there";
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
