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
