import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { OperatorError } from "../errors.js";
import { makeDirectory } from "../make-directory.js";
import {
  type BackupManifest,
  type BackupProgress,
  backupData,
  bytesOf,
  checkedCopy,
  makeParent,
  syncTree,
} from "./backup-files.js";
import { verifyBackup } from "./backup-verify.js";
import { layout } from "./data-directory.js";
import { syncDirectory } from "./durable-files.js";
import { Unfinished, refuseUnfinishedRestore } from "./unfinished.js";

/** There from the first file to the last: no server starts on a directory with it. */
const marker = "restore.incomplete";

/**
 * Makes a data directory of a backup. Every file is checked before the first is written, and once more as it is copied;
 * a directory that was cut short is not served, and says what to do.
 *
 * @throws OperatorError when the backup is incomplete or damaged, or `target` is not empty; nothing is left behind then
 */
export async function restoreBackup(
  backup: string,
  target: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: BackupProgress) => void } = {},
): Promise<BackupManifest> {
  await makeDirectoryIfEmpty(target, async () => undefined);
  const twice = (from: number) => (progress: BackupProgress) =>
    options.onProgress?.({ ...progress, fraction: from + (progress.fraction ?? 0) / 2 });
  const { signal } = options;
  const manifest = await verifyBackup(backup, { ...(signal && { signal }), onProgress: twice(0) });
  await makeDirectoryIfEmpty(target, () => makeDirectory(target, 0o700));
  try {
    await copyAll(backup, target, manifest, twice(0.5), signal);
  } catch (error) {
    const names = (await readdir(target)).filter((name) => name !== marker);
    for (const name of [...names, marker]) await rm(join(target, name), { recursive: true, force: true });
    throw error;
  }
  return manifest;
}

async function copyAll(
  backup: string,
  target: string,
  manifest: BackupManifest,
  onProgress: (progress: BackupProgress) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  await using unfinished = await Unfinished.begin(target, marker, resolve(backup));
  const last = manifest.files.filter(({ path }) => path === layout.format);
  if (last.length === 0) throw new OperatorError(`${backup} has no ${layout.format}`);
  const total = bytesOf(manifest);
  let bytes = 0;
  let files = 0;
  for (const file of manifest.files.filter(({ path }) => path !== layout.format)) {
    const to = join(target, file.path);
    await makeParent(to);
    await checkedCopy(join(backup, backupData), file, to, signal);
    bytes += file.bytes;
    onProgress({ files: ++files, bytes, fraction: total === 0 ? 1 : bytes / total });
  }
  for (const path of [...manifest.directories, layout.journal, layout.tenants]) {
    await mkdir(join(target, path), { recursive: true, mode: 0o700 });
  }
  await syncTree(target);
  for (const file of last) await checkedCopy(join(backup, backupData), file, join(target, file.path), signal);
  await syncDirectory(target);
  await syncDirectory(dirname(resolve(target)));
  await unfinished.finish();
}

/** @throws OperatorError when there is something in it, which says what to do with what a restore left */
async function makeDirectoryIfEmpty(path: string, make: () => Promise<unknown>): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  await refuseUnfinishedRestore(path);
  if (names.length > 0) throw new OperatorError(`${path} is not empty; nothing was changed`);
  await make();
}
