import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { isIntact, readCommitHeader } from "../log/commit.js";
import { isMissing } from "../log/durable-files.js";
import { decodeEntries, entryHeaderBytes } from "../log/journal-format.js";
import { type RescueHeader, decodeRescueHeader, rescueHeaderBytes, topicOfRescue } from "../log/rescue.js";
import type { ScannedEntry } from "./journal-scan.js";

/** A rescue file, sound or not. */
export interface ScannedRescue {
  readonly path: string;
  readonly topicId: string;
  readonly bytes: number;
  /** Undefined if it is damaged, of another topic, or of an unknown version. */
  readonly header: RescueHeader | undefined;
  /** True if all of the file is what was written. */
  readonly isIntact: boolean;
  /** In their order: what is whole, and what is damaged between. */
  readonly parts: readonly (RescuedEntry | DamagedRescue)[];
}

/** A commit that is whole. */
export interface RescuedEntry extends ScannedEntry {
  readonly kind: "commit";
  readonly header: NonNullable<ScannedEntry["header"]>;
}

/** Bytes that are no commit of the topic. */
export interface DamagedRescue {
  readonly kind: "damage";
  readonly position: number;
  /** Behind the last one. */
  readonly end: number;
}

/** Paths of the rescue files that have their names; none if there is no such directory. */
export async function rescueFiles(directory: string): Promise<{ readonly path: string; readonly topicId: string }[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.flatMap((name) => {
    const topicId = topicOfRescue(name);
    return topicId === undefined ? [] : [{ path: join(directory, name), topicId }];
  });
}

/** Every commit of a rescue file that is as it was written. Undefined if there is no such file. */
export async function scanRescue(path: string, topicId: string): Promise<ScannedRescue | undefined> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const decoded = decodeRescueHeader(bytes);
  const header = decoded?.topicId === topicId ? decoded : undefined;
  const payload = bytes.subarray(rescueHeaderBytes);
  const isWhole = BigInt(payload.length) === header?.payloadBytes && crc32(payload) === header.payloadChecksum;
  const parts = [...partsOf(bytes, topicId)];
  const isSound = parts.every(({ kind }) => kind === "commit") && parts.length === header?.entries;
  return { path, topicId, bytes: bytes.length, header, isIntact: isWhole && isSound, parts };
}

function* partsOf(bytes: Buffer, topicId: string): Generator<RescuedEntry | DamagedRescue> {
  let expected = 0n;
  for (let position = rescueHeaderBytes; position < bytes.length;) {
    const entry = entryAt(bytes, position, topicId, expected);
    if (entry === undefined) {
      const end = behindDamage(bytes, position, topicId, expected);
      yield { kind: "damage", position, end };
      position = end;
      continue;
    }
    yield entry;
    expected = entry.header.last + 1n;
    position = entry.at + entry.commit.length;
  }
}

/** The entry that begins there, if its commit is whole, of the topic, and not from before `expected`. */
function entryAt(bytes: Buffer, position: number, topicId: string, expected: bigint): RescuedEntry | undefined {
  const end = saidEnd(bytes, position);
  const entry = end === undefined ? undefined : decodeEntries(bytes.subarray(position, end), 1)?.[0];
  if (entry?.topicId !== topicId) return undefined;
  const header = readCommitHeader(entry.commit, 0);
  const isOwn = header?.topicId === topicId && header.headerBytes + header.framesBytes === entry.commit.length;
  if (!isOwn || header.base < expected || !isIntact(entry.commit, 0, header)) return undefined;
  return { kind: "commit", ...entry, at: position + entryHeaderBytes, header, isIntact: true };
}

/** Where an entry ends, as it says itself; undefined if that cannot be. */
function saidEnd(bytes: Buffer, position: number): number | undefined {
  const commit = position + entryHeaderBytes;
  if (commit > bytes.length) return undefined;
  const end = commit + bytes.readUInt32LE(commit - 4);
  return end <= bytes.length ? end : undefined;
}

/** Where the next whole entry begins, or the end. What a record holds may look like one: what a length says goes first. */
function behindDamage(bytes: Buffer, position: number, topicId: string, expected: bigint): number {
  const said = saidEnd(bytes, position);
  if (said !== undefined && (said === bytes.length || entryAt(bytes, said, topicId, expected) !== undefined))
    return said;
  const start = Buffer.from(topicId, "hex");
  for (let at = bytes.indexOf(start, position + 1); at !== -1; at = bytes.indexOf(start, at + 1)) {
    if (entryAt(bytes, at, topicId, expected) !== undefined) return at;
  }
  return bytes.length;
}
