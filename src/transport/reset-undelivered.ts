import { type ServerHttp2Stream, constants } from "node:http2";
import { longestTimeoutMs } from "./timeouts.js";

/**
 * Streams whose status was sent and has not left yet. Flow control holds a status back behind bytes that its reader does
 * not take, and a client need not finish what it uploads: such a call would last as long as the client likes, although
 * it is over. After a while it is reset.
 */
export class UndeliveredStreams {
  readonly #afterMs: number;
  /** Since when, in the order of their times. */
  readonly #since = new Map<ServerHttp2Stream, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** One timer for all: at ten thousand calls a second one for each would cost as much as a part of the call. */
  add(stream: ServerHttp2Stream): void {
    this.#since.set(stream, performance.now());
    this.#timer ??= setTimeout(() => this.#look(), this.#afterMs).unref();
  }

  delete(stream: ServerHttp2Stream): void {
    this.#since.delete(stream);
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [stream, since] of this.#since) {
      const leftMs = since + this.#afterMs - now;
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#look(), leftMs).unref();
        return;
      }
      this.#since.delete(stream);
      reset(stream);
    }
  }
}

/** Resets a stream that is still there after `afterMs`. */
export function resetLater(stream: ServerHttp2Stream, afterMs: number): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => reset(stream), Math.min(afterMs, longestTimeoutMs)).unref();
  stream.once("close", () => clearTimeout(timer));
}

function reset(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  stream.close(constants.NGHTTP2_CANCEL);
  // A peer that does not even take the reset must not hold what belongs to the stream either.
  stream.destroy();
}
