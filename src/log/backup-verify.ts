import type { Dirent } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { OperatorError } from "../errors.js";
import { whyUnreadable } from "../read-file.js";
import {
  type BackupFile,
  type BackupManifest,
  type BackupProgress,
  WrongFile,
  backupData,
  backupManifestName,
  bytesOf,
  checkedCopy,
  readBackupManifest,
} from "./backup-files.js";
import { isMissing, isNoDirectory, isSystemError } from "./durable-files.js";

/** One file of a backup that is not as it was written. */
export interface BackupFinding {
  /** From the backup's folder on. */
  readonly path: string;
  readonly kind: "wrong" | "missing" | "extra";
  readonly problem: string;
}

export interface BackupReport {
  readonly manifest: BackupManifest;
  /** How many files are wrong, missing and extra. */
  readonly counts: Readonly<Record<BackupFinding["kind"], number>>;
  /** The first of them, at most `mostFindings`. */
  readonly findings: readonly BackupFinding[];
}

/** So many findings are listed; the rest is counted. */
export const mostFindings = 100;

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
}

/**
 * Reads every file of a backup and compares it with `backup.json`, and looks for files that are not in it.
 * @throws OperatorError where there is no `backup.json` to go by
 */
export async function examineBackup(backup: string, options: VerifyOptions = {}): Promise<BackupReport> {
  const manifest = await readBackupManifest(backup);
  const findings: BackupFinding[] = [];
  const counts = { wrong: 0, missing: 0, extra: 0 };
  const note = (finding: BackupFinding): void => {
    counts[finding.kind]++;
    if (findings.length < mostFindings) findings.push(finding);
  };
  const total = bytesOf(manifest);
  let bytes = 0;
  for (const [at, file] of manifest.files.entries()) {
    const finding = await findingOf(backup, file, options.signal);
    if (finding !== undefined) note(finding);
    bytes += file.bytes;
    options.onProgress?.({ files: at + 1, bytes, fraction: total === 0 ? 1 : bytes / total });
  }
  const known = new Set([backupManifestName, ...manifest.files.map(({ path }) => `${backupData}/${path}`)]);
  for await (const path of filesBelow(backup)) {
    options.signal?.throwIfAborted();
    if (!known.has(path)) note({ path, kind: "extra", problem: `is not in ${backupManifestName}` });
  }
  return { manifest, counts, findings };
}

/**
 * The same for who needs all of it.
 * @throws OperatorError that names what is missing, damaged, or too many
 */
export async function verifyBackup(backup: string, options: VerifyOptions = {}): Promise<BackupManifest> {
  const { manifest, counts, findings } = await examineBackup(backup, options);
  const all = counts.wrong + counts.missing + counts.extra;
  if (all === 0) return manifest;
  const listed = findings.map(({ path, problem }) => ({ source: join(backup, path), problem }));
  const rest = all - findings.length;
  if (rest > 0) listed.push({ source: backup, problem: `has ${rest} more that are not listed` });
  throw new OperatorError(`${backup} is not as it was written; nothing was changed:`, listed);
}

async function findingOf(
  backup: string,
  file: BackupFile,
  signal: AbortSignal | undefined,
): Promise<BackupFinding | undefined> {
  const path = `${backupData}/${file.path}`;
  const wrong = (problem: string): BackupFinding => ({ path, kind: "wrong", problem });
  try {
    // What is no file, such as a pipe, could keep its reader waiting for ever.
    if (!(await stat(join(backup, path))).isFile()) return wrong("is no file");
    await checkedCopy(join(backup, backupData), file, undefined, signal);
    return undefined;
  } catch (error) {
    if (isMissing(error) || isNoDirectory(error)) return { path, kind: "missing", problem: "is missing" };
    if (error instanceof WrongFile) return wrong(error.problem);
    if (isSystemError(error)) return wrong(`cannot be read: ${whyUnreadable(error)}`);
    throw error;
  }
}

/** Everything below that is no directory, and directories beside `data`, which are not looked into. */
async function* filesBelow(backup: string): AsyncGenerator<string, void, undefined> {
  const left = [backup];
  for (let directory = left.pop(); directory !== undefined; directory = left.pop()) {
    for await (const entry of await opendir(directory)) {
      const path = relative(backup, join(directory, entry.name));
      if (isOurs(entry, directory === backup)) left.push(join(directory, entry.name));
      else yield path;
    }
  }
}

function isOurs(entry: Dirent, isInRoot: boolean): boolean {
  return entry.isDirectory() && (!isInRoot || entry.name === backupData);
}
