import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { OperatorError } from "../errors.js";
import { whyUnreadable } from "../read-file.js";
import { readUpTo, replaceFile, syncDirectory, writeFully } from "./durable-files.js";

/** What one file of a backup is. */
export interface BackupFile {
  /** From the backup's `data` folder on, as it is in a data directory. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** `backup.json`, which is written last: a backup without it is none. */
export interface BackupManifest {
  readonly format: "aclog-backup";
  readonly version: 1;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly topics: number;
  readonly files: readonly BackupFile[];
  /** Directories without a file. */
  readonly directories: readonly string[];
}

/** How far copying or checking is. */
export interface BackupProgress {
  readonly files: number;
  readonly bytes: number;
  /** From 0 to 1; undefined while nobody knows where the end is. */
  readonly fraction: number | undefined;
}

export const backupData = "data";
export const backupManifestName = "backup.json";
const chunkBytes = 1024 * 1024;

const relative = z
  .string()
  .refine((path) => path !== "" && path.split("/").every((part) => !["", ".", ".."].includes(part)));
const schema = z.strictObject({
  format: z.literal("aclog-backup"),
  version: z.literal(1),
  createdMs: z.number().int().nonnegative(),
  topics: z.number().int().nonnegative(),
  files: z.array(
    z.strictObject({
      path: relative,
      bytes: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  directories: z.array(relative),
});

/** Durably writes what a backup consists of. */
export async function writeBackupManifest(backup: string, manifest: BackupManifest): Promise<void> {
  const text = JSON.stringify(manifest, undefined, 1);
  await replaceFile(join(backup, backupManifestName), `{"sha256":"${sha256(text)}","backup":\n${text}\n}\n`);
}

/** @throws OperatorError when there is none, it is damaged, or of another format */
export async function readBackupManifest(backup: string): Promise<BackupManifest> {
  const path = join(backup, backupManifestName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new OperatorError(`${backup} is no backup, or one that was cut short: ${path} cannot be read`, [], {
      cause: error,
    });
  }
  const parts = /^\{"sha256":"([0-9a-f]{64})","backup":\n([^]*)\n\}\n$/.exec(text);
  if (parts?.[1] !== sha256(parts?.[2] ?? "")) throw new OperatorError(`${path} is damaged`);
  const read = schema.safeParse(JSON.parse(parts[2]!));
  if (!read.success) throw new OperatorError(`${path} is of a format that this aclog does not know`);
  return read.data;
}

/** A file of a backup is not what `backup.json` says. */
export class WrongFile extends OperatorError {
  readonly problem: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path} ${problem}`, [], options);
    this.problem = problem;
  }
}

/** What a backup's files take, in bytes. */
export function bytesOf({ files }: BackupManifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Reads a file of a backup, and writes it to `target` if that is given, durably.
 * @throws WrongFile unless it is what `backup.json` says, and can be read
 */
export async function checkedCopy(
  data: string,
  { path, bytes, sha256: expected }: BackupFile,
  target: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const from = join(data, path);
  const file = await open(from, "r").catch((error: unknown) => {
    throw new WrongFile(from, `cannot be read: ${whyUnreadable(error)}`, { cause: error });
  });
  try {
    const { size } = await file.stat();
    if (size !== bytes) throw new WrongFile(from, `is damaged: it has ${size} bytes instead of ${bytes}`);
    const found = await copyBytes(file, bytes, target, signal);
    if (found !== expected) throw new WrongFile(from, "is damaged: its checksum is another");
  } finally {
    await file.close();
  }
}

/** Copies the first bytes of a file, durably, and gives their SHA-256. @throws OperatorError where the file ends before */
export async function copyBytes(
  from: FileHandle,
  bytes: number,
  target: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  const to = target === undefined ? undefined : await open(target, "wx", 0o600);
  try {
    for (let at = 0; at < bytes; at += chunkBytes) {
      signal?.throwIfAborted();
      const chunk = await readUpTo(from, at, Math.min(chunkBytes, bytes - at));
      if (chunk.length < Math.min(chunkBytes, bytes - at))
        throw new OperatorError("a file that is copied ends too early");
      hash.update(chunk);
      // What is all zeros, as most of a journal file, takes no room.
      if (to !== undefined && chunk.some((byte) => byte !== 0)) await writeFully(to, chunk, at);
    }
    await to?.truncate(bytes);
    await to?.sync();
  } finally {
    await to?.close();
  }
  return hash.digest("hex");
}

/** Makes a directory and those above it, durable once `syncTree` ran. */
export async function makeParent(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
}

/** Makes all names below a directory durable, and its own. */
export async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(directory, entry.name));
  }
  await syncDirectory(directory);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
