import { open, rm, stat } from "node:fs/promises";

/**
 * Tries whether a file could be written there. Nothing is left of it: what is there stays as it is.
 * @throws the system's error, for `whyUnwritable`
 */
export async function tryToWrite(path: string): Promise<void> {
  try {
    await touch(path, "wx");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    // Whoever reads from a pipe would take it for the end.
    const isOpened = await stat(path).then(
      (found) => found.isFile() || found.isDirectory(),
      () => false,
    );
    if (isOpened) await touch(path, "a");
    return;
  }
  await rm(path);
}

async function touch(path: string, flags: "wx" | "a"): Promise<void> {
  const file = await open(path, flags);
  await file.close();
}

/** Why something could not be written to, in words for whoever named the place. */
export function whyUnwritable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

const reasons: Readonly<Record<string, string>> = {
  EEXIST: "there is a file of that name, or of that of a folder on its path",
  ENOTDIR: "there is a file where its path needs a folder",
  EISDIR: "it is a directory, not a file",
  ENOENT: "there is no such folder, and none can be made there",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "that file system is read-only",
  ENOSPC: "no space is left on the device",
};
