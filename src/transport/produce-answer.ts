import { logServiceDefinition } from "../wire/definition.js";
import type { Status } from "../wire/generated/google/rpc/Status.js";
import { varintSize, writeVarint } from "../wire/records.js";

/** What a ProduceResponse says: where a batch was stored, or why one request of a stream was not, or none is any more. */
export type ProduceAnswer = StoredBatch | RefusedRequest;

/** Without a request id, why the stream takes no more. */
export interface RefusedRequest {
  readonly requestId?: bigint;
  readonly error: Status;
}

interface StoredBatch {
  readonly offset: bigint;
  readonly count: number;
  /** In hex. */
  readonly topicId: string;
  /** Any uint64. */
  readonly requestId: bigint | undefined;
}

const offsetTag = (1 << 3) | 0;
const countTag = (2 << 3) | 0;
const requestIdTag = (3 << 3) | 0;
const topicIdTag = (5 << 3) | 2;

/** A serialised ProduceResponse. There is one for every call, and the general codec takes as long for it as all the rest here. */
export function encodeProduceAnswer(answer: ProduceAnswer): Buffer {
  if ("error" in answer) return logServiceDefinition.Produce.responseSerialize(answer);
  const { count, topicId, requestId } = answer;
  const offset = Number(answer.offset);
  const idBytes = topicId.length / 2;
  const idSize = requestId === undefined ? 0 : 1 + uint64Size(requestId);
  const bytes = Buffer.allocUnsafe(1 + varintSize(offset) + 1 + varintSize(count) + idSize + 2 + idBytes);
  bytes[0] = offsetTag;
  let at = writeVarint(bytes, 1, offset);
  bytes[at++] = countTag;
  at = writeVarint(bytes, at, count);
  if (requestId !== undefined) {
    bytes[at++] = requestIdTag;
    at = writeUint64(bytes, at, requestId);
  }
  bytes[at++] = topicIdTag;
  bytes[at++] = idBytes;
  bytes.write(topicId, at, "hex");
  return bytes;
}

/** Client's numbers go beyond 2^53, unlike ours: above that the first seven bytes hold 49 bits, and the rest follows. */
const low49 = 2n ** 49n;

function uint64Size(value: bigint): number {
  return value < low49 ? varintSize(Number(value)) : 7 + varintSize(Number(value / low49));
}

function writeUint64(target: Buffer, position: number, value: bigint): number {
  if (value < low49) return writeVarint(target, position, Number(value));
  let low = Number(value % low49);
  for (let at = position; at < position + 7; at++) {
    target[at] = (low % 0x80) | 0x80;
    low = Math.floor(low / 0x80);
  }
  return writeVarint(target, position + 7, Number(value / low49));
}
