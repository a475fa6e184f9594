import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type PolicyFileName, type PolicyFiles, policyFileNames } from "../authz/index.js";
import { PolicyFilesUnwritable } from "../policy-errors.js";
import { hasCode, isMissing, syncDirectory } from "../log/durable-files.js";
import { hasSameBytes } from "./policy-folder.js";

/** Of a file that is new, where no other is there to be like. */
const newFileMode = 0o644;

interface Prepared {
  readonly name: PolicyFileName;
  readonly temporary: string;
  readonly path: string;
}

/** Policy files that are written beside those whose places they are to take: whether that can be done is known before it is. */
export class Replacement {
  readonly #directory: string;
  readonly #prepared: readonly Prepared[];

  private constructor(directory: string, prepared: readonly Prepared[]) {
    this.#directory = directory;
    this.#prepared = prepared;
  }

  /**
   * Writes what differs, durably, under other names.
   *
   * @param current what is in the folder
   * @throws PolicyFilesUnwritable when the folder, or one of the files, is a link or cannot be written; nothing is left behind then
   */
  static async prepare(folder: string, current: PolicyFiles, target: PolicyFiles): Promise<Replacement> {
    const directory = resolve(folder);
    const names = policyFileNames.filter((name) => !hasSameBytes(current, target, name));
    const prepared: Prepared[] = [];
    const replacement = new Replacement(directory, prepared);
    try {
      if (names.length > 0 && (await lstat(directory)).isSymbolicLink())
        throw new PolicyFilesUnwritable("their folder is a link, and whoever placed it would place it again");
      for (const name of names) {
        const pair = { name, temporary: temporaryPath(directory, name), path: join(directory, name) };
        const like = await lookAt(name, pair.path);
        prepared.push(pair);
        await writeLike(like, pair.temporary, target.files[name].bytes!);
      }
    } catch (error) {
      await replacement.abandon();
      if (error instanceof PolicyFilesUnwritable) throw error;
      throw new PolicyFilesUnwritable(whyNot(error), error);
    }
    return replacement;
  }

  /** Removes what a crash has left of files that never took their places. */
  static async removeLeftovers(folder: string): Promise<void> {
    for (const name of policyFileNames) await rm(temporaryPath(folder, name), { force: true }).catch(() => undefined);
  }

  /** What is to be replaced. */
  get names(): readonly PolicyFileName[] {
    return this.#prepared.map(({ name }) => name);
  }

  /** Whether there is nothing to replace. */
  get isEmpty(): boolean {
    return this.#prepared.length === 0;
  }

  /** Puts the files in their places, durably. Where it fails, some may be there and some not. */
  async perform(): Promise<void> {
    if (this.isEmpty) return;
    for (const { temporary, path } of this.#prepared) await rename(temporary, path);
    await syncDirectory(this.#directory);
  }

  /** Removes what was written and has not taken its place. */
  async abandon(): Promise<void> {
    for (const { temporary } of this.#prepared) await rm(temporary, { force: true }).catch(() => undefined);
  }
}

function temporaryPath(directory: string, name: PolicyFileName): string {
  return join(directory, `.${name}.aclog-new`);
}

/** How a policy file is there. */
interface Like {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Undefined if it is missing. */
async function lookAt(name: PolicyFileName, path: string): Promise<Like | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink())
      throw new PolicyFilesUnwritable(`${name} is a link, and whoever placed it would place it again`);
    if (!found.isFile()) throw new PolicyFilesUnwritable(`${name} is no file`);
    return { mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function writeLike(like: Like | undefined, path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    if (like !== undefined) await keepOwner(file, like);
    await file.chmod(like?.mode ?? newFileMode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Only root may give a file away; for everyone else it becomes the server's, as with any editor. */
async function keepOwner(file: FileHandle, { uid, gid }: Like): Promise<void> {
  const own = await file.stat();
  if (own.uid === uid && own.gid === gid) return;
  await file.chown(uid, gid).catch((error: unknown) => {
    if (!hasCode(error, "EPERM")) throw error;
  });
}

/** For callers too, so without a path. */
function whyNot(error: unknown): string {
  if (hasCode(error, "EROFS")) return "their folder is read-only";
  if (hasCode(error, "EACCES") || hasCode(error, "EPERM")) return "the server may not write to their folder";
  if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return "their folder is not there";
  if (hasCode(error, "ENOSPC")) return "the disk is full";
  return "the server's log says why";
}
