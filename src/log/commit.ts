import { crc32 } from "node:zlib";
import { writeVarint, varintSize } from "../wire/records.js";
import { maxSectionBytes } from "./producer-section.js";
import { type FramesHeader, isSparse } from "./record-frame.js";
import { writeUint64 } from "./uint64.js";

/**
 * A commit on disk: a header, as field 2047 of a ConsumeResponse, then what it says of producers, if it does, as another
 * field (producer-section.ts), and then the frames of its records (docs/format.md).
 * The checksum covers the header's other fields and all frames; a second one, of the header alone, lets a reader hop from
 * header to header without reading the frames. The header names its topic, so that bytes of another topic are never
 * taken for this one's.
 */
export interface CommitHeader extends FramesHeader {
  readonly topicId: string;
  /** When it was committed, in milliseconds since 1970. */
  readonly timeMs: number;
  /** Bytes from the start of the commit to its first frame: the header itself, and the producers' section, if there is one. */
  readonly headerBytes: number;
  /** Bytes of its frames. */
  readonly framesBytes: number;
  readonly checksum: number;
}

/** Every offset from the first to the last has its record. */
const denseVersion = 1;
/** Compaction took some of them: an aclog that does not know of gaps must not take the n-th record for base + n. */
const sparseVersion = 2;

/** Field 2047, length-delimited: the highest field number with a two-byte tag. */
const tagByte0 = 0xfa;
const tagByte1 = 0x7f;

/**
 * checksum 4, version 1, reserved 3, topic id 16, base 8, last 8, count 4, frames length 4, time 8, producers length 4,
 * header checksum 4.
 */
const bodyBytes = 64;
/** Of the body: from the version to the producers. */
const headerChecksumStart = 4;
const headerChecksumAt = 60;
const tagAndLength = 2 + varintSize(bodyBytes);

/** What every commit begins with; other bytes may look like it. */
export const commitMark: Buffer = Buffer.from([tagByte0, tagByte1, bodyBytes]);

/** Bytes of a commit's header. Where producers sent some of it, a section about them follows; then come the frames. */
export const commitHeaderBytes = tagAndLength + bodyBytes;

/** Frames of one commit beyond this go to the next, so that a commit can be checked whole on every read. */
export const maxCommitFramesBytes = 256 * 1024;

/**
 * Writes the header in front of frames that are already in place, and seals both with the checksum. The frames begin
 * at `position + commitHeaderBytes`, or behind the producers' section that is there and takes `producersBytes`, and take
 * `framesBytes`. Without `last`, the commit is dense.
 */
export function sealCommit(
  target: Buffer,
  position: number,
  commit: {
    topicId: Buffer;
    base: bigint;
    last?: bigint;
    count: number;
    timeMs: number;
    framesBytes: number;
    producersBytes?: number;
  },
): void {
  const lastIfDense = commit.base + BigInt(commit.count) - 1n;
  const last = commit.last ?? lastIfDense;
  target[position] = tagByte0;
  target[position + 1] = tagByte1;
  const body = writeVarint(target, position + 2, bodyBytes);
  target.writeUInt32LE(last === lastIfDense ? denseVersion : sparseVersion, body + 4);
  target.set(commit.topicId, body + 8);
  writeUint64(target, Number(commit.base), body + 24);
  writeUint64(target, Number(last), body + 32);
  target.writeUInt32LE(commit.count, body + 40);
  target.writeUInt32LE(commit.framesBytes, body + 44);
  writeUint64(target, commit.timeMs, body + 48);
  const producersBytes = commit.producersBytes ?? 0;
  target.writeUInt32LE(producersBytes, body + 56);
  target.writeUInt32LE(
    crc32(target.subarray(body + headerChecksumStart, body + headerChecksumAt)),
    body + headerChecksumAt,
  );
  const end = position + commitHeaderBytes + producersBytes + commit.framesBytes;
  target.writeUInt32LE(crc32(target.subarray(body + 4, end)), body);
}

/** Reads the header at `position`; undefined unless it is complete and intact. What is behind it is not looked at. */
export function readCommitHeader(buffer: Buffer, position: number): CommitHeader | undefined {
  if (buffer.length - position < commitHeaderBytes) return undefined;
  if (buffer[position] !== tagByte0 || buffer[position + 1] !== tagByte1) return undefined;
  if (buffer[position + 2] !== bodyBytes) return undefined;
  const body = position + tagAndLength;
  const version = buffer.readUInt32LE(body + 4);
  const producersBytes = buffer.readUInt32LE(body + 56);
  if (version !== denseVersion && version !== sparseVersion) return undefined;
  if (producersBytes > maxSectionBytes) return undefined;
  const headerChecksum = crc32(buffer.subarray(body + headerChecksumStart, body + headerChecksumAt));
  if (headerChecksum !== buffer.readUInt32LE(body + headerChecksumAt)) return undefined;
  const base = buffer.readBigUInt64LE(body + 24);
  const last = buffer.readBigUInt64LE(body + 32);
  const count = buffer.readUInt32LE(body + 40);
  const gaps = last - base + 1n - BigInt(count);
  if (count === 0 || (version === denseVersion ? gaps !== 0n : gaps <= 0n)) return undefined;
  return {
    topicId: buffer.toString("hex", body + 8, body + 24),
    base,
    last,
    count,
    timeMs: Number(buffer.readBigUInt64LE(body + 48)),
    headerBytes: commitHeaderBytes + producersBytes,
    framesBytes: buffer.readUInt32LE(body + 44),
    checksum: buffer.readUInt32LE(body),
  };
}

/** True if the commit at `position`, all of which must be in the buffer, is what was written. */
export function isIntact(buffer: Buffer, position: number, header: CommitHeader): boolean {
  const end = position + header.headerBytes + header.framesBytes;
  return crc32(buffer.subarray(position + tagAndLength + 4, end)) === header.checksum;
}

/** What a segment has at the place of a commit. */
export interface CommitPlace {
  readonly topicId: string;
  /** The offset behind the commit before; a segment that was compacted may go on with a later one. */
  readonly expected: bigint;
  readonly isCompacted: boolean;
  /** The offset that the next segment begins with, if it is known. */
  readonly next: bigint | undefined;
  /** Bytes from here to the segment's end. */
  readonly room: number;
}

/** Why a commit cannot be the one that belongs to a place, if it cannot. */
export function misplacement(header: CommitHeader, place: CommitPlace): string | undefined {
  if (header.topicId !== place.topicId) return "a commit of another topic";
  if (place.isCompacted ? header.base < place.expected : header.base !== place.expected) {
    return `a commit with offset ${header.base} instead of ${place.expected}`;
  }
  if (!place.isCompacted && isSparse(header)) return "a commit with gaps in a segment that was never compacted";
  if (place.next !== undefined && header.last >= place.next) {
    return `a commit with offset ${header.last} in a segment that ends before ${place.next}`;
  }
  if (header.headerBytes + header.framesBytes > place.room) return "a commit that is longer than the segment";
  return undefined;
}
