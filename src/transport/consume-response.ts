import type { Consumed } from "../service/index.js";
import { varintSize, writeVarint } from "../wire/records.js";

const topicIdTag = (2 << 3) | 2;
const highWaterMarkTag = (3 << 3) | 0;

/** A serialised ConsumeResponse: the stored frames as they are, and behind them what is said of the topic. */
export function encodeConsumeResponse({ topicId, highWaterMark, frames }: Consumed): Buffer {
  const next = Number(highWaterMark);
  const trailer = Buffer.alloc(2 + topicId.length / 2 + 1 + varintSize(next));
  trailer[0] = topicIdTag;
  trailer[1] = topicId.length / 2;
  const at = 2 + trailer.write(topicId, 2, "hex");
  trailer[at] = highWaterMarkTag;
  writeVarint(trailer, at + 1, next);
  return frames === undefined ? trailer : Buffer.concat([...frames.parts, trailer]);
}
