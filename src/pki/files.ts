import { randomBytes } from "node:crypto";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Finding, OperatorError } from "../errors.js";
import { makeDirectory } from "../make-directory.js";
import { readPart } from "./read.js";

/** A file to make, its path relative to the set's directory. */
export interface NewFile {
  readonly path: string;
  readonly text: string;
  /** Readable by its owner alone. */
  readonly secret: boolean;
  /** Takes the place of the one that is there; otherwise nothing is ever overwritten, whoever else writes. */
  readonly replaces: boolean;
}

interface Staged {
  readonly path: string;
  /** Relative to the directory, too. */
  readonly temporary: string;
  readonly replaces: boolean;
}

/** What a run is about: there only while it writes. */
interface Pending {
  /** All files are whole: whoever finds this puts them in place. Otherwise they are rubbish. */
  readonly isReady: boolean;
  readonly staged: readonly Staged[];
  /** Paths that are to be gone once the others are in place. */
  readonly removed?: readonly string[];
}

interface WriteOptions {
  /** Files that go when the others are in place; one that is not there is gone already. */
  readonly removed?: readonly string[];
  readonly onProgress?: ((made: string) => void) | undefined;
}

const pendingName = ".pending";
const temporaryName = /^\..+\.[0-9a-f]{16}\.tmp$/;
// What a path is made of here: no segment begins with a dot, and none can lead out of the directory.
const innerPath = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/** Whether a path names something below the directory that it is relative to, and nothing that is hidden. */
export function isInnerPath(path: string): boolean {
  return innerPath.test(path);
}

/**
 * Makes all files or none, also when the process is killed in between: everything is written and synced under temporary
 * names first, then announced as ready, and only then put in place, in the order given. What a killed process leaves is
 * completed, or cleared away, by `finishInterrupted`. The caller holds the directory (`holding`).
 *
 * @returns the paths, in the order given
 * @throws OperatorError when a file that must not be replaced appeared in the meantime
 */
export async function writeSet(
  directory: string,
  files: readonly NewFile[],
  { removed = [], onProgress }: WriteOptions = {},
): Promise<string[]> {
  const staged = files.map(({ path, replaces }) => {
    const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
    return { path, temporary, replaces };
  });
  try {
    await announce(directory, { isReady: false, staged });
    for (const [index, { path, text, secret }] of files.entries()) {
      if (dirname(path) !== ".") await makeDirectory(join(directory, dirname(path)), 0o700);
      await writeSynced(join(directory, staged[index]!.temporary), text, secret ? 0o600 : 0o644);
    }
    await syncFolders(directory, pathsOf(staged, removed));
    await announce(directory, { isReady: true, staged, removed });
    for (const each of staged) {
      await publish(directory, each);
      onProgress?.(each.path);
    }
    await remove(directory, removed);
    await syncFolders(directory, pathsOf(staged, removed));
  } finally {
    await clear(directory, staged);
  }
  return files.map((file) => file.path);
}

/** Completes what a killed process was putting in place, and removes what it had not got so far with. The caller holds the directory. */
export async function finishInterrupted(directory: string): Promise<void> {
  const { isReady, staged, removed = [] } = await readPending(directory);
  for (const each of isReady ? staged : []) {
    if (!(await exists(join(directory, each.temporary)))) continue;
    await publish(directory, each).catch((error: unknown) => {
      // It was put there before the process died, or somebody else's has been put there since.
      if (!(error instanceof OperatorError)) throw error;
    });
  }
  if (isReady) {
    await remove(directory, removed);
    await syncFolders(directory, pathsOf(staged, removed));
  }
  await clear(directory, staged);
}

/** Whether a process was killed while it put files in place. */
export async function isInterrupted(directory: string): Promise<boolean> {
  return exists(join(directory, pendingName));
}

/** Those of the paths, relative to `directory`, at which something is. */
export async function existing(directory: string, paths: readonly string[]): Promise<string[]> {
  const present: string[] = [];
  for (const path of paths) if (await exists(join(directory, path))) present.push(path);
  return present;
}

