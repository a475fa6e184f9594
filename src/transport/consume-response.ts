import type { Consumed } from "../service/index.js";
import { varintSize, writeVarint } from "../wire/records.js";

const topicIdTag = (2 << 3) | 2;
const highWaterMarkTag = (3 << 3) | 0;

/**
 * A serialised ConsumeResponse: the stored frames as they are, and behind them what is said of the topic. It takes the
 * frames out of the response, which a stream holds as long as its reader stalls, beside the message on the wire.
 */
export function encodeConsumeResponse({ topicId, highWaterMark, frames }: Consumed): Buffer {
  const next = Number(highWaterMark);
  const trailer = Buffer.alloc(2 + topicId.length / 2 + 1 + varintSize(next));
  trailer[0] = topicIdTag;
  trailer[1] = topicId.length / 2;
  const at = 2 + trailer.write(topicId, 2, "hex");
  trailer[at] = highWaterMarkTag;
  writeVarint(trailer, at + 1, next);
  if (frames === undefined) return trailer;
  // grpc-js types a serialised message as a Buffer, and needs these two members of it.
  return new Pieces([...frames.parts.splice(0), trailer]) as Pick<Buffer, "byteLength" | "copy"> as Buffer;
}

/** What the records of a response take, in bytes. Zero for a message that is none. */
export function framesBytes({ frames }: Partial<Consumed>): number {
  return frames?.parts.reduce((sum, part) => sum + part.length, 0) ?? 0;
}

/**
 * Bytes in several places that grpc-js copies into the message that it sends, once: to join them first would be a second
 * copy of everything that is read, and most of what the garbage collector has to do.
 */
class Pieces {
  readonly byteLength: number;
  readonly #parts: readonly Buffer[];

  constructor(parts: readonly Buffer[]) {
    this.#parts = parts;
    this.byteLength = parts.reduce((sum, part) => sum + part.length, 0);
  }

  copy(target: Uint8Array, position = 0): number {
    let at = position;
    for (const part of this.#parts) {
      target.set(part, at);
      at += part.length;
    }
    return this.byteLength;
  }
}
