import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { OperatorError } from "../errors.js";
import { asRefusal, readUpTo, writeFully } from "./durable-files.js";
import type { JournalPlace } from "./journal.js";
import {
  type JournalEntry,
  type JournalFileHeader,
  type Sequence,
  blockBytes,
  decodeEntries,
  decodeFileHeader,
  decodeGroupHeader,
  groupHeaderBytes,
  journalFileName,
  nextBlock,
  sequenceOfName,
} from "./journal-format.js";

/** One group of the journal, intact. */
export interface ReplayedGroup {
  readonly sequence: Sequence;
  readonly entries: readonly JournalEntry[];
  /** Where it begins, in the file of `end`. */
  readonly position: number;
  /** Where the group behind it would begin. */
  readonly end: JournalPlace;
}

/** What was left at the end of the journal by a write that a crash cut short: nobody had been told about it, as far as can be known. */
export interface TornTail {
  readonly path: string;
  readonly position: number;
  /** What the group has, its header included, if that can be read; otherwise at most: up to the last byte that is not zero, or to an older group. */
  readonly bytes: number;
}

/** The journal cannot be what was written: acknowledged records may be missing. Nothing was changed. */
export class JournalDamaged extends OperatorError {
  readonly path: string;
  /** In bytes. */
  readonly position: number;
  readonly problem: string;

  constructor(path: string, position: number, problem: string, cause?: unknown) {
    const advice = "Nothing was changed: keep the data directory and restore a backup";
    super(`${path}: byte ${position}: ${problem}. ${advice}`, [], cause === undefined ? undefined : { cause });
    this.path = path;
    this.position = position;
    this.problem = problem;
    this.name = "JournalDamaged";
  }
}

/**
 * Every group above the checkpoint that may have been answered for, in order; returns the torn tail, if there is one.
 *
 * @param checkpoint the highest sequence that the segments hold
 * @param place where the checkpoint says that the group behind it begins, unless it begins a file of its own
 * @throws JournalDamaged when something later proves that what is damaged had been durable
 */
export async function* replay(
  directory: string,
  checkpoint: Sequence,
  place: JournalPlace,
): AsyncGenerator<ReplayedGroup, TornTail | undefined> {
  const firsts = (await readdir(directory))
    .map(sequenceOfName)
    .filter((first) => first !== undefined)
    .filter((first) => first > checkpoint || first === place.file)
    .sort((a, b) => (a < b ? -1 : 1));
  // A file that begins right behind the checkpoint makes what is left of the file before it worthless.
  if (firsts[1] === checkpoint + 1n) firsts.shift();
  let next = checkpoint + 1n;
  let position = firsts[0] === place.file ? place.position : blockBytes;
  if (firsts[0] === undefined || (firsts[0] !== place.file && firsts[0] !== next)) {
    const missing = join(directory, journalFileName(place.file));
    throw new JournalDamaged(missing, 0, `the file that holds group ${next} is missing`);
  }
  for (const [index, first] of firsts.entries()) {
    const path = join(directory, journalFileName(first));
    const file = await openFile(path);
    try {
      const header = await readFileHeader(file, path);
      const bytes = await readUpTo(file, 0, header.fileBytes);
      const begins = decodeGroupHeader(bytes, blockBytes, header.nonce);
      if (begins !== undefined && begins.sequence !== first) {
        // Also in front of the checkpoint: what belongs behind it is somewhere else.
        throw new JournalDamaged(path, blockBytes, `the file begins with group ${begins.sequence}: it is another one`);
      }
      if (index === 0 && position > blockBytes && !holdsGroup(bytes, position, header)) {
        const problem = `none of the groups is there that the checkpoint has from the file`;
        throw new JournalDamaged(path, blockBytes, problem);
      }
      for (;;) {
        const group = intactGroup(bytes, position, header, next, first);
        if (group === undefined) break;
        yield group;
        next = group.sequence + 1n;
        position = group.end.position;
      }
      const following = firsts[index + 1];
      if (following === undefined) {
        const end = decodeGroupHeader(bytes, position, header.nonce);
        if (end?.isEnd === true && end.sequence === next) {
          throw new JournalDamaged(
            join(directory, journalFileName(next)),
            0,
            `the file is missing, and ${path} says that the journal goes on in it`,
          );
        }
        const proof = otherGroup(bytes, position, header, next);
        if (proof !== undefined) {
          const problem = `group ${next} is damaged, and group ${proof.sequence} at byte ${proof.at} proves that it was durable`;
          throw new JournalDamaged(path, position, problem);
        }
        if (isBlank(bytes, position, header, next)) return undefined;
        return { path, position, bytes: tornBytes(bytes, position, header) };
      }
      if (following !== next) {
        throw new JournalDamaged(
          path,
          position,
          `group ${next} is damaged or missing, and ${journalFileName(following)} proves that it was durable`,
        );
      }
    } finally {
      await file.close();
    }
    position = blockBytes;
  }
  return undefined;
}

