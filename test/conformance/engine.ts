import { setMaxListeners } from "node:events";
import type { CommitLog, LogStore, ReadLimits } from "../../src/log/port.js";
import type { RecordOutput } from "../../src/wire/generated/log/v1/Record.js";
import type { RecordBatch } from "../../src/wire/records.js";
import { consumeResponseType, everything } from "../support/log-harness.js";

/** One engine that runs, with what the port has no words for. */
export interface Engine extends AsyncDisposable {
  /** Another one after `reopen` and `settle`: logs are found again by their names. */
  readonly store: LogStore;
  /** Lets this many milliseconds pass on the clock that ages records. */
  advance(milliseconds: number): void;
  /** Closes the store and opens it again. Asked only of engines that are durable. */
  reopen(): Promise<void>;
  /** The same as if the process had been killed: the store is told nothing. Asked only of engines that are durable. */
  crash(): Promise<void>;
  /**
   * Brings everything that the topic holds to where the engine compacts it and lets it go. It may append records with the
   * value `filler` and without a key behind it.
   */
  settle(tenant: string, topic: string): Promise<void>;
}

/** What an engine promises beyond, or short of, the port. */
export interface Capabilities {
  /** Everything is there again after it was closed and opened. */
  readonly durable: boolean;
  /** Old records go in pieces; the largest one, in stored bytes, with the small sizes of the suite. */
  readonly pieceBytes: number;
  /** A batch that is never taken, and why. */
  readonly refused: { readonly batch: () => RecordBatch; readonly reason: string };
}

/** Opens an engine that is new and empty. It takes records of a mebibyte and some more in all. */
export type OpenEngine = () => Promise<Engine>;

/** The log of a topic that there is. */
export function logOf(engine: Engine, topic: string, tenant = "acme"): CommitLog {
  const log = engine.store.find(tenant, topic);
  if (log === undefined) throw new Error(`there is no topic ${tenant}/${topic}`);
  return log;
}

export interface CheckedRead {
  readonly records: readonly RecordOutput[];
  readonly next: bigint;
  readonly bytes: number;
}

/** One read, decoded by protobufjs, and held against everything that the port says of any read. */
export async function readChecked(
  log: CommitLog,
  offset: bigint,
  limits: ReadLimits = everything,
): Promise<CheckedRead> {
  const frames = await log.read(offset, limits);
  // Each part by itself: a frame that crossed from one to the next would not decode.
  const records = frames.parts.flatMap((part) => consumeResponseType.deserialize(part).records);
  const bytes = frames.parts.reduce((sum, part) => sum + part.length, 0);
  const broken = (rule: string): Error => new Error(`a read from ${offset}: ${rule}`);
  if (records.length === 0) throw broken("gives no record");
  if (frames.count !== records.length) throw broken(`says ${frames.count} records and gives ${records.length}`);
  if (records[0]!.offset !== frames.offset) throw broken(`says ${frames.offset} and begins with ${records[0]!.offset}`);
  if (frames.offset < offset) throw broken(`begins before it, with ${frames.offset}`);
  for (const [index, record] of records.slice(1).entries()) {
    const before = records[index]!;
    if (record.offset <= before.offset) throw broken(`gives ${record.offset} behind ${before.offset}`);
    if (record.timestampMs < before.timestampMs) throw broken(`goes back in time at ${record.offset}`);
  }
  if (frames.next <= records.at(-1)!.offset) throw broken(`goes on at ${frames.next}, which it gave already`);
  if (records.length > limits.maxRecords) throw broken(`gives ${records.length} records, not ${limits.maxRecords}`);
  if (records.length > 1 && bytes > limits.maxBytes) throw broken(`gives ${bytes} bytes, not ${limits.maxBytes}`);
  return { records, next: frames.next, bytes };
}

/** All records from `from` to the end that there was when it began, over any gaps. */
export async function readThrough(
  log: CommitLog,
  from = log.range().base,
  limits: ReadLimits = everything,
): Promise<RecordOutput[]> {
  const all: RecordOutput[] = [];
  const end = log.range().next;
  for (let offset = from; offset < end;) {
    const read = await readChecked(log, offset, limits);
    all.push(...read.records);
    offset = read.next;
  }
  return all;
}

/** The values of all records, as text. */
export async function valuesOf(log: CommitLog, from?: bigint): Promise<string[]> {
  return (await readThrough(log, from)).map(({ value }) => value.toString());
}

export function outOfRange(requested: bigint, base: bigint, next: bigint) {
  return {
    reason: "OFFSET_OUT_OF_RANGE",
    facts: { requested: `${requested}`, base: `${base}`, next: `${next}` },
  };
}

/** `count` values that tell who they are. */
export function named(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** A signal that never aborts, for any number of those who wait. */
export const forever = new AbortController().signal;
setMaxListeners(0, forever);
