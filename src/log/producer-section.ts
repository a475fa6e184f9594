import { crc32 } from "node:zlib";
import { varintSize, writeVarint } from "../wire/records.js";
import type { BatchProducer } from "./port.js";
import { type KnownBatch, type NumberedBatch, Producer } from "./producer.js";
import { ProducerTable } from "./producer-table.js";

/**
 * What a commit says of producers (docs/format.md): field 2046 of a ConsumeResponse, between the commit's header and its
 * frames. All batches of one topic in one group are in one section, so that they are there or not as one; some sections
 * begin with a table of all that was known before.
 */
export interface ProducerSection {
  /** What was known before the batches; `lost` if damage has taken it; undefined if the section has no table. */
  readonly table: ProducerTable | "lost" | undefined;
  /** In the order of offsets. */
  readonly batches: readonly NumberedBatch[];
}

/** Field 2046, length-delimited. */
const tagByte0 = 0xf2;
const tagByte1 = 0x7f;
const kinds = { batches: 0, table: 1, lost: 2 } as const;
/** Checksum and kind. */
const fixedBytes = 5;
/** Tag, length, checksum, kind, and how many producers are in the table and in the batches. */
const mostBytesOfOwn = 2 + 4 + fixedBytes + 3 + 3;
/** Of one producer, beside its names: their lengths, epoch, sequence and how many batches. */
const mostBytesOfProducer = 2 + 4 + 8 + 3;
/** Count, checksum and offset. */
const mostBytesOfBatch = 3 + 4 + 8;
/** The largest section that is written is far below. */
export const maxSectionBytes = 4 * 1024 * 1024;

/** Batches of one producer and epoch, one behind the other. */
interface Run {
  readonly principal: string;
  readonly id: string;
  readonly epoch: number;
  /** Of the first batch. */
  readonly sequence: bigint;
  readonly batches: readonly KnownBatch[];
}

/** What a batch adds to a section, at most. */
export function mostBytesOfOne({ principal, id }: BatchProducer): number {
  return mostBytesOfOwn + principal.length + id.length + mostBytesOfProducer + mostBytesOfBatch;
}

/** What a table takes in a section, at most. */
export function mostBytesOfTable(table: ProducerTable): number {
  return mostBytesOfOwn + table.nameBytes + table.size * mostBytesOfProducer + table.batches * mostBytesOfBatch;
}

export function encodeSection({ table, batches }: ProducerSection): Buffer {
  const tableRuns = table instanceof ProducerTable ? [...table.all()].map(runOf) : [];
  const batchRuns = runsOf(batches);
  const target = Buffer.allocUnsafe(mostBytesOf(tableRuns) + mostBytesOf(batchRuns));
  // The length is known when all of it is written, and then takes as many bytes as it needs.
  const start = 2 + 4;
  target[start + 4] = table === undefined ? kinds.batches : table === "lost" ? kinds.lost : kinds.table;
  let at = start + fixedBytes;
  if (table instanceof ProducerTable) at = writeRuns(target, at, tableRuns);
  at = writeRuns(target, at, batchRuns);
  target.writeUInt32LE(crc32(target.subarray(start + 4, at)), start);
  const length = at - start;
  const begin = start - varintSize(length) - 2;
  target[begin] = tagByte0;
  target[begin + 1] = tagByte1;
  writeVarint(target, begin + 2, length);
  return target.subarray(begin, at);
}

/** Undefined unless the bytes are a section, from the first to the last, and what was written. */
export function decodeSection(bytes: Buffer): ProducerSection | undefined {
  if (bytes[0] !== tagByte0 || bytes[1] !== tagByte1) return undefined;
  const reader = new SectionReader(bytes, 2);
  const length = reader.varint();
  const start = reader.position;
  if (reader.isBroken() || length !== bytes.length - start || length < fixedBytes) return undefined;
  if (crc32(bytes.subarray(start + 4)) !== bytes.readUInt32LE(start)) return undefined;
  const kind = bytes[start + 4];
  reader.position = start + fixedBytes;
  let table: ProducerSection["table"];
  if (kind === kinds.lost) table = "lost";
  else if (kind === kinds.table) table = tableOf(reader.runs());
  else if (kind !== kinds.batches) return undefined;
  const batches = reader.runs().flatMap(batchesOf);
  if (reader.isBroken() || reader.position !== bytes.length) return undefined;
  return { table, batches: batches.sort((a, b) => (a.offset < b.offset ? -1 : 1)) };
}

function runOf({ principal, id, producer }: { principal: string; id: string; producer: Producer }): Run {
  const batches = [...producer.known()];
  const records = batches.reduce((sum, { count }) => sum + BigInt(count), 0n);
  return { principal, id, epoch: producer.epoch, sequence: producer.next - records, batches };
}