/**
 * Makes sure that the group between `position` and `end` is on disk, and not in the page cache alone: it is written once
 * more, because after a failed sync the kernel may take what it has for clean.
 */
export async function confirmGroup(directory: string, position: number, end: JournalPlace): Promise<void> {
  const file = await open(join(directory, journalFileName(end.file)), "r+");
  try {
    await writeFully(file, await readUpTo(file, position, end.position - position), position);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** @throws OperatorError when it is no file */
async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    throw asRefusal(error, path);
  }
  throw new JournalDamaged(path, 0, "this is no file");
}

async function readFileHeader(file: FileHandle, path: string): Promise<JournalFileHeader> {
  const header = decodeFileHeader(await readUpTo(file, 0, blockBytes));
  if (header === undefined) throw new JournalDamaged(path, 0, "the file header is damaged or of an unknown version");
  const { size } = await file.stat();
  if (size !== header.fileBytes) {
    throw new JournalDamaged(path, size, `the file has ${size} bytes instead of ${header.fileBytes}`);
  }
  return header;
}

/** The group at `position`, if it is the one that is expected there and all of it is what was written. */
export function intactGroup(
  bytes: Buffer,
  position: number,
  file: JournalFileHeader,
  expected: Sequence,
  first: Sequence,
): ReplayedGroup | undefined {
  const header = decodeGroupHeader(bytes, position, file.nonce);
  if (header === undefined || header.isEnd || header.sequence !== expected) return undefined;
  const start = position + groupHeaderBytes;
  const end = start + header.payloadBytes;
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(start, end);
  if (crc32(payload) !== header.payloadChecksum) return undefined;
  const entries = decodeEntries(payload, header.entries);
  return entries && { sequence: expected, entries, position, end: { file: first, position: nextBlock(end) } };
}

/** True if a group header of this use of the file is in front of `position`, or the end mark. */
function holdsGroup(bytes: Buffer, position: number, file: JournalFileHeader): boolean {
  for (let at = blockBytes; at < position; at += blockBytes) {
    if (decodeGroupHeader(bytes, at, file.nonce) !== undefined) return true;
  }
  return false;
}

/**
 * A group header of this use of the file, at `position` or behind it, of another group than `next`. Groups come in order, each
 * when the one before it is durable: so that one had been durable, or this is an older file in the place of the one that had it.
 */
function otherGroup(
  bytes: Buffer,
  position: number,
  file: JournalFileHeader,
  next: Sequence,
): { readonly sequence: Sequence; readonly at: number } | undefined {
  for (let at = position; at < bytes.length; at += blockBytes) {
    const header = decodeGroupHeader(bytes, at, file.nonce);
    if (header !== undefined && (header.sequence !== next || at !== position)) return { sequence: header.sequence, at };
  }
  return undefined;
}

/**
 * How much a write that was cut short was to write, or else may have written at most: up to where a group of an earlier use of the
 * file begins, which is no part of it, and to the last byte that is not zero.
 */
function tornBytes(bytes: Buffer, position: number, file: JournalFileHeader): number {
  const header = decodeGroupHeader(bytes, position, file.nonce);
  if (header !== undefined) return groupHeaderBytes + header.payloadBytes;
  let end = position + blockBytes;
  while (end < bytes.length && decodeGroupHeader(bytes, end, nonceAt(bytes, end)) === undefined) end += blockBytes;
  while (end > position && !bytes[end - 1]) end--;
  return end - position;
}

/** The nonce that a group header at `position` would have. */
function nonceAt(bytes: Buffer, position: number): Buffer {
  return bytes.subarray(position + 36, position + 52);
}

/** True unless group `next` had begun at `position`, as far as that shows: what an earlier use left has another number. */
function isBlank(bytes: Buffer, position: number, file: JournalFileHeader, next: Sequence): boolean {
  const header = bytes.subarray(position, position + groupHeaderBytes);
  if (header.length < groupHeaderBytes) return true;
  return !nonceAt(header, 0).equals(file.nonce) && header.readBigUInt64LE(8) !== next;
}
