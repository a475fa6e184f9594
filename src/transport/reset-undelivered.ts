import { type ServerHttp2Stream, constants } from "node:http2";

/**
 * Resets the stream of a call that has ended if its status could not be delivered within `afterMs`. Flow control holds a
 * status back behind bytes that its reader does not take, and a client need not finish what it uploads: such a call
 * would last as long as the client likes, although it is over.
 */
export function resetLater(stream: ServerHttp2Stream | undefined, afterMs: number): void {
  if (stream === undefined || stream.destroyed) return;
  const timer = setTimeout(
    () => {
      stream.close(constants.NGHTTP2_CANCEL);
      // A peer that does not even take the reset must not hold what belongs to the stream either.
      stream.destroy();
    },
    Math.min(afterMs, longestTimeoutMs),
  );
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
}

/** Node takes a longer one for none at all. */
const longestTimeoutMs = 2 ** 31 - 1;
