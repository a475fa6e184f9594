import { crc32 } from "node:zlib";
import { writeUint64 } from "./uint64.js";

/**
 * Bytes of a journal file (docs/format.md): a header block, then groups, each from a 4 KiB boundary on. A group holds
 * entries, each of them a commit and the place in the segments where it belongs.
 */

/** Groups begin on such boundaries, so that a damaged length cannot hide the groups behind it. */
export const blockBytes = 4096;

/** Counts groups, from 1, never reused within a data directory. */
export type Sequence = bigint;

const fileMagic = Buffer.from("ACLOGWAL", "latin1");
const fileVersion = 1;
const nonceBytes = 16;
const groupMagic = 0x31505247; // "GRP1"
const endMagic = 0x31444e45; // "END1"

/** magic 8, version 4, file bytes 4, nonce 16, checksum 4. */
const fileHeaderBytes = 36;

export interface JournalFileHeader {
  /** Random, never leaves the server: bytes that a client chose, or that an earlier use left, never pass for a group. */
  readonly nonce: Buffer;
  /** Size that the file must have. */
  readonly fileBytes: number;
}

/** The first block of a journal file. */
export function encodeFileHeader(header: JournalFileHeader): Buffer {
  const block = Buffer.alloc(blockBytes);
  fileMagic.copy(block, 0);
  block.writeUInt32LE(fileVersion, 8);
  block.writeUInt32LE(header.fileBytes, 12);
  header.nonce.copy(block, 16);
  block.writeUInt32LE(crc32(block.subarray(0, 32)), 32);
  return block;
}

/** Undefined unless the block is an intact header of a version that this code reads. */
export function decodeFileHeader(block: Buffer): JournalFileHeader | undefined {
  if (block.length < fileHeaderBytes || !block.subarray(0, 8).equals(fileMagic)) return undefined;
  if (block.readUInt32LE(8) !== fileVersion) return undefined;
  if (block.readUInt32LE(32) !== crc32(block.subarray(0, 32))) return undefined;
  return { fileBytes: block.readUInt32LE(12), nonce: Buffer.from(block.subarray(16, 16 + nonceBytes)) };
}

/** magic 4, header checksum 4, sequence 8, durable 8, payload length 4, payload checksum 4, entries 4, nonce 16, reserved 12. */
export const groupHeaderBytes = 64;

export interface GroupHeader {
  /** The end mark of a file has the form of a group without entries; the file of that `sequence` is the next one. */
  readonly isEnd: boolean;
  readonly sequence: Sequence;
  /** The highest sequence that was known to be on disk when this group was written. */
  readonly durable: Sequence;
  readonly payloadBytes: number;
  readonly payloadChecksum: number;
  readonly entries: number;
}

/** Writes the header into the first bytes of a group whose payload, up to the end of `group`, is complete. */
export function sealGroup(group: Buffer, sequence: Sequence, durable: Sequence, entries: number, nonce: Buffer): void {
  seal(group, groupMagic, sequence, durable, entries, nonce);
}

/** What stands behind the last group of a file once the next file, which begins with group `next`, has its name. */
export function encodeEnd(next: Sequence, nonce: Buffer): Buffer {
  const end = Buffer.alloc(groupHeaderBytes);
  seal(end, endMagic, next, next - 1n, 0, nonce);
  return end;
}

function seal(
  group: Buffer,
  magic: number,
  sequence: Sequence,
  durable: Sequence,
  entries: number,
  nonce: Buffer,
): void {
  group.writeUInt32LE(magic, 0);
  group.writeBigUInt64LE(sequence, 8);
  group.writeBigUInt64LE(durable, 16);
  group.writeUInt32LE(group.length - groupHeaderBytes, 24);
  group.writeUInt32LE(crc32(group.subarray(groupHeaderBytes)), 28);
  group.writeUInt32LE(entries, 32);
  nonce.copy(group, 36);
  group.fill(0, 52, groupHeaderBytes);
  group.writeUInt32LE(crc32(group.subarray(8, groupHeaderBytes)), 4);
}

/** Undefined unless a group header, or the end mark, of this very file is at `position`. The payload is not looked at. */
export function decodeGroupHeader(file: Buffer, position: number, nonce: Buffer): GroupHeader | undefined {
  if (file.length - position < groupHeaderBytes) return undefined;
  const magic = file.readUInt32LE(position);
  if (magic !== groupMagic && magic !== endMagic) return undefined;
  const header = file.subarray(position, position + groupHeaderBytes);
  if (header.readUInt32LE(4) !== crc32(header.subarray(8)) || !header.subarray(36, 52).equals(nonce)) return undefined;
  return {
    isEnd: magic === endMagic,
    sequence: header.readBigUInt64LE(8),
    durable: header.readBigUInt64LE(16),
    payloadBytes: header.readUInt32LE(24),
    payloadChecksum: header.readUInt32LE(28),
    entries: header.readUInt32LE(32),
  };
}

/** topic id 16, segment base 8, position 4, commit length 4. */
export const entryHeaderBytes = 32;

/** A commit and where it belongs. */
export interface JournalEntry {
  readonly topicId: string;
  readonly segmentBase: bigint;
  readonly position: number;
  readonly commit: Buffer;
}

/** Writes the header of an entry; the commit's `commitBytes` bytes follow at once. Returns the position behind it. */
export function writeEntryHeader(
  target: Buffer,
  at: number,
  entry: { topicId: Buffer; segmentBase: bigint; position: number; commitBytes: number },
): number {
  target.set(entry.topicId, at);
  writeUint64(target, Number(entry.segmentBase), at + 16);
  target.writeUInt32LE(entry.position, at + 24);
  target.writeUInt32LE(entry.commitBytes, at + 28);
  return at + entryHeaderBytes;
}

/** The entries of an intact group; undefined if they do not fill its payload exactly. */
export function decodeEntries(payload: Buffer, count: number): JournalEntry[] | undefined {
  const entries: JournalEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (payload.length - at < entryHeaderBytes) return undefined;
    const commitBytes = payload.readUInt32LE(at + 28);
    if (payload.length - at - entryHeaderBytes < commitBytes) return undefined;
    entries.push({
      topicId: payload.toString("hex", at, at + 16),
      segmentBase: payload.readBigUInt64LE(at + 16),
      position: payload.readUInt32LE(at + 24),
      commit: payload.subarray(at + entryHeaderBytes, at + entryHeaderBytes + commitBytes),
    });
    at += entryHeaderBytes + commitBytes;
  }
  return at === payload.length ? entries : undefined;
}

/** Where the group behind `position` begins. */
export function nextBlock(position: number): number {
  return Math.ceil(position / blockBytes) * blockBytes;
}

const nameOf = /^(\d{20})\.wal$/;

/** Twenty digits hold any uint64, so names sort in sequence order. */
export function journalFileName(first: Sequence): string {
  return `${first.toString().padStart(20, "0")}.wal`;
}

/** The sequence of the first group in a journal file, from its name; undefined for other files. */
export function sequenceOfName(name: string): Sequence | undefined {
  const match = nameOf.exec(name);
  return match === null ? undefined : BigInt(match[1]!);
}
