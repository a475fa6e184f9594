import { setImmediate as turn } from "node:timers/promises";
import { type RecordBatch, framesThatFit, writeFrames } from "../wire/records.js";
import { type KeyTable, keyOf } from "./compact-keys.js";
import { type FramesHeader, visitFrames } from "./record-frame.js";

/** Records of one commit, or what compaction left of them, as the frames that readers get. */
export interface Block extends FramesHeader {
  readonly timeMs: number;
  readonly frames: Buffer;
}

/** Frames of a batch beyond this go to the next block, so that a small read does not walk through a large batch. */
const maxFramesBytes = 64 * 1024;

/** What a block takes beside its frames, about: measured with Node 20. */
const blockBytes = 512;

/** What compaction passes over at a time. */
const stretchBytes = 1024 * 1024;

/** What a block takes in memory, in bytes. */
export function bytesOf(block: Block): number {
  return block.frames.length + blockBytes;
}

/** What the blocks of a batch take at most. */
export function mostBytesOf(batch: RecordBatch): number {
  // Two length prefixes, the offset and the time.
  const framesBytes = batch.source.length + 24 * batch.count;
  // A block ends where the next record does not fit, so that two in a row are always more than a full one.
  return framesBytes + blockBytes * (1 + Math.ceil((2 * framesBytes) / maxFramesBytes));
}

/** A batch as blocks, its first record at `offset`. */
export function blocksOf(batch: RecordBatch, offset: bigint, timeMs: number): Block[] {
  const blocks: Block[] = [];
  for (let from = 0; from < batch.count;) {
    const base = Number(offset) + from;
    const { to, bytes } = framesThatFit(batch, from, base, timeMs, maxFramesBytes, true);
    // Not from the pool: a small frame would keep all of its neighbours in memory.
    const frames = Buffer.allocUnsafeSlow(bytes);
    writeFrames(batch, from, to, base, timeMs, frames, 0);
    blocks.push({ base: BigInt(base), last: BigInt(base + to - from - 1), count: to - from, timeMs, frames });
    from = to;
  }
  return blocks;
}

/** Blocks in stretches that are not too much work at a time; between them others have their turn. */
export async function* inStretches(blocks: readonly Block[]): AsyncGenerator<readonly Block[]> {
  for (let from = 0, to = 0; from < blocks.length; from = to) {
    for (let bytes = 0; to < blocks.length && bytes < stretchBytes; to++) bytes += bytesOf(blocks[to]!);
    yield blocks.slice(from, to);
    await turn();
  }
}

/** Notes the keys of a block's records. */
export function noteKeys(block: Block, keys: KeyTable): void {
  visitFrames(block.frames, 0, block.frames.length, block, (frame) => {
    const key = keyOf(block.frames, frame);
    if (key !== undefined) keys.note(key, frame.offset);
  });
}

/** The block without the records whose key comes again; the same one if all stay, undefined if none does. */
export function withoutSuperseded(block: Block, keys: KeyTable): Block | undefined {
  const { frames, timeMs } = block;
  const kept: Buffer[] = [];
  const offsets: number[] = [];
  visitFrames(frames, 0, frames.length, block, (frame, position) => {
    const key = keyOf(frames, frame);
    if (key !== undefined && keys.hasLater(key, frame.offset)) return;
    kept.push(frames.subarray(position, frame.end));
    offsets.push(frame.offset);
  });
  const [base] = offsets;
  if (base === undefined) return undefined;
  if (offsets.length === block.count) return block;
  // A copy: what is left must not keep what is gone in memory.
  const left = Buffer.allocUnsafeSlow(kept.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of kept) at += part.copy(left, at);
  return { base: BigInt(base), last: BigInt(offsets.at(-1)!), count: offsets.length, timeMs, frames: left };
}
