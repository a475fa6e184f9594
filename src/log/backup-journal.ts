import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "./checkpoint.js";
import { readCommitHeader } from "./commit.js";
import { isMissing, readUpTo } from "./durable-files.js";
import { type Sequence, blockBytes, decodeFileHeader, journalFileName, sequenceOfName } from "./journal-format.js";
import { intactGroup } from "./replay.js";

/** A journal file as a backup has it: the header and whole groups, zeros behind them. */
export interface CopiedJournalFile {
  readonly name: string;
  /** Up to the end of its last group. */
  readonly bytes: Buffer;
  readonly fileBytes: number;
}

/** What the journal holds above a checkpoint. */
export interface CopiedJournal {
  readonly files: readonly CopiedJournalFile[];
  /** For each topic of which it has records, the offset behind the last of them. */
  readonly ends: ReadonlyMap<string, bigint>;
}

/**
 * Copies every group above the checkpoint that was durable before the call, while the server may write others and use files
 * again. A group counts with the nonce of its file and its sequence, and only behind all those before it; where they end, either
 * a group is on its way, which nobody was told about, or its file was given back, which a later checkpoint says.
 *
 * @returns undefined if files were given back meanwhile: a later checkpoint is there to begin with
 */
export async function copyJournal(
  directory: string,
  { sequence, place }: Checkpoint,
): Promise<CopiedJournal | undefined> {
  const firsts = (await readdir(directory))
    .map(sequenceOfName)
    .filter((first) => first !== undefined)
    .filter((first) => first > sequence || first === place.file)
    .sort((a, b) => (a < b ? -1 : 1));
  if (firsts[1] === sequence + 1n) firsts.shift();
  if (firsts[0] !== place.file && firsts[0] !== sequence + 1n) return undefined;
  const files: CopiedJournalFile[] = [];
  const ends = new Map<string, bigint>();
  let next: Sequence = sequence + 1n;
  for (const first of firsts) {
    if (files.length > 0 && first !== next) break;
    const name = journalFileName(first);
    const bytes = await readJournalFile(join(directory, name));
    const header = bytes && decodeFileHeader(bytes);
    if (bytes === undefined || header === undefined) return undefined;
    let position = files.length === 0 && first === place.file ? place.position : blockBytes;
    for (;;) {
      const group = intactGroup(bytes, position, header, next, first);
      if (group === undefined) break;
      for (const { topicId, commit } of group.entries) {
        const last = readCommitHeader(commit, 0)?.last;
        if (last !== undefined) ends.set(topicId, last + 1n);
      }
      next = group.sequence + 1n;
      position = group.end.position;
    }
    files.push({ name, bytes: bytes.subarray(0, position), fileBytes: header.fileBytes });
  }
  const later = await readCheckpoint(directory);
  return later.sequence < next ? { files, ends } : undefined;
}

/** Undefined if it is gone. */
async function readJournalFile(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, "r");
    try {
      return await readUpTo(file, 0, (await file.stat()).size);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
