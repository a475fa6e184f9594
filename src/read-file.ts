import { closeSync, constants, openSync, readSync, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";

const chunkBytes = 256 * 1024;

/**
 * Reads a file of which nobody knows what it is: its size is judged before it is read, and no more than `maxBytes` of it
 * is ever held.
 *
 * @param maxBytes a whole number of KiB
 * @throws FileTooLarge, or the system's error
 */
export async function readFileWithin(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new FileTooLarge(maxBytes);
    const chunks: Buffer[] = [];
    let total = 0;
    // All that it says it has in one read: in a busy process each takes as long as everybody else's turn.
    for (let length = Math.max(size, chunkBytes); ; length = chunkBytes) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, null);
      if (bytesRead === 0) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      // A file that grows, and what has no size at all, such as a pipe.
      if (total > maxBytes) throw new FileTooLarge(maxBytes);
    }
  } finally {
    await file.close();
  }
}

/**
 * The same of a small file, without waiting: undefined if it has more than `maxBytes`. For one of which the system has just
 * said that it is there, so that nobody waits for a disk or a network.
 * @throws the system's error
 */
export function readSmallFile(path: string, maxBytes: number): Buffer | undefined {
  // Opening a pipe would wait until somebody writes to it.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.allocUnsafe(maxBytes + 1);
    for (let length = 0; length <= maxBytes;) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      // A copy: what is kept of it must not keep all that was made ready.
      if (read === 0) return Buffer.from(bytes.subarray(0, length));
      length += read;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

/**
 * For what has to be a file: to open a pipe waits until somebody writes to it, and what a device gives may never end.
 * @throws NotAFile, or the system's error
 */
export async function requireFile(path: string): Promise<void> {
  const found = await stat(path);
  if (!found.isFile()) throw new NotAFile(found);
}

export class NotAFile extends Error {
  constructor(found: Stats) {
    super(found.isDirectory() ? "is a directory, not a file" : "is not a file that can be read whole");
  }
}

export class FileTooLarge extends Error {
  constructor(maxBytes: number) {
    const kibibytes = maxBytes / 1024;
    const size = kibibytes < 1024 ? `${kibibytes} KiB` : `${kibibytes / 1024} MiB`;
    super(`is larger than ${size}, the most that this file may be`);
  }
}

/** Why a file could not be read, in words for whoever named it. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "may not be read by this user";
  if (code === "ENOTDIR") return "a part of its path is a file, not a directory";
  if (code === "EISDIR") return "is a directory, not a file";
  return error instanceof Error ? error.message : String(error);
}
