import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { OperatorError } from "../errors.js";
import { isNoFile, readUpTo, syncDirectory } from "./durable-files.js";

/** A name for a file that is in a directory from before the first file of a piece of work until behind the last. */
export type Marker = "backup.incomplete" | "restore.incomplete";

/** As long as a path may be, and more. */
const mostNoteBytes = 8 * 1024;

/** Marks a directory as unfinished, until it is finished or whoever works on it is gone. */
export class Unfinished implements AsyncDisposable {
  readonly #directory: string;
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(directory: string, path: string, file: FileHandle) {
    this.#directory = directory;
    this.#path = path;
    this.#file = file;
  }

  /** Durable when it resolves. @param note what others are to know of the work */
  static async begin(directory: string, marker: Marker, note: string): Promise<Unfinished> {
    const path = join(directory, marker);
    const file = await open(path, "wx", 0o600);
    try {
      tryLock(file.fd);
    } catch (error) {
      // A backup may go to a file system without locks: then nobody can tell later whether it is on its way.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
    const unfinished = new Unfinished(directory, path, file);
    try {
      await file.writeFile(note);
      await file.sync();
      await syncDirectory(directory);
    } catch (error) {
      await unfinished[Symbol.asyncDispose]();
      throw error;
    }
    return unfinished;
  }

  /** Durably says that all of it is there. */
  async finish(): Promise<void> {
    await unlink(this.#path);
    await syncDirectory(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // This frees the lock too.
    await this.#file.close();
  }
}

/** Whether somebody works on a directory, and what was noted then; undefined where it is not marked as unfinished. */
export async function findUnfinished(
  directory: string,
  marker: Marker,
): Promise<{ readonly isUnderWay: boolean; readonly note: string } | undefined> {
  let file: FileHandle;
  try {
    file = await open(join(directory, marker), "r+");
  } catch (error) {
    if (isNoFile(error)) return undefined;
    throw error;
  }
  try {
    const isUnderWay = !tryLock(file.fd);
    const note = (await readUpTo(file, 0, mostNoteBytes)).toString("utf8");
    return { isUnderWay, note };
  } finally {
    await file.close();
  }
}

/**
 * @throws OperatorError where a restore has not come to its end: what is missing there, nobody would notice. Says what to do
 */
export async function refuseUnfinishedRestore(path: string): Promise<void> {
  const found = await findUnfinished(path, "restore.incomplete");
  if (found === undefined) return;
  if (found.isUnderWay) {
    throw new OperatorError(`a restore into ${path} is on its way: wait until it has ended; nothing was changed`);
  }
  const backup = found.note === "" ? "BACKUP" : inShell(found.note);
  throw new OperatorError(
    `${path} is what a restore left that was cut short, and not a data directory; nothing was changed. ` +
      `Empty it with \`find ${inShell(path)} -mindepth 1 -delete\`, ` +
      `then run \`aclog restore ${backup} --data ${inShell(path)}\``,
  );
}

/** As one word of a shell. */
export function inShell(text: string): string {
  return /^[\w./:@%+=,][\w./:@%+=,-]*$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
