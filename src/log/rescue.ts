import { type FileHandle, open, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { RecordCorrupt } from "../errors.js";
import { isIntact, readCommitHeader } from "./commit.js";
import { readUpTo, syncDirectory, temporaryPathOf, writeFully } from "./durable-files.js";
import type { Gatherer } from "./gatherer.js";
import { type JournalEntry, decodeEntries, entryHeaderBytes, writeEntryHeader } from "./journal-format.js";
import type { OpenFiles } from "./open-files.js";
import { JournalDamaged } from "./replay.js";
import { lastIndexWhere } from "./search.js";

/**
 * `DATA/journal/rescue-TOPIC-ID` (docs/format.md): a topic's commits above its end in the checkpoint, when they could not
 * be brought to its segments. They are as they were in the journal, which may then be used again.
 */

const namePrefix = "rescue-";
const magic = Buffer.from("ACLOGRSC", "latin1");
const version = 1;
/** magic 8, version 4, checksum of what follows in the header 4, topic id 16, next 8, entries 4, checksum of the entries 4, their bytes 8, zero 8. */
export const rescueHeaderBytes = 64;
/** So much is written at a time. */
const chunkBytes = 1024 * 1024;

export function rescuePath(journalDirectory: string, topicId: string): string {
  return join(journalDirectory, `${namePrefix}${topicId}`);
}

/** True for the names of rescue files, also of those that a crash kept from being whole. */
export function isRescueName(name: string): boolean {
  return name.startsWith(namePrefix);
}

/** The topic of a rescue file, from its name; undefined for other files, and for one that is not whole. */
export function topicOfRescue(name: string): string | undefined {
  return /^rescue-([0-9a-f]{32})$/.exec(name)?.[1];
}

/** Where a commit is in the file. */
interface RescuedCommit {
  readonly base: bigint;
  readonly last: bigint;
  readonly timeMs: number;
  readonly position: number;
  readonly bytes: number;
}

/** What one rescue file holds: commits of one topic, one behind the other. Their bytes stay in the file. */
export class Rescue {
  readonly topicId: string;
  readonly path: string;
  /** In offset order, at least one. */
  readonly #commits: readonly RescuedCommit[];

  constructor(topicId: string, path: string, commits: readonly RescuedCommit[]) {
    this.topicId = topicId;
    this.path = path;
    this.#commits = commits;
  }

  /** The first offset. */
  get base(): bigint {
    return this.#commits[0]!.base;
  }

  /** The offset behind the last one. */
  get next(): bigint {
    return this.#commits.at(-1)!.last + 1n;
  }

  /** The first commit of that time or a later one; undefined if there is none. */
  commitAt(timeMs: bigint): { readonly base: bigint; readonly timeMs: number } | undefined {
    return this.#commits.find((commit) => BigInt(commit.timeMs) >= timeMs);
  }

  /** Gathers records from `offset` on, which must be here. @throws RecordCorrupt when the bytes are not what was written */
  async read(files: OpenFiles, offset: bigint, gatherer: Gatherer): Promise<void> {
    const first = lastIndexWhere(this.#commits, ({ base }) => base <= offset);
    for (let index = first; index < this.#commits.length; index++) {
      const { position, bytes: length } = this.#commits[index]!;
      const bytes = await files.read(this.path, (file) => readUpTo(file, position, length));
      const header = readCommitHeader(bytes, 0);
      const isWhole = header?.topicId === this.topicId && bytes.length === length && isIntact(bytes, 0, header);
      const more = isWhole ? gatherer.take(bytes, header.headerBytes, length, header) : undefined;
      if (more === undefined) {
        throw new RecordCorrupt(this.topicId, `${this.path}: byte ${position}`, "the checksum does not match");
      }
      if (!more) return;
    }
  }
}

/** Writes a rescue file beside its place; nothing counts before finish(). */
export class RescueWriter {
  readonly #directory: string;
  readonly #topicId: string;
  readonly #file: FileHandle;
  readonly #commits: RescuedCommit[] = [];
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #position = rescueHeaderBytes;
  #checksum = 0;

  private constructor(journalDirectory: string, topicId: string, file: FileHandle) {
    this.#directory = journalDirectory;
    this.#topicId = topicId;
    this.#file = file;
  }

  static async create(journalDirectory: string, topicId: string): Promise<RescueWriter> {
    const path = temporaryPathOf(rescuePath(journalDirectory, topicId));
    return new RescueWriter(journalDirectory, topicId, await open(path, "w", 0o600));
  }

  /** Adds the commit that follows; one that is there already is passed over. */
  async add({ segmentBase, position, commit }: JournalEntry): Promise<void> {
    const header = readCommitHeader(commit, 0);
    const next = this.#commits.at(-1)?.last;
    if (header === undefined) throw new Error(`topic ${this.#topicId}: a commit that cannot be read`);
    if (next !== undefined && header.last <= next) return;
    if (next !== undefined && header.base !== next + 1n) {
      throw new Error(`topic ${this.#topicId}: offset ${header.base} does not follow ${next}`);
    }
    const head = Buffer.alloc(entryHeaderBytes);
    const topicId = Buffer.from(this.#topicId, "hex");
    writeEntryHeader(head, 0, { topicId, segmentBase, position, commitBytes: commit.length });
    const { base, last, timeMs } = header;
    const at = this.#position + this.#waitingBytes + entryHeaderBytes;
    this.#commits.push({ base, last, timeMs, position: at, bytes: commit.length });
    this.#waiting.push(head, commit);
    this.#waitingBytes += entryHeaderBytes + commit.length;
    if (this.#waitingBytes >= chunkBytes) await this.#write();
  }

  /** Durably puts the file in its place, in that of an earlier one if there is one. Something must have been added. */
  async finish(): Promise<Rescue> {
    const path = rescuePath(this.#directory, this.#topicId);
    const rescue = new Rescue(this.#topicId, path, this.#commits);
    await this.#write();
    const header = Buffer.alloc(rescueHeaderBytes);
    magic.copy(header, 0);
    header.writeUInt32LE(version, 8);
    header.write(this.#topicId, 16, "hex");
    header.writeBigUInt64LE(rescue.next, 32);
    header.writeUInt32LE(this.#commits.length, 40);
    header.writeUInt32LE(this.#checksum, 44);
    header.writeBigUInt64LE(BigInt(this.#position - rescueHeaderBytes), 48);
    header.writeUInt32LE(crc32(header.subarray(16)), 12);
    await writeFully(this.#file, header, 0);
    await this.#file.sync();
    await this.#file.close();
    await rename(temporaryPathOf(path), path);
    await syncDirectory(this.#directory);
    return rescue;
  }

  /** Leaves nothing behind, as far as the disk lets it: what it does not, the next start removes. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await unlink(temporaryPathOf(rescuePath(this.#directory, this.#topicId))).catch(() => undefined);
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#checksum = crc32(bytes, this.#checksum);
    await writeFully(this.#file, bytes, this.#position);
    this.#position += bytes.length;
  }
}

/** What a rescue file says of itself. */
export interface RescueHeader {
  readonly topicId: string;
  /** The offset behind the last record. */
  readonly next: bigint;
  readonly entries: number;
  readonly payloadChecksum: number;
  readonly payloadBytes: bigint;
}

/** Undefined unless the file begins with an intact header of a version that this code reads. */
export function decodeRescueHeader(file: Buffer): RescueHeader | undefined {
  const header = file.subarray(0, rescueHeaderBytes);
  if (header.length < rescueHeaderBytes || !header.subarray(0, 8).equals(magic)) return undefined;
  if (header.readUInt32LE(8) !== version || header.readUInt32LE(12) !== crc32(header.subarray(16))) return undefined;
  return {
    topicId: header.toString("hex", 16, 32),
    next: header.readBigUInt64LE(32),
    entries: header.readUInt32LE(40),
    payloadChecksum: header.readUInt32LE(44),
    payloadBytes: header.readBigUInt64LE(48),
  };
}

/**
 * The commits of a rescue file, in order.
 *
 * @param next where they end at least, as the checkpoint says
 * @throws JournalDamaged when it cannot be what was written
 */
export async function readRescue(journalDirectory: string, topicId: string, next: bigint): Promise<JournalEntry[]> {
  const path = rescuePath(journalDirectory, topicId);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new JournalDamaged(path, 0, "the file is missing or cannot be read", cause);
  });
  const header = decodeRescueHeader(bytes);
  if (header === undefined) throw new JournalDamaged(path, 0, "the header is damaged or of an unknown version");
  if (header.topicId !== topicId) throw new JournalDamaged(path, 16, `the file is of topic ${header.topicId}`);
  const payload = bytes.subarray(rescueHeaderBytes);
  const entries = decodeEntries(payload, header.entries);
  const isWhole = BigInt(payload.length) === header.payloadBytes && crc32(payload) === header.payloadChecksum;
  if (!isWhole || entries === undefined) {
    throw new JournalDamaged(path, rescueHeaderBytes, "the checksum does not match");
  }
  if (header.next < next) {
    throw new JournalDamaged(path, 32, `offset ${next - 1n} had been durable, and the file does not have it`);
  }
  return entries;
}
