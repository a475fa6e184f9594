import type { CommitLog, ReadLimits } from "../../src/log/port.js";
import type { RecordBatch } from "../../src/wire/records.js";
import { batchOf, consumeResponseType, everything } from "./log-harness.js";

/**
 * Records that say where they belong: topic id, offset, and the key that follows from the offset. Whatever is read can
 * be judged by itself: a record of another topic or at another offset, one too few or one too many.
 */
export function describedBatch(topicId: string, offset: bigint, count: number, bytes = 60): RecordBatch {
  return batchOf(
    Array.from({ length: count }, (_, index) => {
      const at = offset + BigInt(index);
      const key = keyAt(at);
      return { value: Buffer.from(valueAt(topicId, at, bytes)), ...(key === "" ? {} : { key: Buffer.from(key) }) };
    }),
  );
}

/** Appends where the log is at the moment, alone, and resolves when all is durable. */
export async function appendDescribed(log: CommitLog, count: number, bytes = 60): Promise<void> {
  const offset = log.range().next;
  const batch = describedBatch(log.topicId, offset, count, bytes);
  const { durable } = await log.append(batch, { expectedOffset: offset });
  await durable;
}

/** Few keys that come again and again, one that comes rarely, and sometimes none. */
export function keyAt(offset: bigint): string {
  if (offset % 11n === 0n) return "";
  return offset % 50n === 7n ? `rare ${offset}` : `key ${offset % 6n}`;
}

export interface Checked {
  readonly base: bigint;
  readonly next: bigint;
  readonly offsets: readonly bigint[];
}

/**
 * Reads all that there is: every record is the topic's own and at its place, and of those that must be there none is
 * missing: all of them, or if the topic may have been compacted, the last one of each key and all without a key.
 */
export async function checkDescribed(
  log: CommitLog,
  mayBeCompacted = false,
  limits: ReadLimits = everything,
): Promise<Checked> {
  const checked = await readDescribed(log, limits);
  checkComplete(checked, mayBeCompacted);
  return checked;
}

/** Reads all that there is: every record is the topic's own and at its place. */
export async function readDescribed(log: CommitLog, limits: ReadLimits = everything): Promise<Checked> {
  const { base, next } = log.range();
  const offsets: bigint[] = [];
  for (let from = base; from < next;) {
    const frames = await log.read(from, limits);
    for (const { offset, value, key } of consumeResponseType.deserialize(Buffer.concat(frames.parts)).records) {
      const expected = `${log.topicId} ${offset} `;
      if (!value.toString().startsWith(expected)) throw new Error(`not ${expected} but ${value.toString()}`);
      if (key.toString() !== keyAt(offset)) throw new Error(`not ${keyAt(offset)} but ${key.toString()} at ${offset}`);
      if (offset < from || offset <= (offsets.at(-1) ?? -1n)) throw new Error(`${offset} behind ${offsets.at(-1)}`);
      offsets.push(offset);
    }
    from = frames.next;
  }
  return { base, next, offsets };
}

/** @throws when a record is missing that must be there */
export function checkComplete({ base, next, offsets }: Checked, mayBeCompacted: boolean): void {
  const there = new Set(offsets);
  for (const offset of mustBeThere(base, next, mayBeCompacted)) {
    if (!there.has(offset)) throw new Error(`${offset} of [${base}, ${next}) is missing`);
  }
}

function mustBeThere(base: bigint, next: bigint, mayBeCompacted: boolean): bigint[] {
  const all = Array.from({ length: Number(next - base) }, (_, index) => base + BigInt(index));
  if (!mayBeCompacted) return all;
  const last = new Map(all.map((offset) => [keyAt(offset), offset]));
  return all.filter((offset) => keyAt(offset) === "" || last.get(keyAt(offset)) === offset);
}

function valueAt(topicId: string, offset: bigint, bytes: number): string {
  return `${topicId} ${offset} `.padEnd(bytes, "x");
}
