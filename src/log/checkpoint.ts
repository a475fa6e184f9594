import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { OperatorError } from "../errors.js";
import { asRefusal, isMissing, replaceFile } from "./durable-files.js";
import type { JournalPlace } from "./journal.js";
import type { Sequence } from "./journal-format.js";

/** Where a topic's log ends: everything before it is in its segments and on disk. */
export interface TopicEnd {
  /** The offset behind the last record. */
  readonly next: bigint;
  /** Base offset of the segment that takes the next commit. */
  readonly segmentBase: bigint;
  /** Bytes in that segment. */
  readonly position: number;
  /** Time of the last commit, in milliseconds since 1970; 0 if there is none. */
  readonly timeMs: number;
}

/** What the segments hold: every group up to `sequence`. */
export interface Checkpoint {
  readonly sequence: Sequence;
  /** Where the group behind `sequence` begins, unless it begins a file of its own. */
  readonly place: JournalPlace;
  readonly ends: ReadonlyMap<string, TopicEnd>;
  /**
   * Topics of which a rescue file has what is between their end and `sequence`, and the offset behind the last record that
   * it must have: without this, nobody would miss the file.
   */
  readonly rescues: ReadonlyMap<string, bigint>;
}

const fileName = "checkpoint";
const magic = Buffer.from("ACLOGCKP", "latin1");
const version = 1;

/** magic 8, version 4, checksum 4, sequence 8, file 8, position 8, topics 4, rescues 4. */
const headerBytes = 48;
/** topic id 16, next 8, segment base 8, position 8, time 8. */
const endBytes = 48;
/** topic id 16, next 8. */
const rescueBytes = 24;

/** Durably puts the checkpoint in the place of the one before. */
export async function writeCheckpoint(journalDirectory: string, checkpoint: Checkpoint): Promise<void> {
  const { ends, rescues } = checkpoint;
  const bytes = Buffer.alloc(headerBytes + ends.size * endBytes + rescues.size * rescueBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(version, 8);
  bytes.writeBigUInt64LE(checkpoint.sequence, 16);
  bytes.writeBigUInt64LE(checkpoint.place.file, 24);
  bytes.writeBigUInt64LE(BigInt(checkpoint.place.position), 32);
  bytes.writeUInt32LE(ends.size, 40);
  bytes.writeUInt32LE(rescues.size, 44);
  let at = headerBytes;
  for (const [topicId, end] of ends) {
    bytes.write(topicId, at, "hex");
    bytes.writeBigUInt64LE(end.next, at + 16);
    bytes.writeBigUInt64LE(end.segmentBase, at + 24);
    bytes.writeBigUInt64LE(BigInt(end.position), at + 32);
    bytes.writeBigUInt64LE(BigInt(end.timeMs), at + 40);
    at += endBytes;
  }
  for (const [topicId, next] of rescues) {
    bytes.write(topicId, at, "hex");
    bytes.writeBigUInt64LE(next, at + 16);
    at += rescueBytes;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  await replaceFile(join(journalDirectory, fileName), bytes);
}

/** @throws OperatorError when it is missing or damaged: without it nobody knows what had been promised */
export async function readCheckpoint(journalDirectory: string): Promise<Checkpoint> {
  const path = join(journalDirectory, fileName);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isMissing(error)) throw new OperatorError(`${path} is missing; nothing was changed`);
    throw asRefusal(error, path);
  }
  const [topics, rescued] =
    bytes.length < headerBytes ? ([0, 0] as const) : ([bytes.readUInt32LE(40), bytes.readUInt32LE(44)] as const);
  const rescuesAt = headerBytes + topics * endBytes;
  if (
    bytes.length !== rescuesAt + rescued * rescueBytes ||
    !bytes.subarray(0, 8).equals(magic) ||
    bytes.readUInt32LE(12) !== crc32(bytes.subarray(16))
  ) {
    throw new OperatorError(`${path} is damaged; nothing was changed`);
  }
  const found = bytes.readUInt32LE(8);
  if (found !== version) {
    throw new OperatorError(
      `${path} has format version ${found}, and this aclog reads ${version}; nothing was changed`,
    );
  }
  const ends = new Map<string, TopicEnd>();
  for (let at = headerBytes; at < rescuesAt; at += endBytes) {
    ends.set(bytes.toString("hex", at, at + 16), {
      next: bytes.readBigUInt64LE(at + 16),
      segmentBase: bytes.readBigUInt64LE(at + 24),
      position: Number(bytes.readBigUInt64LE(at + 32)),
      timeMs: Number(bytes.readBigUInt64LE(at + 40)),
    });
  }
  const rescues = new Map<string, bigint>();
  for (let at = rescuesAt; at < bytes.length; at += rescueBytes) {
    rescues.set(bytes.toString("hex", at, at + 16), bytes.readBigUInt64LE(at + 16));
  }
  return {
    sequence: bytes.readBigUInt64LE(16),
    place: { file: bytes.readBigUInt64LE(24), position: Number(bytes.readBigUInt64LE(32)) },
    ends,
    rescues,
  };
}
