import { randomBytes } from "node:crypto";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Finding, OperatorError } from "../errors.js";
import { makeDirectory } from "../make-directory.js";

/** A file to make, its path relative to the set's directory. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** Readable by its owner alone. */
  readonly secret: boolean;
}

/**
 * Makes all files, or as good as: everything is written and synced under temporary names first, and only then put in
 * place, each in one step. Without `force` nothing is ever overwritten, whoever else writes at the same time.
 *
 * @returns the paths, in the order given
 * @throws OperatorError when a file appeared in the meantime
 */
export async function writeSet(
  directory: string,
  files: readonly NewFile[],
  options: { readonly force: boolean; onProgress?: (made: string) => void },
): Promise<string[]> {
  const staged: { readonly temporary: string; readonly path: string }[] = [];
  try {
    await makeDirectory(directory);
    for (const file of files) {
      const target = join(directory, file.path);
      if (dirname(file.path) !== ".") await makeDirectory(dirname(target), 0o700);
      const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(8).toString("hex")}.tmp`);
      staged.push({ temporary, path: file.path });
      await writeSynced(temporary, file);
    }
    for (const { temporary, path } of staged) {
      await publish(temporary, join(directory, path), options.force);
      options.onProgress?.(path);
    }
    await syncDirectories(new Set(files.map((file) => dirname(join(directory, file.path)))));
  } finally {
    for (const { temporary } of staged) await unlink(temporary).catch(ignoreMissing);
  }
  return files.map((file) => file.path);
}

/**
 * @throws OperatorError that counts the paths (relative to `directory`) that exist, and names those whose other half
 *   does not
 */
export async function refuseExisting(directory: string, paths: readonly string[]): Promise<void> {
  const present = new Set<string>();
  for (const path of paths) if (await exists(join(directory, path))) present.add(path);
  if (present.size === 0) return;
  const findings: Finding[] = [...present].flatMap((path) => {
    const half = path.endsWith(".key") ? path.replace(/key$/, "crt") : path.replace(/crt$/, "key");
    return present.has(half)
      ? []
      : [{ source: join(directory, path), problem: `exists, but ${half} does not: half a set` }];
  });
  // A whole set is many files; where they are and what to do says more than their names.
  throw new OperatorError(
    `${join(directory, commonFolder(paths))} has ${present.size} of these ${paths.length} files already, and nothing was made: ` +
      "use them as they are, or make them anew with --force",
    findings,
  );
}

/** Of paths that all lie in one folder, that folder; else where the set begins. */
function commonFolder(paths: readonly string[]): string {
  const [folder, ...others] = new Set(paths.map((path) => dirname(path)));
  return folder === undefined || others.length > 0 ? "." : folder;
}

/** Also true for a dangling symbolic link: nothing can be made there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    ignoreMissing(error);
    return false;
  }
}

async function writeSynced(path: string, { text, secret }: NewFile): Promise<void> {
  // The mode is the file's from its first moment; a chmod afterwards would leave one in which the key can be read.
  const file = await open(path, "wx", secret ? 0o600 : 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function publish(temporary: string, target: string, force: boolean): Promise<void> {
  if (force) {
    await rename(temporary, target);
    return;
  }
  try {
    // Unlike rename, link fails when the target exists: of two that race, one is refused.
    await link(temporary, target);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    throw new OperatorError(
      "another run made certificates at the same time; --force makes them anew",
      [{ source: target, problem: "exists" }],
      { cause: error },
    );
  }
}

async function syncDirectories(paths: ReadonlySet<string>): Promise<void> {
  for (const path of paths) {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
