import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type CommitHeader, isIntact, readCommitHeader } from "../log/commit.js";
import { isMissing, readUpTo } from "../log/durable-files.js";
import {
  type GroupHeader,
  type JournalEntry,
  type Sequence,
  blockBytes,
  decodeEntries,
  decodeFileHeader,
  decodeGroupHeader,
  entryHeaderBytes,
  groupHeaderBytes,
  nextBlock,
  sequenceOfName,
} from "../log/journal-format.js";

/** A group, or the end mark, whose header is intact. */
export interface ScannedGroup {
  readonly position: number;
  readonly header: GroupHeader;
  /** Behind its last byte. */
  readonly end: number;
  /** True if the checksum of its payload matches. */
  readonly isIntact: boolean;
  /** What it holds; of a damaged one, what can still be told apart; undefined if nothing can. */
  readonly entries: readonly ScannedEntry[] | undefined;
}

export interface ScannedEntry extends JournalEntry {
  /** Where the commit begins in the journal's file. */
  readonly at: number;
  /** Undefined if that of the commit is damaged. */
  readonly header: CommitHeader | undefined;
  /** True if the commit itself is as it was written. */
  readonly isIntact: boolean;
}

export interface ScannedJournalFile {
  readonly path: string;
  /** Sequence of its first group, by its name. */
  readonly first: Sequence;
  readonly bytes: number;
  /** What is wrong with its header or its size. */
  readonly problem: string | undefined;
  readonly groups: readonly ScannedGroup[];
}

/** Paths of the journal's files, in order of what they hold; none if there is no such directory. */
export async function journalFiles(directory: string): Promise<{ readonly path: string; readonly first: Sequence }[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const first = sequenceOfName(name);
      return first === undefined ? [] : [{ path: join(directory, name), first }];
    })
    .sort((a, b) => (a.first < b.first ? -1 : 1));
}

/**
 * Every group of a journal file that is from its last use, whether or not others in front are damaged. The entries share
 * the memory of the whole file. Undefined if there is no such file.
 */
export async function scanJournalFile(path: string, first: Sequence): Promise<ScannedJournalFile | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const { nonce, bytes, problem } = await readWhole(file, size, first);
    const groups = nonce === undefined ? [] : [...groupsIn(bytes, nonce, first)];
    return { path, first, bytes: size, problem, groups };
  } finally {
    await file.close();
  }
}

interface WholeFile {
  /** Of the groups of its last use; undefined if nothing tells. */
  readonly nonce: Buffer | undefined;
  readonly bytes: Buffer;
  readonly problem: string | undefined;
}

/** Without a header that says so nothing large is read: the file may be anything. */
const mostWithoutHeader = 64 * 1024 * 1024;

async function readWhole(file: FileHandle, size: number, first: Sequence): Promise<WholeFile> {
  const header = decodeFileHeader(await readUpTo(file, 0, Math.min(size, blockBytes)));
  const bytes = await readUpTo(file, 0, Math.min(size, header?.fileBytes ?? mostWithoutHeader));
  if (header === undefined) {
    const problem = "the file header is damaged or of an unknown version";
    return { nonce: nonceOfFirst(bytes, first), bytes, problem };
  }
  const problem = size === header.fileBytes ? undefined : `the file has ${size} bytes instead of ${header.fileBytes}`;
  return { nonce: header.nonce, bytes, problem };
}

/** In the first block behind the header a group always begins, and a file's name is that group's sequence. */
function nonceOfFirst(bytes: Buffer, first: Sequence): Buffer | undefined {
  const { start, end } = groupNonce;
  const nonce = Buffer.from(bytes.subarray(blockBytes + start, blockBytes + end));
  const group = nonce.length === end - start ? decodeGroupHeader(bytes, blockBytes, nonce) : undefined;
  return group?.sequence === first ? nonce : undefined;
}

/** Where a group's header repeats the nonce of its file (docs/format.md). */
const groupNonce = { start: 36, end: 52 } as const;

function* groupsIn(bytes: Buffer, nonce: Buffer, first: Sequence): Generator<ScannedGroup> {
  for (let position = blockBytes; position < bytes.length;) {
    const header = decodeGroupHeader(bytes, position, nonce);
    if (header === undefined || header.sequence < first) {
      position += blockBytes;
      continue;
    }
    const group = judged(bytes, position, header);
    yield group;
    position = group.isIntact ? nextBlock(group.end) : position + blockBytes;
  }
}

function judged(bytes: Buffer, position: number, header: GroupHeader): ScannedGroup {
  const start = position + groupHeaderBytes;
  const end = start + header.payloadBytes;
  const payload = bytes.subarray(start, Math.min(end, bytes.length));
  const isWhole = payload.length === header.payloadBytes && crc32(payload) === header.payloadChecksum;
  const entries = header.isEnd ? [] : decodeEntries(payload, header.entries);
  let at = start;
  const scanned = entries?.map((entry) => {
    at += entryHeaderBytes;
    const scannedEntry = { ...entry, at, ...judgedCommit(entry) };
    at += entry.commit.length;
    return scannedEntry;
  });
  return { position, header, end, isIntact: isWhole && entries !== undefined, entries: scanned };
}

function judgedCommit({ commit, topicId }: JournalEntry): Pick<ScannedEntry, "header" | "isIntact"> {
  const header = readCommitHeader(commit, 0);
  const isOwn = header?.topicId === topicId && header.headerBytes + header.framesBytes === commit.length;
  return isOwn ? { header, isIntact: isIntact(commit, 0, header) } : { header: undefined, isIntact: false };
}
