import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError } from "../errors.js";

/** A file, what it was read as, and what it is to be. */
export interface FileChange {
  readonly path: string;
  readonly before: Buffer;
  readonly after: string;
}

/**
 * Puts another text in the place of a file, all of it or nothing, also if the machine stops in between. Mode and owner stay,
 * and a symbolic link goes on leading to where it led. Of many that do this at once none takes back what another has done.
 *
 * @throws OperatorError when the file is no longer what it was read as, or cannot be replaced
 */
export async function replaceFile({ path, before, after }: FileChange): Promise<void> {
  try {
    const target = await realpath(path);
    const { temporary, file } = await openBeside(target, path);
    try {
      await writeLike(target, file, after);
      // As late as can be: whoever saved in an editor meanwhile must not lose it.
      if (!before.equals(await readFile(target)))
        throw new OperatorError(`${path} has changed meanwhile: nothing was written`);
      await rename(temporary, target);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    await syncDirectory(dirname(target));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${path} cannot be replaced: ${whyNot(error)}`, [], { cause: error });
  }
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Of the folder: what takes the place of a file is written beside it. */
const reasons: Readonly<Record<string, string>> = {
  EROFS: "its folder is read-only: change the file where it is from",
  EACCES: "this user may not write to its folder",
  EPERM: "this user may not write to its folder",
  ENOSPC: "no space is left on the device",
};

/** Always under the same name, which one alone can have at a time: so nobody comes between a look at the file and its change. */
async function openBeside(target: string, path: string): Promise<{ temporary: string; file: FileHandle }> {
  const temporary = join(dirname(target), `.${basename(target)}.lock`);
  try {
    return { temporary, file: await open(temporary, "wx", 0o600) };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    const instead = `if nobody is, because a change was cut off, remove ${temporary}`;
    throw new OperatorError(`somebody else is changing ${path}: nothing was written; ${instead}`, [], { cause: error });
  }
}

async function writeLike(target: string, file: FileHandle, text: string): Promise<void> {
  try {
    const { mode, uid, gid } = await stat(target);
    await keepOwner(file, uid, gid);
    // After the owner: a change of that takes special bits away.
    await file.chmod(mode & 0o7777);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Only where it has to be changed: most users may change none. */
async function keepOwner(file: FileHandle, uid: number, gid: number): Promise<void> {
  const made = await file.stat();
  if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
