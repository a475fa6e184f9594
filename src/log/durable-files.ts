import { type FileHandle, open, rename } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { OperatorError } from "../errors.js";

/** Writes all of `bytes` at `position`. A short write is not an error of the disk, so the rest follows. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    assertProgress(bytesWritten);
    done += bytesWritten;
  }
}

/** The same with several pieces, one behind the other. Resolves with the number of bytes of all of them. */
export async function writeAllFully(
  file: FileHandle,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<number> {
  let done = 0;
  for (let rest = pieces; rest.length > 0;) {
    const { bytesWritten } = await file.writev(rest, position + done);
    assertProgress(bytesWritten);
    done += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
  return done;
}

/** Otherwise a disk that takes nothing, and says nothing, would be asked for ever. */
function assertProgress(bytesWritten: number): void {
  if (bytesWritten > 0) return;
  throw Object.assign(new Error("EIO: nothing was written, and no error was given"), { code: "EIO" });
}

/** What of the pieces lies behind their first bytes. */
function withoutFirst(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  let whole = 0;
  while (whole < pieces.length && left >= pieces[whole]!.byteLength) left -= pieces[whole++]!.byteLength;
  if (whole === pieces.length) return [];
  return [pieces[whole]!.subarray(left), ...pieces.slice(whole + 1)];
}

/** Reads up to `length` bytes at `position`; fewer only where the file ends. */
export async function readUpTo(file: FileHandle, position: number, length: number): Promise<Buffer> {
  return readInto(Buffer.allocUnsafe(length), file, position);
}

/** The same into a buffer, as many as it has room for; gives the part of it that was filled. */
export async function readInto(buffer: Buffer, file: FileHandle, position: number): Promise<Buffer> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

/** Makes created, renamed and removed names in a directory durable: a file's own fsync does not. */
export async function syncDirectory(directory: string): Promise<void> {
  await syncFile(directory);
}

/** Makes durable what is in a file, whoever wrote it. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    // It was only read: what is synced stays so, whatever the system says of letting go of it.
    await handle.close().catch(() => undefined);
  }
}

/** Where a file is written that is to take the place of the one at `path`. A crash may leave it there: it counts for nothing. */
export function temporaryPathOf(path: string): string {
  return `${path}.tmp`;
}

/** Puts `bytes` in the place of the file at `path`: after a crash it holds either all of the old or all of the new. */
export async function replaceFile(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = temporaryPathOf(path);
  const file = await open(temporary, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** True for the error that a missing file gives. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, "ENOENT");
}

/** True for an error of the operating system, such as EIO; false for one of our own. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;
}

/** True for the error that something else in the place of a directory gives. */
export function isNoDirectory(error: unknown): boolean {
  return hasCode(error, "ENOTDIR");
}

/** True where the path leads to nothing that can be read as a file, whoever put that there. */
export function isNoFile(error: unknown): boolean {
  return ["ENOENT", "EISDIR", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "ENXIO", "ESPIPE"].some((code) =>
    hasCode(error, code),
  );
}

/**
 * What the file system says of a path that has to be readable at a start, as the reason not to start.
 *
 * @param path of the file, which not every error of the system names
 */
export function asRefusal(error: unknown, path: string): unknown {
  if (!isNoFile(error)) return error;
  const problem = (error as Error).message;
  return new OperatorError(`${path} cannot be read: ${problem}; nothing was changed`, [], { cause: error });
}

/** True for the errors that pass when something is given back: space on the disk, a quota, open files. */
export function isExhausted(error: unknown): boolean {
  return isDiskFull(error) || ["EMFILE", "ENFILE"].some((code) => hasCode(error, code));
}

/** True for the errors that pass when there is room on the disk, or in its owner's quota. */
export function isDiskFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC") || isOverQuota(error);
}

/** Node has no name for EDQUOT, and calls it an unknown error. */
function isOverQuota(error: unknown): boolean {
  return error instanceof Error && "errno" in error && error.errno === -constants.errno.EDQUOT;
}

/** True for an error of the operating system with that code, as in `EIO`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
