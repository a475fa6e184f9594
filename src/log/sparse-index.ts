import { constants, readFile, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import type { OpenFiles } from "./open-files.js";
import { writeFully } from "./durable-files.js";
import { lastIndexWhere } from "./search.js";

/** Bytes of a segment between two entries of its index. */
export const indexIntervalBytes = 64 * 1024;

/** A commit that the index knows: where it is, its first offset and its time. */
export interface IndexEntry {
  readonly base: bigint;
  readonly position: number;
  readonly timeMs: number;
}

const magic = Buffer.from("ACLOGIDX", "latin1");
const version = 1;
/** magic 8, version 4, topic id 16, checksum 4. */
const headerBytes = 32;
/** base 8, position 4, time 8, checksum 4. */
const entryBytes = 24;

/**
 * Every so many bytes of a segment, where a commit begins. It only shortens the way: entries are hints, every commit
 * is checked when it is read, and the file can be lost at any time.
 */
export class SparseIndex {
  #entries: IndexEntry[];
  #persisted: number;

  /** @param entries those that are in the file already */
  constructor(entries: readonly IndexEntry[] = []) {
    this.#entries = [...entries];
    this.#persisted = entries.length;
  }

  /** Adds a commit, if it is far enough behind the last one added. Calls come in order of position. */
  add(entry: IndexEntry): void {
    if (entry.position - (this.#entries.at(-1)?.position ?? 0) >= indexIntervalBytes) this.#entries.push(entry);
  }

  /** In order of position; changed only by adding to its end. */
  get entries(): readonly IndexEntry[] {
    return this.#entries;
  }

  /** Puts what was found for the bytes before `position` in the place of what was known of them. */
  replace(found: SparseIndex, position: number): void {
    this.#entries = [...found.#entries, ...this.#entries.filter((entry) => entry.position >= position)];
    this.#persisted = found.#persisted;
  }

  /** Which entry is the last at or before `offset`; -1: begin at the start of the segment. */
  floor(offset: bigint): number {
    return lastIndexWhere(this.#entries, (entry) => entry.base <= offset);
  }

  /** Which entry is the last from before `timeMs`; -1: begin at the start of the segment. */
  floorTime(timeMs: bigint): number {
    return lastIndexWhere(this.#entries, (entry) => BigInt(entry.timeMs) < timeMs);
  }

  /** Which entry is the last at or before `position`; -1: begin at the start of the segment. */
  floorPosition(position: number): number {
    return lastIndexWhere(this.#entries, (entry) => entry.position <= position);
  }

  /**
   * Where a read from `position` ends best: behind the commit with the last wanted record, or where a commit begins for which
   * there may be no room. Undefined where no entry says so.
   */
  endOfRead(position: number, lastWanted: bigint, maxBytes: number): number | undefined {
    const behindLast = this.#entries[this.floor(lastWanted) + 1]?.position ?? Infinity;
    const at = this.floorPosition(position + maxBytes);
    const within = this.#entries[at]?.position ?? 0;
    // Where hardly a part of what is wanted lies before it, the commit that begins there is cut.
    const room = within > position + maxBytes / 2 ? within : (this.#entries[at + 1]?.position ?? Infinity);
    const end = Math.min(behindLast, room);
    return end === Infinity ? undefined : end;
  }

  /** Writes the entries that are not in the file yet. Not synced: a lost index is built again. */
  async save(files: OpenFiles, path: string, topicId: string): Promise<void> {
    const entries = this.#entries;
    const fresh = entries.slice(this.#persisted);
    if (fresh.length === 0) return;
    const bytes = encodeEntries(fresh);
    const at = headerBytes + this.#persisted * entryBytes;
    await files.write(path, async (file) => {
      await writeFully(file, encodeHeader(topicId), 0);
      await writeFully(file, bytes, at);
    });
    // Unless they were replaced meanwhile: then the next time writes them again.
    if (this.#entries === entries) this.#persisted += fresh.length;
  }
}

/** Writes an index file as a whole. Not synced: a lost index is built again. */
export async function writeIndex(path: string, topicId: string, entries: readonly IndexEntry[]): Promise<void> {
  await writeFile(path, Buffer.concat([encodeHeader(topicId), encodeEntries(entries)]), { mode: 0o600 });
}

/** The entries of an index file up to the first that cannot be right; none if there is no such file. */
export async function loadIndex(path: string, topicId: string, segmentBytes: number): Promise<IndexEntry[]> {
  // Nobody may write to a pipe that somebody has put there: it is not waited for.
  const bytes = await readFile(path, { flag: constants.O_RDONLY | constants.O_NONBLOCK }).catch(() => Buffer.alloc(0));
  if (!bytes.subarray(0, headerBytes).equals(encodeHeader(topicId))) return [];
  const entries: IndexEntry[] = [];
  for (let at = headerBytes; at + entryBytes <= bytes.length; at += entryBytes) {
    if (bytes.readUInt32LE(at + 20) !== crc32(bytes.subarray(at, at + 20))) break;
    const entry = {
      base: bytes.readBigUInt64LE(at),
      position: bytes.readUInt32LE(at + 8),
      timeMs: Number(bytes.readBigUInt64LE(at + 12)),
    };
    const before = entries.at(-1);
    if (entry.position >= segmentBytes) break;
    if (before !== undefined && (entry.position <= before.position || entry.base <= before.base)) break;
    entries.push(entry);
  }
  return entries;
}

function encodeEntries(entries: readonly IndexEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * entryBytes);
  for (const [index, entry] of entries.entries()) {
    const at = index * entryBytes;
    bytes.writeBigUInt64LE(entry.base, at);
    bytes.writeUInt32LE(entry.position, at + 8);
    bytes.writeBigUInt64LE(BigInt(entry.timeMs), at + 12);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 20)), at + 20);
  }
  return bytes;
}

function encodeHeader(topicId: string): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header, 0);
  header.writeUInt32LE(version, 8);
  header.write(topicId, 12, "hex");
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
  return header;
}
