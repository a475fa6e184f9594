import { copyFile, link, open } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { makeDirectory } from "../make-directory.js";
import { isMissing, syncDirectory } from "../log/durable-files.js";

/**
 * Keeps files as they are, under the same names in a folder of their own, before anything is changed. They are linked where
 * the file system can do that: nothing that is kept is ever written to, only replaced or removed.
 *
 * @returns the folder. Resolves when all of it is on disk
 */
export async function keepAside(data: string, paths: readonly string[], report: string, now: Date): Promise<string> {
  const folder = await freshFolder(data, now);
  const directories = new Set<string>([data, folder]);
  for (const path of paths) {
    const kept = join(folder, relative(data, path));
    await makeDirectory(dirname(kept), 0o700);
    for (let directory = dirname(kept); directory !== folder; directory = dirname(directory))
      directories.add(directory);
    await keep(path, kept);
  }
  const told = await open(join(folder, "report.json"), "wx", 0o600);
  try {
    await told.writeFile(report);
    await told.sync();
  } finally {
    await told.close();
  }
  for (const directory of directories) await syncDirectory(directory);
  return folder;
}

async function freshFolder(data: string, now: Date): Promise<string> {
  const name = `repair-${now.toISOString().replace(/[:.]/g, "-")}`;
  const folder = join(data, name);
  await makeDirectory(folder, 0o700);
  return folder;
}

async function keep(path: string, kept: string): Promise<void> {
  try {
    await link(path, kept).catch((error: unknown) => {
      if (isMissing(error)) throw error;
      return copyFile(path, kept);
    });
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const file = await open(kept, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
