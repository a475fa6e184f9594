import { open } from "node:fs/promises";

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
    if ((await file.stat()).size > maxBytes) throw new FileTooLarge(maxBytes);
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      chunks.push(buffer.subarray(0, bytesRead));
      total += bytesRead;
      // A file that grows, and what has no size at all, such as a pipe.
      if (total > maxBytes) throw new FileTooLarge(maxBytes);
    }
  } finally {
    await file.close();
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
