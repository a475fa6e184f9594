import type { BufferPool, Lease } from "../buffer-pool.js";
import type { Consumed, ConsumedRecords } from "../service/index.js";
import { frameEnd, varintSize, writeVarint } from "../wire/records.js";

const topicIdTag = (2 << 3) | 2;
const highWaterMarkTag = (3 << 3) | 0;

/** In front of every message: whether it is compressed, and its length. Source: gRPC over HTTP/2, Length-Prefixed-Message. */
const prefixBytes = 5;

/**
 * A serialised ConsumeResponse: the stored frames as they are, and behind them what is said of the topic. It takes the
 * frames out of the response, which grpc-js holds as long as nobody reads its answer.
 */
export function encodeConsumeResponse(consumed: Consumed): Buffer {
  const trailer = trailerOf(consumed);
  const { frames } = consumed;
  if (frames === undefined) return trailer;
  // grpc-js types a serialised message as a Buffer, and needs these two members of it.
  const pieces = new Pieces([...frames.parts.splice(0), trailer], frames.lease);
  return pieces as Pick<Buffer, "byteLength" | "copy"> as Buffer;
}

/** What the records of a response take, in bytes. Zero for a message that is none. */
export function framesBytes({ frames }: Partial<Consumed>): number {
  return frames?.parts.reduce((sum, part) => sum + part.length, 0) ?? 0;
}

/** What one message of a stream may hold. The first record always comes, however large it is. */
export interface MessageLimits {
  /** At least 1. */
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/**
 * What was read at a time, as the messages of a stream: one after the other with gRPC's framing, so that all of them are
 * one write. A write costs as much as storing a hundred records, whether it brings one of them or a thousand.
 */
export class ConsumeMessages {
  readonly #consumed: ConsumedRecords;
  readonly #limits: MessageLimits;
  readonly #trailer: Buffer;
  /** What they take at most. */
  readonly byteLength: number;

  constructor(consumed: ConsumedRecords, limits: MessageLimits) {
    this.#consumed = consumed;
    this.#limits = limits;
    this.#trailer = trailerOf(consumed);
    const bytes = framesBytes(consumed);
    const { count } = consumed.frames;
    // Two messages in a row are more than one may hold, or the first has as many records as it may.
    const messages = 1 + Math.ceil(count / limits.maxRecords) + Math.ceil((2 * bytes) / limits.maxBytes);
    this.byteLength = bytes + Math.min(messages, count) * (prefixBytes + this.#trailer.length);
  }

  /** Lends the bytes to be written. Called once: it gives back the memory of what was read. */
  encode(pool: BufferPool): { readonly bytes: Buffer; readonly lease: Lease } {
    const lease = pool.lend(this.byteLength);
    const messages = new MessageWriter(lease.bytes, this.#trailer);
    const { frames } = this.#consumed;
    const { maxRecords, maxBytes } = this.#limits;
    const isOne = frames.count <= maxRecords && framesBytes(this.#consumed) <= maxBytes;
    for (const part of frames.parts.splice(0)) messages.add(part, isOne ? undefined : this.#limits);
    frames.lease?.release();
    return { bytes: lease.bytes.subarray(0, messages.finish()), lease };
  }
}

/** Writes messages one behind the other. */
class MessageWriter {
  readonly #target: Buffer;
  readonly #trailer: Buffer;
  /** Where the message begins that is being written. */
  #start = 0;
  #position = prefixBytes;
  /** That are in it. */
  #records = 0;

  constructor(target: Buffer, trailer: Buffer) {
    this.#target = target;
    this.#trailer = trailer;
  }

  /** Adds to the message that is being written, and begins others. Without limits nothing looks for the ends of frames. */
  add(frames: Buffer, limits: MessageLimits | undefined): void {
    let from = 0;
    for (let at = 0; limits !== undefined && at < frames.length;) {
      // The log has checked that there is one.
      const end = frameEnd(frames, at, frames.length)!;
      const bytes = this.#position - this.#start - prefixBytes + end - from;
      if (this.#records === limits.maxRecords || (this.#records > 0 && bytes > limits.maxBytes)) {
        this.#copy(frames, from, at);
        this.#begin(this.finish());
        from = at;
      }
      this.#records++;
      at = end;
    }
    this.#copy(frames, from, frames.length);
  }

  /** Ends the message, and gives the position behind it. */
  finish(): number {
    this.#copy(this.#trailer, 0, this.#trailer.length);
    this.#target[this.#start] = 0;
    this.#target.writeUInt32BE(this.#position - this.#start - prefixBytes, this.#start + 1);
    return this.#position;
  }

  #begin(position: number): void {
    this.#start = position;
    this.#position = position + prefixBytes;
    this.#records = 0;
  }

  #copy(source: Buffer, from: number, to: number): void {
    this.#position += source.copy(this.#target, this.#position, from, to);
  }
}

/** What is said of the topic, behind the records. */
function trailerOf({ topicId, highWaterMark }: Consumed): Buffer {
  const next = Number(highWaterMark);
  const trailer = Buffer.allocUnsafe(2 + topicId.length / 2 + 1 + varintSize(next));
  trailer[0] = topicIdTag;
  trailer[1] = topicId.length / 2;
  const at = 2 + trailer.write(topicId, 2, "hex");
  trailer[at] = highWaterMarkTag;
  writeVarint(trailer, at + 1, next);
  return trailer;
}

/**
 * Bytes in several places that grpc-js copies into the message that it sends, once: to join them first would be a second
 * copy of everything that is read, and most of what the garbage collector has to do.
 */
class Pieces {
  readonly byteLength: number;
  readonly #parts: Buffer[];
  readonly #lease: Lease | undefined;

  constructor(parts: Buffer[], lease: Lease | undefined) {
    this.#parts = parts;
    this.#lease = lease;
    this.byteLength = parts.reduce((sum, part) => sum + part.length, 0);
  }

  copy(target: Uint8Array, position = 0): number {
    let at = position;
    for (const part of this.#parts.splice(0)) {
      target.set(part, at);
      at += part.length;
    }
    this.#lease?.release();
    return this.byteLength;
  }
}
