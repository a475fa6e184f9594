import { open, readFile, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { tryLock, unlock } from "fs-native-extensions";
import { OperatorError } from "../errors.js";
import { Closers } from "../lifecycle.js";
import { makeDirectory } from "../make-directory.js";
import {
  asRefusal,
  hasCode,
  isMissing,
  isNoFile,
  replaceFile,
  syncDirectory,
  temporaryPathOf,
} from "./durable-files.js";
import { refuseUnfinishedRestore } from "./unfinished.js";

/** The layout of a data directory (docs/format.md). */
export const layout = {
  format: "format.json",
  lock: "lock",
  journal: "journal",
  tenants: "tenants",
  clock: "clock.json",
  /** Versions of the policy, of which the log knows nothing. */
  policy: "policy",
} as const;

const format = { format: "aclog", version: 2 } as const;
/** An aclog that knows only these takes what producers leave in commits for damage. */
const earlierVersions: readonly unknown[] = [1];

/** Another process has the data directory. */
export class DirectoryInUse extends OperatorError {}

/** A data directory that this process alone may write to, until it is closed or the process ends, however it ends. */
export class DataDirectory implements AsyncDisposable {
  readonly path: string;
  /** True if nothing was ever stored here. */
  readonly isNew: boolean;
  readonly #lock: FileHandle;
  /** Of format.json: whoever removes `lock`, taking it for stale, must not let a second process in. */
  #formatLock: FileHandle | undefined;
  #isCurrent: boolean;

  private constructor(path: string, found: FoundFormat, lock: FileHandle, formatLock: FileHandle | undefined) {
    this.path = path;
    this.isNew = found === "nothing";
    this.#isCurrent = found === "current";
    this.#lock = lock;
    this.#formatLock = formatLock;
  }

  /** @throws OperatorError when another process has it, or it is of another format, or no data directory; nothing is changed then */
  static async open(path: string): Promise<DataDirectory> {
    await makeDirectory(path, 0o700);
    await refuseForeign(path);
    return DataDirectory.#locked(path, findFormat);
  }

  static async #locked(path: string, find: (path: string) => Promise<FoundFormat>): Promise<DataDirectory> {
    // Opened without truncating or creating anything else: a refused second process leaves no trace.
    const lock = await locked(path, layout.lock, "a").catch((error: unknown) => {
      if (!hasCode(error, "EISDIR")) throw error;
      throw new OperatorError(`${join(path, layout.lock)} is a directory, and has to be a file; nothing was changed`);
    });
    let formatLock: FileHandle | undefined;
    try {
      formatLock = await locked(path, layout.format, "r+").catch((error: unknown) => {
        // What is wrong with it is for whoever reads it to say.
        if (isNoFile(error)) return undefined;
        throw error;
      });
      return new DataDirectory(path, await find(path), lock, formatLock);
    } catch (error) {
      await release([lock, formatLock]).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Takes the directory whatever its format.json says, for who mends it.
   *
   * @throws OperatorError when another process has it
   */
  static async openToRepair(path: string): Promise<DataDirectory> {
    await refuseUnfinishedRestore(path);
    return DataDirectory.#locked(path, () => Promise.resolve("earlier"));
  }

  /**
   * Says that the directory is of this format: one that was empty, and one that an earlier aclog wrote. The last step of a
   * creation, without which the next start begins again; and of a start that found everything sound.
   */
  async markCurrent(): Promise<void> {
    if (this.#isCurrent) return;
    await replaceFile(join(this.path, layout.format), `${JSON.stringify(format)}\n`);
    if (this.isNew) await syncDirectory(join(this.path, ".."));
    const before = this.#formatLock;
    this.#formatLock = await locked(this.path, layout.format, "r+");
    await before?.close();
    this.#isCurrent = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await release([this.#lock, this.#formatLock]);
  }
}

/** Every one of them, last first, also where a disk that fails lets none be closed without an error. */
async function release(files: readonly (FileHandle | undefined)[]): Promise<void> {
  const closers = new Closers();
  for (const file of files) {
    if (file === undefined) continue;
    closers.defer(() => {
      unlock(file.fd);
      return file.close();
    });
  }
  await closers[Symbol.asyncDispose]();
}

/** Opens a file of the directory and locks it. @throws OperatorError when another process has it locked */
async function locked(path: string, name: string, flags: string): Promise<FileHandle> {
  const file = await open(join(path, name), flags, 0o600);
  if (tryLock(file.fd)) return file;
  await file.close();
  throw new DirectoryInUse(`the data directory ${path} is in use by another process`);
}

/**
 * Whoever names a folder of other things has mistyped its name: `--data src` must not fill it.
 * @throws OperatorError when there is something in it, and nothing that says whose it is; also for a file in a folder's place
 */
async function refuseForeign(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  await refuseUnfinishedRestore(path);
  const misplaced = entries.find((entry) => folders.has(entry.name) && entry.isFile());
  if (misplaced !== undefined) {
    throw new OperatorError(`${join(path, misplaced.name)} is a file, and has to be a folder; nothing was changed`);
  }
  if (entries.some(({ name }) => name === layout.format)) return;
  const foreign = entries.find(({ name }) => !beginnings.has(name) && !name.startsWith("."));
  if (foreign === undefined) return;
  const what = `it holds other things, such as ${JSON.stringify(foreign.name)}, and no ${layout.format}`;
  throw new OperatorError(`${path} is no data directory: ${what}; nothing was changed`);
}

const folders: ReadonlySet<string> = new Set([layout.journal, layout.tenants, layout.policy]);

/** What a first start may have made before it was cut short; a disk of its own has the last of them. */
const beginnings: ReadonlySet<string> = new Set([
  ...Object.values(layout),
  ...[layout.format, layout.clock].map(temporaryPathOf),
  "lost+found",
]);

/** @throws OperatorError unless it is a data directory of a format that this code reads; nothing is changed then */
export async function readFormat(path: string): Promise<void> {
  await refuseUnfinishedRestore(path);
  if ((await findFormat(path)) === "nothing") {
    throw new OperatorError(`${path} is no data directory: it has no ${layout.format}`);
  }
}

/** What a directory's format.json says of it. */
export type FoundFormat = "nothing" | "earlier" | "current";

/**
 * Nothing if nothing was ever stored there.
 * @throws OperatorError when it is of another format, damaged, or a loss
 */
export async function findFormat(path: string): Promise<FoundFormat> {
  const file = join(path, layout.format);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (!isMissing(error)) throw asRefusal(error, file);
    // Topics exist only after creation was finished, so a missing format file beside them is a loss, not a beginning.
    const tenants = await readdir(join(path, layout.tenants)).catch((unreadable: unknown) => {
      if (isMissing(unreadable)) return [];
      throw unreadable;
    });
    if (tenants.length === 0) return "nothing";
    throw new OperatorError(`${file} is missing, although ${path} holds topics; nothing was changed`);
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new OperatorError(`${file} is damaged: not JSON; nothing was changed`);
  }
  const { format: name, version } = (found ?? {}) as { format?: unknown; version?: unknown };
  if (name === format.format && version === format.version) return "current";
  if (name === format.format && earlierVersions.includes(version)) return "earlier";
  throw new OperatorError(
    `${file} says ${JSON.stringify(found)}, and this aclog reads ${JSON.stringify(format)}; nothing was changed`,
  );
}