/**
 * @param remedy what to do instead of making them
 * @throws OperatorError that counts the paths (relative to `directory`) that exist, and names those whose other half
 *   does not
 */
export async function refuseExisting(directory: string, paths: readonly string[], remedy: string): Promise<void> {
  const present = new Set(await existing(directory, paths));
  if (present.size === 0) return;
  const findings: Finding[] = [...present].flatMap((path) => {
    const half = path.endsWith(".key") ? path.replace(/key$/, "crt") : path.replace(/crt$/, "key");
    return present.has(half) || !paths.includes(half)
      ? []
      : [{ source: join(directory, path), problem: `exists, but ${half} does not: half a set` }];
  });
  // A whole set is many files; where they are and what to do says more than their names.
  throw new OperatorError(
    `${join(directory, commonFolder(paths))} has ${present.size} of these ${paths.length} files already, and nothing was made: ${remedy}`,
    findings,
  );
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

/** Of paths that all lie in one folder, that folder; else where the set begins. */
function commonFolder(paths: readonly string[]): string {
  const [folder, ...others] = new Set(paths.map((path) => dirname(path)));
  return folder === undefined || others.length > 0 ? "." : folder;
}

async function writeSynced(path: string, text: string, mode: number): Promise<void> {
  // The mode is the file's from its first moment; a chmod afterwards would leave one in which the key can be read.
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function announce(directory: string, pending: Pending): Promise<void> {
  const [path, temporary] = [join(directory, pendingName), join(directory, `${pendingName}.tmp`)];
  // One that a killed process left.
  await unlink(temporary).catch(ignoreMissing);
  await writeSynced(temporary, JSON.stringify(pending), 0o600);
  await rename(temporary, path);
  await syncDirectory(directory);
}

async function readPending(directory: string): Promise<Pending> {
  const path = join(directory, pendingName);
  if (!(await exists(path))) return { isReady: false, staged: [] };
  try {
    const pending = JSON.parse((await readPart(path)).toString()) as Pending;
    const isInside = pending.staged.every((each) => isInnerPath(each.path) && isTemporaryOf(each));
    if (isInside && (pending.removed ?? []).every(isInnerPath)) return pending;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new OperatorError(
    `${path} is not as aclog writes it: remove it, and look whether each key fits its certificate`,
  );
}

function isTemporaryOf({ path, temporary }: Staged): boolean {
  return dirname(temporary) === dirname(path) && temporaryName.test(basename(temporary));
}

async function publish(directory: string, { temporary, path, replaces }: Staged): Promise<void> {
  const [from, target] = [join(directory, temporary), join(directory, path)];
  if (replaces) {
    await rename(from, target);
    return;
  }
  try {
    // Unlike rename, link fails when the target exists.
    await link(from, target);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    throw new OperatorError(
      "somebody else has put a file here at the same time: look whether it is of use as it is",
      [{ source: target, problem: "exists" }],
      { cause: error },
    );
  }
}

async function remove(directory: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await unlink(join(directory, path)).catch(ignoreMissing);
}

function pathsOf(staged: readonly Staged[], removed: readonly string[]): string[] {
  return [...staged.map(({ path }) => path), ...removed];
}

/** What was only there on the way. The announcement goes last: it alone knows the names of the rest. */
async function clear(directory: string, staged: readonly Staged[]): Promise<void> {
  for (const { temporary } of staged) await unlink(join(directory, temporary)).catch(ignoreMissing);
  await unlink(join(directory, pendingName)).catch(ignoreMissing);
}

/** Makes the names durable that these paths, relative to `directory`, have in their folders. */
export async function syncFolders(directory: string, paths: readonly string[]): Promise<void> {
  const folders = new Set(paths.map((path) => dirname(path)));
  // A folder that was just made is a name in the one above it. What is added here is visited, too.
  for (const folder of folders) folders.add(dirname(folder));
  for (const folder of folders) await syncDirectory(join(directory, folder));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