function runsOf(batches: readonly NumberedBatch[]): Run[] {
  const runs: Run[] = [];
  const open = new Map<string, { batches: NumberedBatch[]; next: bigint }>();
  for (const batch of batches) {
    const { principal, id, epoch, sequence } = batch.producer;
    const key = `${epoch} ${principal} ${id}`;
    const run = open.get(key);
    const next = sequence + BigInt(batch.count);
    if (run?.next === sequence) {
      run.batches.push(batch);
      run.next = next;
      continue;
    }
    const own = [batch];
    runs.push({ principal, id, epoch, sequence, batches: own });
    open.set(key, { batches: own, next });
  }
  return runs;
}

function tableOf(runs: readonly Run[]): ProducerTable {
  const table = new ProducerTable();
  for (const { principal, id, epoch, sequence, batches } of runs) {
    const producer = new Producer(epoch, sequence);
    for (const batch of batches) producer.note(batch);
    table.set({ principal, id }, producer);
  }
  return table;
}

function batchesOf({ principal, id, epoch, sequence, batches }: Run): NumberedBatch[] {
  let next = sequence;
  return batches.map((batch) => {
    const numbered = { ...batch, producer: { principal, id, epoch, sequence: next } };
    next += BigInt(batch.count);
    return numbered;
  });
}

function mostBytesOf(runs: readonly Run[]): number {
  let bytes = mostBytesOfOwn;
  for (const { principal, id, batches } of runs) {
    bytes += principal.length + id.length + mostBytesOfProducer + batches.length * mostBytesOfBatch;
  }
  return bytes;
}

function writeRuns(target: Buffer, position: number, runs: readonly Run[]): number {
  let at = writeVarint(target, position, runs.length);
  for (const { principal, id, epoch, sequence, batches } of runs) {
    for (const name of [principal, id]) {
      target[at++] = name.length;
      at += target.write(name, at, "latin1");
    }
    at = target.writeUInt32LE(epoch, at);
    at = target.writeBigUInt64LE(sequence, at);
    at = writeVarint(target, at, batches.length);
    let end = 0;
    for (const { count, checksum, offset } of batches) {
      at = writeVarint(target, at, count);
      at = target.writeUInt32LE(checksum, at);
      at = writeVarint(target, at, Number(offset) - end);
      end = Number(offset) + count;
    }
  }
  return at;
}

/** Reads what writeRuns wrote. Once something cannot be right it is broken, and what it gives means nothing. */
class SectionReader {
  readonly #bytes: Buffer;
  position: number;
  #broken = false;

  constructor(bytes: Buffer, position: number) {
    this.#bytes = bytes;
    this.position = position;
  }

  isBroken(): boolean {
    return this.#broken;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 53; factor *= 0x80) {
      const byte = this.#bytes[this.position++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#break();
    }
    return this.#break();
  }

  runs(): Run[] {
    const runs: Run[] = [];
    for (let left = this.varint(); left > 0 && !this.isBroken(); left--) runs.push(this.#run());
    return runs;
  }

  #run(): Run {
    const principal = this.#name();
    const id = this.#name();
    const epoch = this.#number(4, (at) => this.#bytes.readUInt32LE(at)) ?? 0;
    const sequence = this.#number(8, (at) => this.#bytes.readBigUInt64LE(at)) ?? 0n;
    const batches: KnownBatch[] = [];
    let end = 0;
    let next = sequence;
    for (let left = this.varint(); left > 0 && !this.isBroken(); left--) {
      const count = this.varint();
      const checksum = this.#number(4, (at) => this.#bytes.readUInt32LE(at)) ?? 0;
      const offset = end + this.varint();
      end = offset + count;
      next += BigInt(count);
      if (count === 0 || count > 0xffff_ffff || !Number.isSafeInteger(end)) this.#break();
      batches.push({ count, checksum, offset: BigInt(this.isBroken() ? 0 : offset) });
    }
    // Nobody is known without a batch, and no sequence needs more than 64 bits.
    if (batches.length === 0 || next >= 2n ** 64n) this.#break();
    return { principal, id, epoch, sequence, batches };
  }

  #name(): string {
    const length = this.#bytes[this.position++] ?? 0;
    const start = this.position;
    this.position += length;
    if (length === 0 || this.position > this.#bytes.length) this.#break();
    return this.#bytes.toString("latin1", start, this.position);
  }

  #number<T>(bytes: number, read: (at: number) => T): T | undefined {
    const at = this.position;
    this.position += bytes;
    if (this.position <= this.#bytes.length) return read(at);
    this.#break();
    return undefined;
  }

  #break(): number {
    this.#broken = true;
    return 0;
  }
}
